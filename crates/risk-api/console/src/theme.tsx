// Light and dark, by the system's preference until somebody chooses.
import { theme as antd, type ThemeConfig } from 'antd';
import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from 'react';

interface Look {
  dark: boolean;
  setDark: (dark: boolean) => void;
}

const Context = createContext<Look>({ dark: false, setDark: () => undefined });
const KEPT = 'spotcheck.dark';

export function LookProvider({ children }: { children: ReactNode }) {
  const [dark, set] = useState(() => {
    const kept = localStorage.getItem(KEPT);
    return kept === null ? matchMedia('(prefers-color-scheme: dark)').matches : kept === 'true';
  });
  useEffect(() => {
    document.documentElement.dataset.theme = dark ? 'dark' : 'light';
  }, [dark]);
  const look = useMemo(
    () => ({
      dark,
      setDark: (next: boolean) => {
        localStorage.setItem(KEPT, String(next));
        set(next);
      },
    }),
    [dark],
  );
  return <Context value={look}>{children}</Context>;
}

export const useLook = () => useContext(Context);

/** Greys are darker than Ant Design's own, which do not reach a contrast of 4.5. */
export function themeOf(dark: boolean): ThemeConfig {
  const grey = (alpha: number) => (dark ? `rgba(255,255,255,${alpha})` : `rgba(0,0,0,${alpha})`);
  return {
    algorithm: dark ? antd.darkAlgorithm : antd.defaultAlgorithm,
    token: {
      colorPrimary: dark ? '#4a9eed' : '#0b5cad',
      colorError: dark ? '#ff8f8f' : '#b42318',
      colorLink: dark ? '#6db3f2' : '#0b5cad',
      colorTextSecondary: grey(0.75),
      colorTextTertiary: grey(0.68),
      colorTextQuaternary: grey(0.62),
      colorTextPlaceholder: grey(0.6),
      colorTextDescription: grey(0.68),
      fontFamily:
        "system-ui, -apple-system, 'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', 'Noto Sans SC', sans-serif",
      borderRadius: 6,
    },
    components: {
      Layout: { headerPadding: '0 16px', headerHeight: 52 },
      Table: { cellPaddingBlockSM: 6 },
    },
  };
}
