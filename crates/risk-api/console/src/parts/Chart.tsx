// A chart of Apache ECharts, of the parts that the console draws with. Its figures stand beside it as a
// table, for whoever does not see it.
import { BarChart } from 'echarts/charts';
import { GridComponent, LegendComponent, TooltipComponent } from 'echarts/components';
import * as echarts from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';
import { useEffect, useRef, type ReactNode } from 'react';
import { useSpeech } from '../language';
import { useLook } from '../theme';

// Pages that draw more kinds register them (`draws`), so that none loads what it does not draw.
echarts.use([BarChart, CanvasRenderer, GridComponent, LegendComponent, TooltipComponent]);

/** Registers what a page draws besides bars. */
export const draws = (parts: Parameters<typeof echarts.use>[0]) => echarts.use(parts);

export type Option = echarts.EChartsCoreOption;

/** Colours of charts, light and dark. */
export function inks(dark: boolean) {
  return {
    text: dark ? '#d6dae0' : '#2b3038',
    quiet: dark ? '#a3aab4' : '#5b636e',
    line: dark ? '#3a3f47' : '#d9dde3',
    surface: dark ? '#1f2329' : '#ffffff',
    blue: dark ? '#6db3f2' : '#0b5cad',
    teal: dark ? '#5fd0c5' : '#0a7a70',
    red: dark ? '#ff8f8f' : '#b42318',
    green: dark ? '#7ddc95' : '#1d6b34',
    grey: dark ? '#8a919b' : '#8b939e',
    /** From hardly any risk to much of it. */
    heat: dark
      ? ['#14304a', '#2d5f7f', '#8a7a3a', '#c46a2e', '#e0483e']
      : ['#eaf3fb', '#a9d3ee', '#fbe3a2', '#f5a35c', '#d7402b'],
  };
}

interface Props {
  /** What it shows, in a sentence. */
  label: string;
  option: Option;
  height: number;
  /** Called with the data of what was clicked. */
  onPick?: (data: unknown) => void;
  /** The same figures as a table. */
  figures?: ReactNode;
}

export function Chart({ label, option, height, onPick, figures }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<echarts.ECharts | null>(null);
  const pick = useRef(onPick);
  pick.current = onPick;
  const { dark } = useLook();
  const { t } = useSpeech();
  useEffect(() => {
    if (!place.current) return;
    const made = echarts.init(place.current);
    chart.current = made;
    made.on('click', (event) => pick.current?.(event.data));
    const observer = new ResizeObserver(() => made.resize());
    observer.observe(place.current);
    return () => {
      observer.disconnect();
      made.dispose();
      chart.current = null;
    };
  }, []);
  useEffect(() => {
    const ink = inks(dark);
    const base: Option = {
      animation: false,
      textStyle: { color: ink.text, fontFamily: 'inherit' },
      ...option,
      // Rich text is drawn; markup would bring inline styles, which the server's policy forbids.
      tooltip: {
        renderMode: 'richText',
        confine: true,
        backgroundColor: ink.surface,
        borderColor: ink.line,
        textStyle: { color: ink.text, fontSize: 13 },
        ...(option.tooltip as object | undefined),
      },
    };
    chart.current?.setOption(base, true);
  }, [option, dark]);
  return (
    <figure style={{ margin: 0 }}>
      <div ref={place} className="chart" style={{ height }} role="img" aria-label={label} />
      {figures && (
        <details className="figures">
          <summary>{t('chart.figures')}</summary>
          {figures}
        </details>
      )}
    </figure>
  );
}
