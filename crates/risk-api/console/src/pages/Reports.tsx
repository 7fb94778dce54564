import { useQuery } from '@tanstack/react-query';
import { Alert, Card, Input, Segmented, Select, Spin } from 'antd';
import { useSearchParams } from 'react-router';
import { client, told, type Schemas } from '../api';
import { percent, range } from '../format';
import { useSpeech } from '../language';
import { Failure } from '../parts/Failure';
import { FileButton } from '../parts/FileButton';
import { useSectorChoices, useZoneChoices } from '../parts/List';
import { AlertLevel, Explained, Level, SubjectLink, Title } from '../parts/small';
import { Table } from '../parts/Table';
import { useNames } from '../reference';
import { STAFF, useSession } from '../session';

const KINDS = ['weekly', 'monthly', 'sheet'] as const;
type Kind = (typeof KINDS)[number];
type Report = Schemas['ReportDto'];
type Sheet = Schemas['ZoneSheetDto'];
type Rate = Schemas['PassRateDto'];

const sum = (numbers: number[]) => numbers.reduce((all, one) => all + one, 0);

/** What stands in a report and on a sheet alike. */
function Handling({ of }: { of: Report | Sheet }) {
  const { t, code, language } = useSpeech();
  const named = (row: { name?: string | null | undefined; name_en?: string | null | undefined }) => (language === 'zh' ? row.name : (row.name_en ?? row.name));
  const figures = [
    { word: t('reports.alerts'), value: of.alerts.open, beside: t('reports.opened', { opened: of.alerts.opened, closed: of.alerts.closed }) },
    { word: t('reports.cases'), value: sum(of.cases.map((kind) => kind.open)), beside: t('reports.overdue', { n: sum(of.cases.map((kind) => kind.overdue)) }) },
    { word: t('reports.problems'), value: of.lists.problems.overdue ?? 0, beside: t('reports.verified', { n: of.lists.verified }) },
    { word: t('lists.assistance'), value: of.lists.assisted, beside: '' },
  ];
  return (
    <>
      {figures.map((figure) => (
        <Card key={figure.word} className="quarter" size="small" title={figure.word}>
          <div className="figure">{figure.value}</div>
          <p className="quiet">{figure.beside}</p>
        </Card>
      ))}
      <Card className="half" size="small" title={t('reports.gravest')}>
        <Table
          label={t('reports.gravest')}
          rows={of.alerts.gravest}
          rowKey={(row) => row.id}
          empty={t('list.empty')}
          columns={[
            { key: 'level', title: t('alerts.level'), show: (row) => <AlertLevel level={row.level} />, short: true },
            { key: 'who', title: t('grade.subject'), show: (row) => <SubjectLink subject={row.subject} name={named(row)} /> },
            { key: 'why', title: t('subject.why'), show: (row) => (language === 'zh' ? row.reason_zh : row.reason_en) },
          ]}
        />
      </Card>
      <Card className="half" size="small" title={t('reports.due')}>
        <Table
          label={t('reports.due')}
          rows={of.due}
          rowKey={(row) => `${row.case_id}-${row.term}`}
          greyed={(row) => !row.overdue}
          empty={t('list.empty')}
          columns={[
            { key: 'day', title: t('case.last-day'), show: (row) => row.last_day, short: true },
            { key: 'who', title: t('grade.subject'), show: (row) => <SubjectLink subject={row.subject} name={named(row)} /> },
            { key: 'term', title: t('case.term'), show: (row) => code('term', row.term) },
            { key: 'basis', title: t('case.basis'), show: (row) => row.basis },
          ]}
        />
      </Card>
    </>
  );
}

function Rates({ of }: { of: Report }) {
  const { t, language } = useSpeech();
  const figure = (rate: Rate | null | undefined) =>
    rate ? (
      <span className={rate.effective_results < of.least_effective ? 'quiet' : undefined} title={t('rates.effective', { n: rate.effective_results.toFixed(1) })}>
        {percent(rate.pass_rate, 2)} <span className="quiet">({range(rate, 2)})</span>
        {rate.effective_results < of.least_effective && ` ${t('rates.thin')}`}
      </span>
    ) : (
      '–'
    );
  const whole = { domain: of.domain, name: of.name, name_en: of.name_en, raw: of.raw, rates: of.rates };
  return (
    <Card size="small" title={<Explained word="rates.title" topic="design" />}>
      {of.notices.map((notice) => <Alert key={notice.en} type="warning" showIcon title={language === 'zh' ? notice.zh : notice.en} style={{ marginBottom: 8 }} />)}
      <Table
        label={t('rates.title')}
        rows={[whole, ...of.parts]}
        rowKey={(row) => row.domain}
        columns={[
          { key: 'of', title: t('goal.of'), show: (row) => (language === 'zh' ? row.name : row.name_en) },
          { key: 'design', title: t('rates.design'), number: true, show: (row) => (row.rates.corrected ? figure(row.rates.design) : t('rates.uncorrected')) },
          { key: 'random', title: t('rates.random'), number: true, show: (row) => figure(row.rates.random) },
          { key: 'raw', title: t('reports.raw'), number: true, show: (row) => figure(row.raw) },
        ]}
      />
    </Card>
  );
}

