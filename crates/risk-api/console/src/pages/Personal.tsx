import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Alert, Button, Card, Input, Modal, Select } from 'antd';
import { useState } from 'react';
import { client, told, type Schemas } from '../api';
import { codes } from '../codes';
import { day, moment } from '../format';
import { useSpeech } from '../language';
import { Failure } from '../parts/Failure';
import { List } from '../parts/List';
import { Table, plain } from '../parts/Table';
import { Title } from '../parts/small';

type Kept = Schemas['KeptMonthDto'];
type Audited = Schemas['AuditDto'];

/** What a person said, or a record that could not be read: erased for good, once it was named twice. */
function Erase() {
  const { t, code } = useSpeech();
  const queries = useQueryClient();
  const [of, setOf] = useState<'signal' | 'dead_letter'>('signal');
  const [id, setId] = useState('');
  const [rule, setRule] = useState<string | null>(null);
  const [reason, setReason] = useState('');
  const [sure, setSure] = useState(false);
  const [again, setAgain] = useState('');
  const [failed, setFailed] = useState<unknown>(null);
  const [done, setDone] = useState<string | null>(null);
  const rules = Object.keys(codes.erasureRule).map((value) => ({ value, label: code('erasureRule', value) }));
  const named = id.trim();
  const ready = named && rule && reason.trim();
  const close = () => {
    setSure(false);
    setAgain('');
    setFailed(null);
  };
  const erase = async () => {
    setFailed(null);
    try {
      const body = { rule: rule ?? '', reason: reason.trim() };
      const erased =
        of === 'signal'
          ? await told(client.POST('/v1/signals/{id}/erase', { params: { path: { id: named } }, body }))
          : await told(client.POST('/v1/dead-letters/{id}/erase', { params: { path: { id: Number(named) } }, body }));
      setDone(t('personal.done', { id: named, n: erased.keys.length }));
      setId('');
      setReason('');
      close();
      await queries.invalidateQueries();
    } catch (error) {
      setFailed(error);
    }
  };
  return (
    <Card size="small" title={t('personal.erase')} style={{ marginBottom: 12 }}>
      <p className="quiet">{t('personal.erase.note')}</p>
      <div className="row">
        <div className="field">
          <label htmlFor="erase-of">{t('personal.of')}</label>
          <Select
            id="erase-of"
            style={{ width: 160 }}
            value={of}
            onChange={setOf}
            options={[
              { value: 'signal', label: t('personal.signal') },
              { value: 'dead_letter', label: t('personal.dead') },
            ]}
          />
        </div>
        <div className="field">
          <label htmlFor="erase-id">{t(of === 'signal' ? 'personal.signal.id' : 'personal.dead.id')}</label>
          <Input id="erase-id" style={{ width: 220 }} value={id} onChange={(event) => setId(event.target.value)} />
        </div>
        <div className="field">
          <label htmlFor="erase-rule">{t('personal.rule')}</label>
          <Select id="erase-rule" style={{ width: 250 }} value={rule} onChange={setRule} options={rules} />
        </div>
        <div className="field">
          <label htmlFor="erase-reason">{t('personal.reason')}</label>
          <Input id="erase-reason" style={{ width: 320 }} maxLength={500} value={reason} onChange={(event) => setReason(event.target.value)} />
        </div>
        <Button danger disabled={!ready} onClick={() => setSure(true)}>
          {t('personal.erase')}
        </Button>
      </div>
      {done && <Alert type="success" showIcon role="status" title={done} style={{ marginTop: 8 }} />}
      <Modal
        open={sure}
        title={t('personal.sure')}
        onCancel={close}
        onOk={() => void erase()}
        okText={t('personal.erase')}
        cancelText={t('act.cancel')}
        okButtonProps={{ danger: true, disabled: again.trim() !== named }}
      >
        <p>{t(of === 'signal' ? 'personal.sure.person' : 'personal.sure.record')}</p>
        <div className="field">
          <label htmlFor="erase-again">{t('personal.again', { id: named })}</label>
          <Input id="erase-again" value={again} onChange={(event) => setAgain(event.target.value)} />
        </div>
        {failed !== null && <Failure error={failed} />}
      </Modal>
    </Card>
  );
}

/** What is still kept, by kind and month, and when the policy erases it. */
function Retention() {
  const { t, code } = useSpeech();
  const asked = useQuery({ queryKey: ['/v1/personal'], queryFn: () => told(client.GET('/v1/personal')) });
  return (
    <Card size="small" title={t('personal.kept')} style={{ marginBottom: 12 }}>
      {asked.error && <Failure error={asked.error} />}
      {asked.data && (
        <>
          <p className="quiet">{t('personal.kept.note', { version: asked.data.retention_version })}</p>
          <Table<Kept>
            label={t('personal.kept')}
            rows={asked.data.kept}
            rowKey={(row) => `${row.kind} ${row.month}`}
            empty={t('personal.kept.none')}
            columns={[
              plain('kind', t('personal.kind'), (row) => code('personalKind', row.kind)),
              plain('month', t('personal.month'), (row) => row.month),
              plain('keys', t('personal.keys'), (row) => row.keys, { number: true }),
              plain('months', t('personal.months'), (row) => row.kept_months, { number: true }),
              plain('goes', t('personal.goes'), (row) => day(row.erased_from)),
            ]}
          />
        </>
      )}
    </Card>
  );
}

/** Personal data, for an administrator: what is kept and for how long, what was erased, and erasing. */
export default function Personal() {
  const { t, code, language } = useSpeech();
  const ruleOf = (row: Audited) => row.changes.find((one) => one.field === 'rule')?.after ?? '';
  return (
    <>
      <Title title={t('nav.personal')} lead={t('personal.lead')} />
      <Erase />
      <Retention />
      <h3>{t('personal.erased')}</h3>
      <List<Audited>
        label={t('personal.erased')}
        path="/v1/audit"
        most={200}
        file="erasures"
        fixed={{ kind: 'erase_personal' }}
        rowKey={(row) => String(row.entry)}
        columns={[
          { key: 'at', title: t('alert.at'), show: (row) => moment(row.at, language), text: (row) => row.at, sort: (row) => row.at, short: true },
          plain('actor', t('audit.actor'), (row) => row.actor),
          plain('rule', t('personal.rule'), (row) => code('erasureRule', ruleOf(row))),
          { key: 'why', title: t('audit.reason'), show: (row) => row.reason ?? '', text: (row) => row.reason },
          { key: 'count', title: t('personal.keys'), show: (row) => row.count ?? '', text: (row) => row.count, number: true },
          plain('entry', t('evidence.entry'), (row) => row.entry, { number: true }),
        ]}
      />
    </>
  );
}
