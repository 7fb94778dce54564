import { useQuery } from '@tanstack/react-query';
import { Alert, Button, Card, Input, Modal } from 'antd';
import { useState } from 'react';
import { client, post, told, type Schemas } from '../api';
import { freshId } from '../commands';
import { moment } from '../format';
import { useSpeech } from '../language';
import { Failure } from '../parts/Failure';
import { List } from '../parts/List';
import { plain } from '../parts/Table';
import { Title } from '../parts/small';

type Row = Schemas['DeadLetterDto'];

/** Where records of a source are posted, by what its name says. */
const pathOf = (record: string): string => {
  if (record.includes('"command_id"')) return '/v1/commands';
  if (record.includes('"signal_id"')) return '/v1/signals';
  if (record.includes('"update_id"')) return '/v1/registry';
  return '/v1/results';
};

/** A record that was rejected, to be mended and sent again. */
function Mend({ entry, done }: { entry: number; done: () => void }) {
  const { t, code } = useSpeech();
  const asked = useQuery({
    queryKey: ['/v1/dead-letters', entry],
    queryFn: () => told(client.GET('/v1/dead-letters/{id}', { params: { path: { id: entry } } })),
  });
  const [text, setText] = useState<string | null>(null);
  const [outcome, setOutcome] = useState<Schemas['ReceiptDto'] | null>(null);
  const [failed, setFailed] = useState<unknown>(null);
  const record = asked.data?.record;
  const whole = record && 'text' in record ? record.text : null;
  const shown = text ?? (whole ? pretty(whole) : '');
  const send = async () => {
    setFailed(null);
    setOutcome(null);
    try {
      const value: unknown = JSON.parse(shown);
      const posted = await post(pathOf(shown), [value], freshId('MEND'));
      setOutcome(posted?.items[0] ?? null);
    } catch (error) {
      setFailed(error);
    }
  };
  return (
    <Modal open width={760} title={t('quality.mend')} onCancel={done} okText={t('quality.send')} cancelText={t('act.cancel')} onOk={() => void send()} okButtonProps={{ disabled: !shown }}>
      {asked.data && (
        <p>
          <strong>{asked.data.code}</strong> · {asked.data.field} · {asked.data.rule}
        </p>
      )}
      {asked.data && whole === null && <Alert type="warning" title={t(asked.data.erased ? 'quality.erased' : 'quality.binary')} />}
      <div className="field">
        <label htmlFor="mend">{t('quality.record')}</label>
        <Input.TextArea id="mend" className="mono" rows={14} value={shown} onChange={(event) => setText(event.target.value)} />
      </div>
      {outcome && (
        <Alert
          type={outcome.status === 'rejected' ? 'error' : 'success'}
          title={code('status', outcome.status)}
          description={outcome.rule ? `${outcome.field} · ${outcome.value} · ${outcome.rule}` : undefined}
        />
      )}
      {failed !== null && <Failure error={failed} />}
    </Modal>
  );
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

export default function Quality() {
  const { t, of, language } = useSpeech();
  const [mending, setMending] = useState<number | null>(null);
  const status = useQuery({ queryKey: ['/v1/status'], queryFn: () => told(client.GET('/v1/status')) });
  const reasons = Object.entries(status.data?.dead_letters ?? {});
  return (
    <>
      <Title title={t('nav.quality')} lead={t('quality.lead')} />
      {status.data?.cautions.map((one) => <Alert key={one.en} type="warning" showIcon title={of(one.zh, one.en)} style={{ marginBottom: 8 }} />)}
      <Card size="small" title={t('quality.reasons')} style={{ marginBottom: 12 }}>
        {reasons.length === 0 ? (
          <span className="quiet">{t('quality.none')}</span>
        ) : (
          <div className="row">
            {reasons.map(([reason, count]) => (
              <span key={reason} className="tag">
                {reason} {count}
              </span>
            ))}
          </div>
        )}
      </Card>
      {mending !== null && <Mend entry={mending} done={() => setMending(null)} />}
      <List<Row>
        label={t('nav.quality')}
        path="/v1/dead-letters"
        most={100}
        file="dead-letters"
        rowKey={(row) => String(row.entry)}
        filters={[{ name: 'code', label: t('quality.code'), choices: reasons.map(([value]) => ({ value, label: value })) }]}
        columns={[
          { key: 'at', title: t('quality.received'), show: (row) => moment(row.received_at, language), text: (row) => row.received_at, sort: (row) => row.received_at, short: true },
          plain('code', t('quality.code'), (row) => row.code),
          { key: 'field', title: t('quality.field'), show: (row) => row.field, text: (row) => row.field },
          { key: 'value', title: t('quality.value'), show: (row) => (row.erased ? <span className="quiet">{t('quality.erased')}</span> : <span className="mono">{row.value}</span>), text: (row) => row.value },
          { key: 'rule', title: t('quality.rule'), show: (row) => row.rule, text: (row) => row.rule },
          { key: 'source', title: t('signal.source'), show: (row) => `${row.source} ${row.partition}/${row.offset}`, text: (row) => row.source },
          { key: 'mend', title: t('quality.mend'), show: (row) => <Button size="small" onClick={() => setMending(row.entry)}>{t('quality.mend')}</Button> },
        ]}
      />
    </>
  );
}