/** Reports and sheets: what they will say, and the files for the desk and the wall. */
export default function Reports() {
  const { t, language } = useSpeech();
  const { may, known } = useSession();
  const { tree } = useNames();
  const [address, setAddress] = useSearchParams();
  const zones = useZoneChoices();
  const sectors = useSectorChoices();
  const staff = may(...STAFF);
  const kinds = KINDS.filter((kind) => staff || kind === 'sheet');
  const kind: Kind = kinds.find((one) => one === address.get('kind')) ?? kinds[0] ?? 'sheet';
  const own = known.zones ?? [];
  // A manager's are the zones that they manage, and what lies in them.
  const parents = new Map(tree.map((one) => [one.zone.id, one.zone.parent]));
  const mine = (id: string | null | undefined): boolean => !!id && (staff || own.includes(id) || mine(parents.get(id)));
  const zone = address.get('zone') ?? own[0] ?? tree.find((one) => one.depth > 0)?.zone.id ?? '';
  const domain = address.get('domain') ?? 'city';
  const date = address.get('date') ?? '';
  const change = (name: string, value: string) => {
    const next = new URLSearchParams(address);
    if (value) next.set(name, value);
    else next.delete(name);
    setAddress(next);
  };
  const query = { ...(date ? { date } : {}) };
  const asked = useQuery({
    queryKey: ['/v1/reports', kind, kind === 'sheet' ? zone : domain, date],
    queryFn: async (): Promise<Report | Sheet> => {
      if (kind === 'sheet') return told(client.GET('/v1/reports/zone', { params: { query: { ...query, zone } } }) as Promise<{ data?: Sheet; response: Response }>);
      const path = kind === 'weekly' ? '/v1/reports/weekly' : '/v1/reports/monthly';
      return told(client.GET(path, { params: { query: { ...query, domain } } }) as Promise<{ data?: Report; response: Response }>);
    },
    enabled: kind !== 'sheet' || zone !== '',
    retry: false,
  });
  const made = asked.data;
  const file = (format: string) => {
    const of = kind === 'sheet' ? zone : domain;
    const wanted = new URLSearchParams({ [kind === 'sheet' ? 'zone' : 'domain']: of, ...query, lang: language, format });
    const name = `${kind}-${of}-${made?.basis.from ?? date}`.replaceAll(/[^A-Za-z0-9-]/g, '-');
    return { path: `/v1/reports/${kind === 'sheet' ? 'zone' : kind}?${wanted}`, name: `${name}.${format}`, disabled: !made };
  };
  const kindWords = { weekly: t('reports.weekly'), monthly: t('reports.monthly'), sheet: t('reports.sheet') };
  return (
    <>
      <Title title={t('nav.reports')} lead={t('reports.lead')}>
        <FileButton type="primary" {...file('pdf')}>
          PDF
        </FileButton>
        <FileButton {...file('xlsx')}>
          XLSX
        </FileButton>
        <FileButton {...file('html')}>HTML</FileButton>
      </Title>
      <div className="row" style={{ marginBottom: 12 }}>
        <Segmented aria-label={t('reports.kind')} value={kind} onChange={(value) => change('kind', value)} options={kinds.map((value) => ({ value, label: kindWords[value] }))} />
        <div className="field">
          <label htmlFor="report-of">{t('goal.of')}</label>
          {kind === 'sheet' ? (
            <Select
              id="report-of"
              style={{ width: 260 }}
              showSearch={{ optionFilterProp: 'label' }}
              value={zone}
              options={zones.filter((one) => mine(one.value))}
              onChange={(value) => change('zone', value)}
            />
          ) : (
            <Select
              id="report-of"
              style={{ width: 260 }}
              showSearch={{ optionFilterProp: 'label' }}
              value={domain}
              options={[
                { value: 'city', label: t('city') },
                ...sectors.map((one) => ({ value: `sector:${one.value}`, label: one.label })),
                ...zones.map((one) => ({ value: `zone:${one.value}`, label: one.label })),
              ]}
              onChange={(value) => change('domain', value)}
            />
          )}
        </div>
        <div className="field">
          <label htmlFor="report-date">{t('reports.date')}</label>
          <Input id="report-date" type="date" value={date} onChange={(event) => change('date', event.target.value)} style={{ width: 150 }} />
        </div>
        {made && (
          <p className="quiet" role="status">
            {t('reports.span', { from: made.basis.from, until: made.basis.until })}
            {made.basis.complete ? '' : ` ${t('rates.incomplete')}`}
          </p>
        )}
      </div>
      {asked.error && <Failure error={asked.error} />}
      <Spin spinning={asked.isLoading}>
        <div className="grid">
          {made && <Handling of={made} />}
          {made && 'parts' in made && (
            <div>
              <Rates of={made} />
            </div>
          )}
          {made && 'zone' in made && made.grade && (
            <Card size="small" title={t('grade.level')}>
              <Level level={made.grade.level} watch={made.grade.watch} /> {percent(made.grade.probability, 2)} ({range(made.grade.interval, 2)})
            </Card>
          )}
        </div>
      </Spin>
    </>
  );
}
