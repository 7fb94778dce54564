import { useQuery } from '@tanstack/react-query';
import { Button, Card, Descriptions, Spin } from 'antd';
import { Link } from 'react-router';
import { client, page, save, told, type Schemas } from '../api';
import { useSpeech } from '../language';
import { Failure } from '../parts/Failure';
import { Title } from '../parts/small';
import { Table } from '../parts/Table';
import { day } from '../format';

/** Versions of the policy under which a subject was graded, the latest first. */
function versions(rows: Schemas['AssessmentDto'][]) {
  const found = new Map<string, { version: string; from: string; until: string; closes: number }>();
  for (const row of rows) {
    const known = found.get(row.policy_version);
    found.set(row.policy_version, {
      version: row.policy_version,
      from: row.as_of,
      until: known?.until ?? row.as_of,
      closes: (known?.closes ?? 0) + 1,
    });
  }
  return [...found.values()];
}

export default function Policy() {
  const { t } = useSpeech();
  const asked = useQuery({ queryKey: ['/v1/policy'], queryFn: () => told(client.GET('/v1/policy')) });
  // The city's zone is graded at every close that changes it, so its history shows each version.
  const city = useQuery({
    queryKey: ['/v1/subjects', 'city', 'history'],
    queryFn: async () => {
      const reference = await told(client.GET('/v1/reference'));
      const root = reference.zones.find((zone) => !zone.parent);
      if (!root) return [];
      const history = await page<Schemas['AssessmentDto']>(`/v1/subjects/zone:${encodeURIComponent(root.id)}/history`, new URLSearchParams({ limit: '1000' }));
      return history.items;
    },
  });
  if (asked.error) return <Failure error={asked.error} />;
  if (!asked.data) return <Spin aria-label={t('loading')} />;
  const { version, sha256, text } = asked.data;
  return (
    <>
      <Title title={t('nav.policy')} lead={t('policy.lead')}>
        <Button onClick={() => save(`policy-${version}.toml`, new Blob([text], { type: 'application/toml' }))}>{t('policy.download')}</Button>
      </Title>
      <Card size="small">
        <Descriptions
          size="small"
          column={1}
          items={[
            { key: 'version', label: t('policy.version'), children: <strong>{version}</strong> },
            { key: 'hash', label: 'SHA-256', children: <span className="mono">{sha256}</span> },
          ]}
        />
      </Card>
      <Card className="gap" size="small" title={t('policy.history')}>
        <Table
          label={t('policy.history')}
          rows={versions(city.data ?? [])}
          rowKey={(row) => row.version}
          columns={[
            { key: 'version', title: t('policy.version'), show: (row) => row.version },
            { key: 'from', title: t('policy.from'), show: (row) => day(row.from) },
            { key: 'until', title: t('policy.until'), show: (row) => day(row.until) },
            { key: 'closes', title: t('policy.closes'), number: true, show: (row) => row.closes },
          ]}
        />
      </Card>
      <Card className="gap" size="small" title={t('policy.text')} extra={<Link to="/help#mark">{t('policy.marks')}</Link>}>
        <pre className="pre mono" tabIndex={0} aria-label={t('policy.text')} style={{ maxHeight: 560 }}>
          {text}
        </pre>
      </Card>
    </>
  );
}
