import { useQuery } from '@tanstack/react-query';
import { Alert, Button, Card, Input, Select, Spin } from 'antd';
import { LineChart } from 'echarts/charts';
import { useMemo, useState } from 'react';
import { useSearchParams } from 'react-router';
import { client, save, told, type Schemas } from '../api';
import { codes } from '../codes';
import { csv, percent, range, signed } from '../format';
import { useSpeech } from '../language';
import { Chart, draws, inks, type Option } from '../parts/Chart';
import { Failure } from '../parts/Failure';
import { useSectorChoices, useZoneChoices, type Choice } from '../parts/List';
import { ratesQuery } from '../parts/rates';
import { Explained, Title } from '../parts/small';
import { Table } from '../parts/Table';
import { useNames } from '../reference';
import { useLook } from '../theme';

draws([LineChart]);

type Rates = Schemas['PeriodRatesDto'];
type Rate = Schemas['PassRateDto'];

/** Results of equal weight below which a rate says too little: it is shown in grey. */
const ENOUGH = 30;
const enough = (rate: Rate | null | undefined) => !!rate && rate.effective_results >= ENOUGH;

function useDomains(): { label: string; options: Choice[] }[] {
  const { t, of, code } = useSpeech();
  const { data } = useNames();
  const zones = useZoneChoices();
  const sectors = useSectorChoices();
  const of_ = (kind: string, choices: Choice[]) => choices.map((one) => ({ value: `${kind}:${one.value}`, label: one.label }));
  return [
    { label: t('city'), options: [{ value: 'city', label: t('city') }] },
    { label: code('subjectKind', 'sector'), options: of_('sector', sectors) },
    { label: code('subjectKind', 'zone'), options: of_('zone', zones) },
    { label: code('subjectKind', 'product'), options: of_('product', (data?.products ?? []).map((one) => ({ value: one.code, label: of(one.zh, one.en) }))) },
    { label: t('rates.channel'), options: of_('channel', Object.keys(codes.channel).map((value) => ({ value, label: code('channel', value) }))) },
  ];
}

function Effect({ domain }: { domain: string }) {
  const { t } = useSpeech();
  const [address, setAddress] = useSearchParams();
  const [began, setBegan] = useState(address.get('began') ?? '');
  const [ended, setEnded] = useState(address.get('ended') ?? '');
  const [weeks, setWeeks] = useState(address.get('weeks') ?? '8');
  const asked_ = { began: address.get('began') ?? '', ended: address.get('ended') ?? '', weeks: address.get('weeks') ?? '8' };
  const asked = useQuery({
    queryKey: ['/v1/rates/effect', domain, asked_],
    queryFn: () =>
      told(
        client.GET('/v1/rates/effect', {
          params: { query: { domain, began: asked_.began, weeks: Number(asked_.weeks), ...(asked_.ended ? { ended: asked_.ended } : {}) } },
        }),
      ),
    enabled: asked_.began !== '' && domain !== 'city',
    retry: false,
  });
  return (
    <Card size="small" title={<Explained word="effect.title" topic="effect" />}>
      {domain === 'city' ? (
        <p className="quiet">{t('effect.not-city')}</p>
      ) : (
        <form
          className="row"
          onSubmit={(event) => {
            event.preventDefault();
            const next = new URLSearchParams(address);
            next.set('began', began);
            if (ended) next.set('ended', ended);
            else next.delete('ended');
            next.set('weeks', weeks);
            setAddress(next);
          }}
        >
          <div className="field">
            <label htmlFor="effect-began">{t('effect.began')}</label>
            <Input id="effect-began" type="date" value={began} onChange={(event) => setBegan(event.target.value)} required />
          </div>
          <div className="field">
            <label htmlFor="effect-ended">{t('effect.ended')}</label>
            <Input id="effect-ended" type="date" value={ended} onChange={(event) => setEnded(event.target.value)} />
          </div>
          <div className="field">
            <label htmlFor="effect-weeks">{t('effect.weeks')}</label>
            <Input id="effect-weeks" type="number" min={1} max={52} value={weeks} onChange={(event) => setWeeks(event.target.value)} style={{ width: 80 }} />
          </div>
          <Button htmlType="submit" type="primary">
            {t('effect.do')}
          </Button>
        </form>
      )}
      {asked.error && <Failure error={asked.error} />}
      {asked.data && (
        <div className="gap">
          <p>
            <strong>
              {t('effect.sentence', { effect: signed(100 * asked.data.effect), lower: signed(100 * asked.data.lower), upper: signed(100 * asked.data.upper) })}
            </strong>{' '}
            <span className="quiet">{t(asked.data.basis === 'design' ? 'effect.design' : 'effect.adjusted')}</span>
          </p>
          <Table
            label={t('effect.title')}
            rows={[
              { name: t('effect.before'), from: asked.data.before_from, until: asked.data.before_until, own: asked.data.before, city: asked.data.city_before },
              { name: t('effect.after'), from: asked.data.after_from, until: asked.data.after_until, own: asked.data.after, city: asked.data.city_after },
            ]}
            rowKey={(row) => row.name}
            columns={[
              { key: 'name', title: t('effect.period'), show: (row) => `${row.name} ${row.from} – ${row.until}` },
              { key: 'own', title: t('effect.own'), number: true, show: (row) => `${percent(row.own?.pass_rate)} (${range(row.own)})` },
              { key: 'city', title: t('effect.city'), number: true, show: (row) => `${percent(row.city?.pass_rate)} (${range(row.city)})` },
            ]}
          />
        </div>
      )}
    </Card>
  );
}

