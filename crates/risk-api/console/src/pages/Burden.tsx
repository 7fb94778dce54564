import { Segmented } from 'antd';
import { useSearchParams } from 'react-router';
import type { Schemas } from '../api';
import { useSpeech } from '../language';
import { List } from '../parts/List';
import { SubjectLink, Title } from '../parts/small';

/** What inspection asks of whom, and what looks like evasion. */
export default function Burden() {
  const { t, of } = useSpeech();
  const [address, setAddress] = useSearchParams();
  const suspicions = address.get('view') === 'suspicions';
  return (
    <>
      <Title title={t('nav.burden')} lead={t('burden.lead')}>
        <Segmented
          aria-label={t('case.view')}
          value={suspicions ? 'suspicions' : 'list'}
          onChange={(value) => setAddress(value === 'list' ? {} : { view: value })}
          options={[
            { value: 'list', label: t('burden.list') },
            { value: 'suspicions', label: t('burden.suspicions') },
          ]}
        />
      </Title>
      {suspicions ? (
        <List<Schemas['SuspicionDto']>
          key="suspicions"
          label={t('burden.suspicions')}
          path="/v1/burden/suspicions"
        most={500}
          file="suspicions"
          rowKey={(row) => `${row.kind}-${row.subject}-${row.item ?? ''}`}
          columns={[
            { key: 'who', title: t('grade.subject'), show: (row) => <SubjectLink subject={row.subject} />, text: (row) => row.subject, sort: (row) => row.subject },
            { key: 'what', title: t('burden.reason'), show: (row) => of(row.reason_zh, row.reason_en), text: (row) => of(row.reason_zh, row.reason_en) },
            { key: 'p', title: t('burden.p'), number: true, show: (row) => row.p_value?.toPrecision(2) ?? '–', text: (row) => row.p_value, sort: (row) => row.p_value ?? 1 },
          ]}
        />
      ) : (
        <List<Schemas['BurdenDto']>
          key="list"
          label={t('nav.burden')}
          path="/v1/burden"
        most={500}
          file="burden"
          rowKey={(row) => row.enterprise}
          filters={[
            { name: 'zone', label: t('grade.zone'), kind: 'zone' },
            {
              name: 'resting',
              label: t('burden.resting'),
              choices: [
                { value: 'true', label: t('yes') },
                { value: 'false', label: t('no') },
              ],
            },
          ]}
          sorts={[
            { value: '-visits', label: t('burden.visits') },
            { value: '-recent_visits', label: t('burden.recent-visits') },
            { value: '-tests', label: t('burden.tests') },
            { value: '-cost', label: t('burden.cost') },
          ]}
          columns={[
            { key: 'who', title: t('grade.subject'), show: (row) => <SubjectLink subject={`enterprise:${row.enterprise}`} name={row.name} />, text: (row) => row.name ?? row.enterprise },
            { key: 'visits', title: t('burden.visits'), number: true, show: (row) => row.visits, text: (row) => row.visits },
            { key: 'recent', title: t('burden.recent-visits'), number: true, show: (row) => row.recent_visits, text: (row) => row.recent_visits },
            { key: 'tests', title: t('burden.tests'), number: true, show: (row) => row.tests, text: (row) => row.tests },
            { key: 'failed', title: t('evidence.failed'), number: true, show: (row) => row.nonconforming, text: (row) => row.nonconforming },
            { key: 'cost', title: t('burden.cost'), number: true, show: (row) => (row.cost_fen / 100).toFixed(2), text: (row) => row.cost_fen / 100 },
            { key: 'last', title: t('burden.last'), show: (row) => row.last_visit ?? '–', text: (row) => row.last_visit, short: true },
            { key: 'rest', title: t('burden.rest'), show: (row) => row.rests_until ?? t('burden.rest.none'), text: (row) => row.rests_until, short: true },
          ]}
        />
      )}
    </>
  );
}
