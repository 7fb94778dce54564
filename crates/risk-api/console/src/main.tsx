import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { createRoot } from 'react-dom/client';
import { Problem } from './api';
import { App } from './app';
import { LanguageProvider } from './language';
import './style.css';
import { LookProvider } from './theme';

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      // What the server refuses it refuses again; what is on its way may come.
      retry: (times, error) => times < 2 && (!(error instanceof Problem) || error.status >= 500),
      staleTime: 15_000,
      refetchOnWindowFocus: false,
    },
  },
});

const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <LanguageProvider>
      <LookProvider>
        <QueryClientProvider client={queries}>
          <App />
        </QueryClientProvider>
      </LookProvider>
    </LanguageProvider>,
  );
}
