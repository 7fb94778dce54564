// The dialogue in which an officer acts: always with a reason.
import { Input, Modal, Select } from 'antd';
import { useId, useState } from 'react';
import { useCommand, type Target } from '../commands';
import { useSpeech } from '../language';
import { Failure } from './Failure';
import type { Choice } from './List';

/** A field that an act takes besides its reason. */
export interface ActField {
  name: string;
  label: string;
  kind: 'choice' | 'day' | 'text' | 'number';
  choices?: Choice[];
  optional?: boolean;
  preset?: string;
}

export interface ActForm {
  kind: string;
  title: string;
  note?: string;
  fields: ActField[];
  /** Makes the command's fields of what was entered. */
  build?: (values: Record<string, string>) => Record<string, unknown>;
}

export function ActDialogue({ form, target, done }: { form: ActForm; target: Target; done: () => void }) {
  const { t } = useSpeech();
  const command = useCommand();
  const id = useId();
  const [reason, setReason] = useState('');
  const [values, setValues] = useState<Record<string, string>>(() =>
    Object.fromEntries(form.fields.map((field) => [field.name, field.preset ?? ''])),
  );
  const [failed, setFailed] = useState<unknown>(null);
  const [sending, setSending] = useState(false);
  const missing = !reason.trim() || form.fields.some((field) => !field.optional && !values[field.name]);
  const send = async () => {
    setSending(true);
    setFailed(null);
    try {
      const given = Object.fromEntries(Object.entries(values).filter(([, value]) => value));
      await command(target, form.kind, reason.trim(), form.build ? form.build(given) : given);
      done();
    } catch (error) {
      setFailed(error);
    } finally {
      setSending(false);
    }
  };
  const set = (name: string, value: string) => setValues((now) => ({ ...now, [name]: value }));
  return (
    <Modal
      open
      title={form.title}
      onCancel={done}
      onOk={() => void send()}
      okText={t('act.do')}
      cancelText={t('act.cancel')}
      okButtonProps={{ disabled: missing, loading: sending }}
    >
      {form.note && <p className="quiet">{form.note}</p>}
      <div style={{ display: 'grid', gap: 12 }}>
        {form.fields.map((field) => (
          <div className="field" key={field.name}>
            <label htmlFor={`${id}-${field.name}`}>
              {field.label}
              {field.optional ? ` ${t('act.optional')}` : ''}
            </label>
            {field.kind === 'choice' ? (
              <Select
                id={`${id}-${field.name}`}
                value={values[field.name] || null}
                allowClear={field.optional === true}
                options={field.choices ?? []}
                onChange={(value) => set(field.name, value ?? '')}
              />
            ) : (
              <Input
                id={`${id}-${field.name}`}
                type={field.kind === 'day' ? 'date' : field.kind}
                value={values[field.name] ?? ''}
                onChange={(event) => set(field.name, event.target.value)}
              />
            )}
          </div>
        ))}
        <div className="field">
          <label htmlFor={`${id}-reason`}>{t('act.reason')}</label>
          <Input.TextArea id={`${id}-reason`} rows={3} maxLength={400} value={reason} onChange={(event) => setReason(event.target.value)} />
        </div>
        {failed !== null && <Failure error={failed} />}
      </div>
    </Modal>
  );
}
