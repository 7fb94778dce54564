import { useQuery } from '@tanstack/react-query';
import { Card, Select, Spin } from 'antd';
import { useSearchParams } from 'react-router';
import { client, told, type Schemas } from '../api';
import { day, percent } from '../format';
import { useSpeech } from '../language';
import { Failure } from '../parts/Failure';
import { Explained, Title } from '../parts/small';
import { Table } from '../parts/Table';
import { useNames } from '../reference';

type Strictness = Schemas['StrictnessDto'];
type Method = Schemas['MethodDto'];

function Strict({ rows, title }: { rows: Strictness[]; title: string }) {
  const { t } = useSpeech();
  const ratio = (of: { odds_ratio: number; lower: number; upper: number } | null | undefined) =>
    of ? `${of.odds_ratio.toFixed(2)} (${of.lower.toFixed(2)}–${of.upper.toFixed(2)})` : '–';
  return (
    <Card size="small" title={title}>
      <Table
        label={title}
        rows={rows}
        rowKey={(row) => row.id}
        columns={[
          { key: 'id', title: t('observer.id'), show: (row) => row.id },
          { key: 'odds', title: t('observer.odds'), number: true, show: (row) => ratio(row) },
          { key: 'stricter', title: t('observer.stricter'), number: true, show: (row) => percent(row.stricter, 0) },
          {
            key: 'drift',
            title: t('observer.drift'),
            number: true,
            show: (row) => (
              <>
                {ratio(row.drift)} {row.drifting && <span className="tag serious">{t('observer.drifting')}</span>}
              </>
            ),
          },
          { key: 'results', title: t('observer.results'), number: true, show: (row) => row.history.slice(0, 4).map((one) => `${one.failures}/${one.results}`).join('  ') },
        ]}
      />
    </Card>
  );
}

export default function Observers() {
  const { t, of, code } = useSpeech();
  const { data } = useNames();
  const [address, setAddress] = useSearchParams();
  const period = address.get('period') ?? 'quarter';
  const asked = useQuery({
    queryKey: ['/v1/observers', period],
    queryFn: () => told(client.GET('/v1/observers', { params: { query: { period, limit: 8 } } })),
  });
  const named = (id: string) => {
    const method = data?.methods.find((one) => one.id === id);
    return method ? of(method.zh, id) : id;
  };
  return (
    <>
      <Title title={t('nav.observers')} lead={t('observers.lead')}>
        <Select aria-label={t('rates.period')} value={period} style={{ width: 110 }} options={['quarter', 'month'].map((value) => ({ value, label: code('period', value) }))} onChange={(value) => setAddress({ period: value })} />
      </Title>
      {asked.error && <Failure error={asked.error} />}
      <Spin spinning={asked.isLoading}>
        {asked.data && <p className="quiet">{t('observers.as-of', { at: day(asked.data.as_of) })}</p>}
        <div className="grid">
          <div>
            <Strict title={t('observers.laboratories')} rows={asked.data?.laboratories ?? []} />
          </div>
          <div>
            <Strict title={t('observers.inspectors')} rows={asked.data?.inspectors ?? []} />
          </div>
          <Card size="small" title={<Explained word="observers.methods" topic="method" />}>
            <Table<Method>
              label={t('observers.methods')}
              rows={asked.data?.methods ?? []}
              rowKey={(row) => row.id}
              columns={[
                { key: 'id', title: t('observer.method'), show: (row) => named(row.id) },
                { key: 'sens', title: t('observer.sensitivity'), number: true, show: (row) => percent(row.sensitivity) },
                { key: 'spec', title: t('observer.specificity'), number: true, show: (row) => percent(row.specificity) },
                {
                  key: 'confirmed',
                  title: t('observer.confirmed'),
                  show: (row) =>
                    row.history
                      .slice(0, 4)
                      .map((one) => `${one.from}: ${one.confirmed ? percent(one.confirmed.share, 0) : '–'} (${one.verified_positives}/${one.positives})`)
                      .join('；'),
                },
                { key: 'refused', title: t('observer.refused'), show: (row) => (row.refused ? <span className="tag serious">{t('yes')}</span> : t('no')) },
              ]}
            />
          </Card>
        </div>
      </Spin>
    </>
  );
}
