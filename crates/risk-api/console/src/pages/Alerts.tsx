import { Card } from 'antd';
import { Link } from 'react-router';
import type { Schemas } from '../api';
import { codes } from '../codes';
import { moment } from '../format';
import { useSpeech } from '../language';
import { useLive } from '../live';
import { List } from '../parts/List';
import { AlertLevel, SubjectLink, Title } from '../parts/small';
import type { Column } from '../parts/Table';
import { useNames } from '../reference';

type Row = Schemas['AlertDto'];

/** What came since the page was opened, the newest first. */
export function LiveFeed({ most }: { most: number }) {
  const { t, of, code, language } = useSpeech();
  const { events, state } = useLive();
  return (
    <Card size="small" title={t('alerts.live')} extra={<span className="quiet">{t(state === 'open' ? 'live.open' : 'live.lost')}</span>}>
      <ul className="plain" aria-live="polite" aria-label={t('alerts.live')}>
        {events.slice(0, most).map(({ id, data }) => (
          <li key={id}>
            <AlertLevel level={data.level} /> <strong>{code('alertMove', data.what)}</strong>{' '}
            <Link to={`/alerts/${data.alert_id}`}>{of(data.reason_zh, data.reason_en)}</Link>{' '}
            <span className="quiet">{moment(data.at, language)}</span>
          </li>
        ))}
        {events.length === 0 && <li className="quiet">{t('alerts.live.none')}</li>}
      </ul>
    </Card>
  );
}

export default function Alerts() {
  const { t, of, code, language } = useSpeech();
  const { zone, hazard } = useNames();
  const choices = (scale: 'alertState' | 'alertLevel' | 'rule') =>
    Object.keys(codes[scale]).map((value) => ({ value, label: code(scale, value) }));
  const columns: Column<Row>[] = [
    { key: 'level', title: t('alerts.level'), show: (row) => <AlertLevel level={row.level} />, text: (row) => code('alertLevel', row.level), short: true },
    { key: 'state', title: t('alerts.state'), show: (row) => code('alertState', row.state), text: (row) => code('alertState', row.state), short: true },
    {
      key: 'reason',
      title: t('alerts.reason'),
      show: (row) => <Link to={`/alerts/${row.id}`}>{of(row.reason_zh, row.reason_en)}</Link>,
      text: (row) => of(row.reason_zh, row.reason_en),
    },
    {
      key: 'subject',
      title: t('grade.subject'),
      show: (row) => <SubjectLink subject={row.subject} name={of(row.subject_name, row.subject_name_en)} />,
      text: (row) => row.subject,
      sort: (row) => row.subject,
    },
    { key: 'rule', title: t('alerts.rule'), show: (row) => code('rule', row.rule), text: (row) => row.rule },
    { key: 'hazard', title: t('alerts.hazard'), show: (row) => hazard(row.hazard), text: (row) => row.hazard },
    { key: 'zone', title: t('grade.zone'), show: (row) => zone(row.zone), text: (row) => row.zone },
    { key: 'raises', title: t('alerts.raises'), show: (row) => row.raises, text: (row) => row.raises, sort: (row) => row.raises, number: true },
    {
      key: 'raised',
      title: t('alerts.last'),
      show: (row) => moment(row.last_raised_at, language),
      text: (row) => row.last_raised_at,
      sort: (row) => row.last_raised_at,
      short: true,
    },
  ];
  return (
    <>
      <Title title={t('nav.alerts')} lead={t('alerts.lead')} />
      <LiveFeed most={5} />
      <div className="gap" />
      <List<Row>
        label={t('nav.alerts')}
        path="/v1/alerts"
        file="alerts"
        rowKey={(row) => row.id}
        columns={columns}
        filters={[
          { name: 'state', label: t('alerts.state'), choices: choices('alertState'), preset: 'open' },
          { name: 'level', label: t('alerts.level'), choices: choices('alertLevel') },
          { name: 'rule', label: t('alerts.rule'), choices: choices('rule') },
          { name: 'since', label: t('alerts.since'), kind: 'day' },
          { name: 'subject', label: t('grade.subject'), kind: 'text' },
        ]}
      />
    </>
  );
}
