import react from '@vitejs/plugin-react';
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';

/**
 * The server's content security policy allows no inline style. Ant Design and its icons write their rules
 * through two small modules, in `style` elements; ours writes them into constructed style sheets, which are no markup.
 */
const sheets: Plugin = {
  name: 'constructed-sheets',
  enforce: 'pre',
  async resolveId(source, importer, options) {
    if (!/dynamicCSS|cssUtils/.test(source)) return null;
    const found = await this.resolve(source, importer, { ...options, skipSelf: true });
    const theirs = found?.id.split('?')[0];
    const known = /@rc-component\/util\/(es|lib)\/Dom\/dynamicCSS\.js$|@ant-design\/icons\/es\/cssUtils\.js$/;
    return theirs?.match(known) ? fileURLToPath(new URL('./src/sheets.ts', import.meta.url)) : null;
  },
};

export default defineConfig({
  base: '/console/',
  plugins: [sheets, react()],
  build: {
    target: 'es2022',
    // What a page needs later is fetched later; the limit only warns.
    chunkSizeWarningLimit: 700,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
  server: {
    proxy: Object.fromEntries(
      ['/v1', '/auth', '/openapi.json'].map((path) => [
        path,
        process.env.SPOTCHECK ?? 'http://127.0.0.1:8480',
      ]),
    ),
  },
});