export default function RatesPage() {
  const { t, of, code } = useSpeech();
  const { dark } = useLook();
  const [address, setAddress] = useSearchParams();
  const domain = address.get('domain') ?? 'city';
  const period = address.get('period') ?? 'month';
  const domains = useDomains();
  const asked = useQuery(ratesQuery(domain, period, period === 'week' ? 52 : period === 'month' ? 24 : 12));
  const ink = inks(dark);
  const rows = useMemo(() => (asked.data?.items ?? []).toReversed(), [asked.data]);
  const best = (row: Rates) => row.design ?? row.composite ?? row.random;
  const change = (name: string, value: string) => {
    const next = new URLSearchParams(address);
    next.set(name, value);
    setAddress(next);
  };
  const option = useMemo<Option>(() => {
    const share = (value: number | undefined) => (value === undefined ? null : Number((100 * value).toFixed(2)));
    const band = (row: Rates) => row.design;
    const colours: Record<string, string> = {
      risk_evaluation: ink.teal,
      supervisory_check: '#8a5bd1',
      special_check: ink.red,
      fast_test: '#b58900',
      enforcement_test: ink.grey,
    };
    const raw = Object.keys(codes.mode).map((mode) => ({
      name: t('rates.raw.of', { mode: code('mode', mode) }),
      type: 'line',
      symbol: 'circle',
      symbolSize: 4,
      lineStyle: { width: 1, type: 'dotted', color: colours[mode] },
      itemStyle: { color: colours[mode] },
      data: rows.map((row) => {
        const rate = row.raw[mode];
        return rate ? { value: share(rate.pass_rate), itemStyle: { opacity: enough(rate) ? 1 : 0.25 } } : null;
      }),
    }));
    return {
      grid: { left: 8, right: 16, top: 62, bottom: 8, containLabel: true },
      legend: { top: 0, textStyle: { color: ink.text }, data: [t('rates.design'), t('rates.random'), t('rates.composite'), ...raw.map((one) => one.name)] },
      tooltip: { trigger: 'axis', valueFormatter: (value: number | null | undefined) => (value === null || value === undefined ? '–' : `${value}%`) },
      xAxis: { type: 'category', data: rows.map((row) => row.from), axisLabel: { color: ink.text } },
      yAxis: { type: 'value', scale: true, max: 100, axisLabel: { color: ink.text, formatter: '{value}%' }, splitLine: { lineStyle: { color: ink.line } } },
      series: [
        { name: 'lower', type: 'line', stack: 'band', symbol: 'none', lineStyle: { opacity: 0 }, tooltip: { show: false }, data: rows.map((row) => share(band(row)?.lower)) },
        {
          name: 'band',
          type: 'line',
          stack: 'band',
          symbol: 'none',
          lineStyle: { opacity: 0 },
          areaStyle: { color: ink.blue, opacity: 0.16 },
          tooltip: { show: false },
          data: rows.map((row) => {
            const of_ = band(row);
            return of_ ? share(of_.upper - of_.lower) : null;
          }),
        },
        { name: t('rates.design'), type: 'line', lineStyle: { width: 3 }, itemStyle: { color: ink.blue }, data: rows.map((row) => (row.design ? { value: share(row.design.pass_rate), itemStyle: { opacity: enough(row.design) ? 1 : 0.25 } } : null)) },
        { name: t('rates.random'), type: 'line', itemStyle: { color: ink.green }, data: rows.map((row) => (row.random ? { value: share(row.random.pass_rate), itemStyle: { opacity: enough(row.random) ? 1 : 0.25 } } : null)) },
        { name: t('rates.composite'), type: 'line', lineStyle: { type: 'dashed' }, itemStyle: { color: ink.text }, data: rows.map((row) => share(row.composite?.pass_rate)) },
        ...raw,
      ],
    };
  }, [rows, t, code, dark]);
  const mix = useMemo<Option>(() => {
    const told_ = rows.filter((row) => row.change);
    return {
      grid: { left: 8, right: 8, top: 32, bottom: 8, containLabel: true },
      legend: { top: 0, textStyle: { color: ink.text } },
      tooltip: { trigger: 'axis', valueFormatter: (value: number) => t('points', { n: signed(value) }) },
      xAxis: { type: 'category', data: told_.map((row) => row.from), axisLabel: { color: ink.text } },
      yAxis: { type: 'value', axisLabel: { color: ink.text }, splitLine: { lineStyle: { color: ink.line } } },
      series: [
        { name: t('change.quality'), type: 'bar', stack: 'x', itemStyle: { color: ink.blue }, data: told_.map((row) => Number((100 * (row.change?.quality ?? 0)).toFixed(2))) },
        { name: t('change.choice'), type: 'bar', stack: 'x', itemStyle: { color: ink.grey }, data: told_.map((row) => Number((100 * (row.change?.choice ?? 0)).toFixed(2))) },
      ],
    };
  }, [rows, t, dark]);
  const figure = (rate: Rate | null | undefined) =>
    rate ? (
      <span className={enough(rate) ? undefined : 'quiet'} title={t('rates.effective', { n: rate.effective_results.toFixed(1) })}>
        {percent(rate.pass_rate)} <span className="quiet">({range(rate)})</span>
        {!enough(rate) && ` ${t('rates.thin')}`}
      </span>
    ) : (
      '–'
    );
  const latest = asked.data?.items ?? [];
  const exportAll = () => {
    const modes = Object.keys(codes.mode);
    const cells = (rate: Rate | null | undefined) => [rate?.pass_rate, rate?.lower, rate?.upper, rate?.effective_results];
    const head = (name: string) => ['pass_rate', 'lower', 'upper', 'effective_results'].map((one) => `${name}.${one}`);
    save(
      `pass-rates-${domain.replaceAll(':', '-')}-${period}.csv`,
      csv(
        ['from', 'until', 'complete', ...head('design'), ...head('random'), ...head('composite'), ...modes.flatMap((mode) => head(`raw.${mode}`))],
        latest.map((row) => [row.from, row.until, String(row.complete), ...cells(row.design), ...cells(row.random), ...cells(row.composite), ...modes.flatMap((mode) => cells(row.raw[mode]))]),
      ),
    );
  };
  return (
    <>
      <Title title={t('nav.rates')} lead={t('rates.lead')}>
        <Button onClick={exportAll} disabled={latest.length === 0}>
          {t('list.export')}
        </Button>
      </Title>
      <div className="row" style={{ marginBottom: 12 }}>
        <div className="field">
          <label htmlFor="rates-domain">{t('goal.of')}</label>
          <Select id="rates-domain" style={{ width: 260 }} showSearch={{ optionFilterProp: 'label' }} value={domain} options={domains} onChange={(value) => change('domain', value)} />
        </div>
        <div className="field">
          <label htmlFor="rates-period">{t('rates.period')}</label>
          <Select id="rates-period" style={{ width: 110 }} value={period} options={['week', 'month', 'quarter'].map((value) => ({ value, label: code('period', value) }))} onChange={(value) => change('period', value)} />
        </div>
      </div>
      {asked.error && <Failure error={asked.error} />}
      {asked.data?.notices.map((notice) => <Alert key={notice.en} type="warning" showIcon title={of(notice.zh, notice.en)} style={{ marginBottom: 8 }} />)}
      <Spin spinning={asked.isLoading}>
        <Card size="small" title={<Explained word="rates.title" topic="design" />}>
          <Chart label={t('rates.title')} option={option} height={360} />
          <Table
            label={t('rates.title')}
            rows={latest}
            rowKey={(row) => row.from}
            greyed={(row) => !enough(best(row))}
            columns={[
              { key: 'from', title: t('rates.from'), show: (row) => `${row.from}${row.complete ? '' : ` ${t('rates.incomplete')}`}`, short: true },
              { key: 'design', title: t('rates.design'), number: true, show: (row) => (row.corrected ? figure(row.design) : t('rates.uncorrected')) },
              { key: 'random', title: t('rates.random'), number: true, show: (row) => figure(row.random) },
              { key: 'composite', title: t('rates.composite'), number: true, show: (row) => figure(row.composite) },
              ...Object.keys(codes.mode).map((mode) => ({ key: mode, title: t('rates.raw.of', { mode: code('mode', mode) }), number: true, show: (row: Rates) => figure(row.raw[mode]) })),
            ]}
          />
        </Card>
      </Spin>
      <div className="grid gap">
        <Card className="half" size="small" title={<Explained word="rates.mix" topic="change" />}>
          <Chart label={t('rates.mix')} option={mix} height={240} />
        </Card>
        <div className="half">
          <Effect domain={domain} />
        </div>
      </div>
    </>
  );
}
