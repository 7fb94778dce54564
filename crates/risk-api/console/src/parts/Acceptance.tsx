import { InputNumber, Select } from 'antd';
import type { Schemas } from '../api';
import { useSpeech } from '../language';

/** How lots of a campaign are judged; none: its lines are ordinary tests. */
export type Acceptance = Schemas['AcceptanceRequest'] | null;

/** Acceptance quality limits up to 10 % of GB/T 2828.1. */
const AQL = [0.01, 0.015, 0.025, 0.04, 0.065, 0.1, 0.15, 0.25, 0.4, 0.65, 1, 1.5, 2.5, 4, 6.5, 10];
const LEVELS = {
  '2828.1': ['S-1', 'S-2', 'S-3', 'S-4', 'I', 'II', 'III'],
  '2828.4': ['0', 'I', 'II', 'III'],
};
const USUAL = {
  '2828.1': { standard: '2828.1', aql: 2.5, level: 'II' },
  '2828.4': { standard: '2828.4', dql: 1, level: 'I' },
} as const;

const same = (value: string) => ({ value, label: value });

export function AcceptanceFields({ value, onChange }: { value: Acceptance; onChange: (value: Acceptance) => void }) {
  const { t } = useSpeech();
  const standards: { value: keyof typeof USUAL | ''; label: string }[] = [
    { value: '', label: t('plan.acceptance.none') },
    { value: '2828.1', label: t('plan.acceptance.lots') },
    { value: '2828.4', label: t('plan.acceptance.stocks') },
  ];
  return (
    <>
      <div className="field">
        <label htmlFor="acceptance-standard">{t('plan.acceptance.standard')}</label>
        <Select<keyof typeof USUAL | ''>
          id="acceptance-standard"
          style={{ minWidth: 240 }}
          options={standards}
          value={value?.standard ?? ''}
          onChange={(standard) => onChange(standard === '' ? null : { ...USUAL[standard] })}
        />
      </div>
      {value?.standard === '2828.1' && (
        <div className="field">
          <label htmlFor="acceptance-limit">{t('plan.acceptance.aql')}</label>
          <Select id="acceptance-limit" style={{ width: 120 }} options={AQL.map((aql) => ({ value: aql, label: String(aql) }))} value={value.aql} onChange={(aql) => onChange({ ...value, aql })} />
        </div>
      )}
      {value?.standard === '2828.4' && (
        <div className="field">
          <label htmlFor="acceptance-limit">{t('plan.acceptance.dql')}</label>
          <InputNumber id="acceptance-limit" min={0.01} max={99.99} value={value.dql} onChange={(dql) => onChange({ ...value, dql: dql ?? USUAL['2828.4'].dql })} />
        </div>
      )}
      {value && (
        <>
          <div className="field">
            <label htmlFor="acceptance-level">{t('plan.acceptance.level')}</label>
            <Select id="acceptance-level" style={{ width: 100 }} options={LEVELS[value.standard].map(same)} value={value.level ?? USUAL[value.standard].level} onChange={(level) => onChange({ ...value, level })} />
          </div>
          <div className="field">
            <label htmlFor="acceptance-lot">{t('plan.acceptance.lot')}</label>
            <InputNumber id="acceptance-lot" min={2} precision={0} placeholder={t('act.optional')} value={value.lot_size ?? null} onChange={(lot_size) => onChange({ ...value, lot_size })} />
          </div>
          <p className="quiet">{t(value.standard === '2828.1' ? 'plan.acceptance.lots.note' : 'plan.acceptance.stocks.note')}</p>
        </>
      )}
    </>
  );
}
