// Chinese first, English by a switch. The choice stands in the address (`lang`) and is remembered.
import { createContext, useCallback, useContext, useEffect, useMemo, useState, type ReactNode } from 'react';
import { codes, type Pair, type Scale } from './codes';
import { words, type Word } from './words';

export type Language = 'zh' | 'en';

interface Speech {
  language: Language;
  setLanguage: (language: Language) => void;
  /** A word of the catalogue, with `{name}` replaced. */
  t: (word: Word, values?: Record<string, string | number>) => string;
  /** A code in words; as it is, where it has no name. */
  code: (scale: Scale, value: string | null | undefined) => string;
  /** That of two texts which is of the language; the other, where there is but one. */
  of: (zh: string | null | undefined, en: string | null | undefined) => string;
}

const Context = createContext<Speech | null>(null);
const KEPT = 'spotcheck.language';

function first(): Language {
  const asked = new URLSearchParams(location.search).get('lang') ?? localStorage.getItem(KEPT);
  return asked === 'en' ? 'en' : 'zh';
}

export function LanguageProvider({ children }: { children: ReactNode }) {
  const [language, set] = useState<Language>(first);
  const setLanguage = useCallback((next: Language) => {
    localStorage.setItem(KEPT, next);
    set(next);
  }, []);
  useEffect(() => {
    document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  }, [language]);
  const speech = useMemo<Speech>(() => {
    const place = language === 'zh' ? 0 : 1;
    return {
      language,
      setLanguage,
      t: (word, values) => {
        let text: string = words[word][place];
        for (const [name, value] of Object.entries(values ?? {})) {
          text = text.replaceAll(`{${name}}`, String(value));
        }
        return text;
      },
      code: (scale, value) => {
        if (!value) return '';
        const names: Record<string, Pair> = codes[scale];
        return names[value]?.[place] ?? value;
      },
      of: (zh, en) => (language === 'zh' ? zh || en : en || zh) ?? '',
    };
  }, [language, setLanguage]);
  return <Context value={speech}>{children}</Context>;
}

export function useSpeech(): Speech {
  const speech = useContext(Context);
  if (!speech) throw new Error('no language provider');
  return speech;
}
