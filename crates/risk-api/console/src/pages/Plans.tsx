import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Button, Card, Input, InputNumber, Select, Steps } from 'antd';
import { useState } from 'react';
import { Link, useNavigate, useSearchParams } from 'react-router';
import { client, told, type Schemas } from '../api';
import { codes } from '../codes';
import { freshId } from '../commands';
import { moment } from '../format';
import { useSpeech } from '../language';
import { Failure } from '../parts/Failure';
import { List, useSectorChoices, useZoneChoices } from '../parts/List';
import { Title } from '../parts/small';
import { plain } from '../parts/Table';

type Budgets = Schemas['Budgets'];
type Mode = keyof typeof codes.mode;

const MODES = Object.keys(codes.mode) as Mode[];
const USUAL: Record<Mode, number> = { risk_evaluation: 30, supervisory_check: 60, special_check: 40, fast_test: 60, enforcement_test: 10 };

/** Limits of GB/T 2828.1, in percent nonconforming, as the standard prints them. */
const AQLS = [0.01, 0.015, 0.025, 0.04, 0.065, 0.1, 0.15, 0.25, 0.4, 0.65, 1, 1.5, 2.5, 4, 6.5, 10];

/** How the lots or stocks of a campaign are judged; `quality` is the AQL of the one standard, the DQL of the other. */
interface Acceptance {
  standard: '2828.1' | '2828.4';
  quality: number;
  level: string;
  lot: number | null;
}

const USUAL_OF: Record<Acceptance['standard'], Acceptance> = {
  '2828.1': { standard: '2828.1', quality: 2.5, level: 'II', lot: null },
  '2828.4': { standard: '2828.4', quality: 1, level: 'I', lot: null },
};
const LEVELS: Record<Acceptance['standard'], string[]> = { '2828.1': ['S-1', 'S-2', 'S-3', 'S-4', 'I', 'II', 'III'], '2828.4': ['0', 'I', 'II', 'III'] };

/** What a campaign asks of its lots, as the API takes it. */
function asked({ standard, quality, level, lot }: Acceptance) {
  return { standard, ...(standard === '2828.1' ? { aql: quality } : { dql: quality }), level, ...(lot ? { lot_size: lot } : {}) };
}

/** Whether the lots of a campaign are sampled by a standard, and by which. */
function AcceptanceFields({ value, onChange }: { value: Acceptance | null; onChange: (value: Acceptance | null) => void }) {
  const { t } = useSpeech();
  return (
    <>
      <div className="field">
        <label htmlFor="accept-standard">{t('plan.accept')}</label>
        <Select
          id="accept-standard"
          style={{ width: 300 }}
          allowClear
          placeholder={t('plan.accept.none')}
          value={value?.standard ?? null}
          onChange={(standard) => onChange(standard ? USUAL_OF[standard] : null)}
          options={[
            { value: '2828.1', label: t('plan.accept.lot') },
            { value: '2828.4', label: t('plan.accept.stock') },
          ]}
        />
      </div>
      {value && (
        <>
          <div className="field">
            <label htmlFor="accept-quality">{t(value.standard === '2828.1' ? 'plan.accept.aql' : 'plan.accept.dql')}</label>
            {value.standard === '2828.1' ? (
              <Select id="accept-quality" style={{ width: 120 }} value={value.quality} onChange={(quality) => onChange({ ...value, quality })} options={AQLS.map((one) => ({ value: one, label: String(one) }))} />
            ) : (
              <InputNumber id="accept-quality" min={0.01} max={99} step={0.5} value={value.quality} onChange={(quality) => onChange({ ...value, quality: quality ?? 1 })} />
            )}
          </div>
          <div className="field">
            <label htmlFor="accept-level">{t('plan.accept.level')}</label>
            <Select id="accept-level" style={{ width: 90 }} value={value.level} onChange={(level) => onChange({ ...value, level })} options={LEVELS[value.standard].map((one) => ({ value: one, label: one }))} />
          </div>
          <div className="field">
            <label htmlFor="accept-size">{t('plan.accept.size')}</label>
            <InputNumber id="accept-size" min={2} value={value.lot} onChange={(lot) => onChange({ ...value, lot })} />
          </div>
          <p className="quiet">{t(value.standard === '2828.1' ? 'plan.accept.lot.note' : 'plan.accept.stock.note')}</p>
        </>
      )}
    </>
  );
}

/** Budget, capacity, campaign, draw: what a plan is asked for, step by step. */
function Wizard({ done }: { done: () => void }) {
  const { t, code } = useSpeech();
  const go = useNavigate();
  const queries = useQueryClient();
  const zones = useZoneChoices();
  const sectors = useSectorChoices();
  const [step, setStep] = useState(0);
  const [day, setDay] = useState('');
  const [budgets, setBudgets] = useState<Record<Mode, number>>(USUAL);
  const [teams, setTeams] = useState<{ zone: string; days: number }[]>([]);
  const [minimum, setMinimum] = useState<{ sector: string; tests: number } | null>(null);
  const [campaign, setCampaign] = useState({ id: '', tests: 20, zones: [] as string[], sectors: [] as string[] });
  const [acceptance, setAcceptance] = useState<Acceptance | null>(null);
  const [beacon, setBeacon] = useState({ source: '', round: '' });
  const [key] = useState(() => freshId('PLAN'));
  const make = useMutation({
    mutationFn: () => {
      const body = {
        ...(day ? { as_of: day } : {}),
        budgets: budgets as Budgets,
        ...(teams.length > 0 ? { team_days: Object.fromEntries(teams.filter((one) => one.zone).map((one) => [one.zone, one.days])) } : {}),
        ...(minimum?.sector ? { minima: [{ sector: minimum.sector, tests: minimum.tests }] } : {}),
        ...(campaign.id ? { campaigns: [{ ...campaign, products: [], enterprises: [], ...(acceptance ? { acceptance: asked(acceptance) } : {}) }] } : {}),
        ...(beacon.source ? { beacon } : {}),
      };
      return told(client.POST('/v1/plans', { body: body as unknown as Schemas['PlanRequest'], params: { header: { 'Idempotency-Key': key } } }));
    },
    onSuccess: (plan) => {
      void queries.invalidateQueries({ queryKey: ['/v1/plans'] });
      done();
      void go(`/plans/${plan.plan_id}`);
    },
  });
  const total = Object.values(budgets).reduce((sum, n) => sum + n, 0);
  const steps = [
    <div key="budget" className="row">
      <div className="field">
        <label htmlFor="plan-day">{t('plan.day')}</label>
        <Input id="plan-day" type="date" value={day} onChange={(event) => setDay(event.target.value)} />
      </div>
      {MODES.map((mode) => (
        <div className="field" key={mode}>
          <label htmlFor={`budget-${mode}`}>{code('mode', mode)}</label>
          <InputNumber id={`budget-${mode}`} min={0} max={10_000} value={budgets[mode]} onChange={(value) => setBudgets({ ...budgets, [mode]: value ?? 0 })} />
        </div>
      ))}
      <p className="quiet">{t('plan.total', { n: total })}</p>
    </div>,
    <div key="capacity">
      <p className="quiet">{t('plan.capacity.note')}</p>
      {teams.map((team, place) => (
        <div className="row" key={place} style={{ marginBottom: 8 }}>
          <Select
            aria-label={t('grade.zone')}
            style={{ width: 260 }}
            showSearch={{ optionFilterProp: 'label' }}
            options={zones}
            value={team.zone || null}
            onChange={(zone) => setTeams(teams.map((one, at) => (at === place ? { ...one, zone: zone ?? '' } : one)))}
          />
          <InputNumber aria-label={t('plan.team-days')} min={0.5} step={0.5} value={team.days} onChange={(days) => setTeams(teams.map((one, at) => (at === place ? { ...one, days: days ?? 1 } : one)))} />
          <span>{t('plan.team-days')}</span>
          <Button onClick={() => setTeams(teams.filter((_, at) => at !== place))}>{t('plan.remove')}</Button>
        </div>
      ))}
      <Button onClick={() => setTeams([...teams, { zone: '', days: 4 }])}>{t('plan.add-team')}</Button>
      <div className="row gap">
        <div className="field">
          <label htmlFor="plan-minimum">{t('plan.minimum')}</label>
          <Select id="plan-minimum" allowClear style={{ width: 200 }} options={sectors} value={minimum?.sector ?? null} onChange={(sector) => setMinimum(sector ? { sector, tests: minimum?.tests ?? 20 } : null)} />
        </div>
        {minimum && <InputNumber aria-label={t('plan.tests')} min={1} value={minimum.tests} onChange={(tests) => setMinimum({ ...minimum, tests: tests ?? 1 })} />}
      </div>
    </div>,
    <div key="campaign" className="row">
      <div className="field">
        <label htmlFor="campaign-id">{t('plan.campaign')}</label>
        <Input id="campaign-id" placeholder={t('act.optional')} value={campaign.id} onChange={(event) => setCampaign({ ...campaign, id: event.target.value })} />
      </div>
      <div className="field">
        <label htmlFor="campaign-tests">{t('plan.tests')}</label>
        <InputNumber id="campaign-tests" min={1} value={campaign.tests} onChange={(tests) => setCampaign({ ...campaign, tests: tests ?? 1 })} />
      </div>
      <div className="field">
        <label htmlFor="campaign-zones">{t('grade.zone')}</label>
        <Select id="campaign-zones" mode="multiple" style={{ minWidth: 240 }} options={zones} value={campaign.zones} onChange={(value) => setCampaign({ ...campaign, zones: value })} />
      </div>
      <div className="field">
        <label htmlFor="campaign-sectors">{t('grade.sector')}</label>
        <Select id="campaign-sectors" mode="multiple" style={{ minWidth: 240 }} options={sectors} value={campaign.sectors} onChange={(value) => setCampaign({ ...campaign, sectors: value })} />
      </div>
      {campaign.id && <AcceptanceFields value={acceptance} onChange={setAcceptance} />}
    </div>,
    <div key="draw">
      <p>{t('plan.beacon.note')}</p>
      <div className="row">
        <div className="field">
          <label htmlFor="beacon-source">{t('plan.beacon.source')}</label>
          <Input id="beacon-source" value={beacon.source} onChange={(event) => setBeacon({ ...beacon, source: event.target.value })} />
        </div>
        <div className="field">
          <label htmlFor="beacon-round">{t('plan.beacon.round')}</label>
          <Input id="beacon-round" value={beacon.round} onChange={(event) => setBeacon({ ...beacon, round: event.target.value })} />
        </div>
      </div>
    </div>,
  ];
  const last = step === steps.length - 1;
  return (
    <Card size="small" title={t('plan.new')} extra={<Button type="text" onClick={done}>{t('act.cancel')}</Button>}>
      <Steps size="small" current={step} items={[{ title: t('plan.step.budget') }, { title: t('plan.step.capacity') }, { title: t('plan.step.campaign') }, { title: t('plan.step.draw') }]} />
      <div className="gap">{steps[step]}</div>
      {make.error && <Failure error={make.error} />}
      <div className="row gap">
        <Button disabled={step === 0} onClick={() => setStep(step - 1)}>
          {t('plan.back')}
        </Button>
        <Button disabled={last} onClick={() => setStep(step + 1)}>
          {t('plan.forth')}
        </Button>
        <Button type="primary" loading={make.isPending} disabled={total === 0} onClick={() => make.mutate()}>
          {t('plan.make')}
        </Button>
      </div>
    </Card>
  );
}

export default function Plans() {
  const { t, code, language } = useSpeech();
  const [address, setAddress] = useSearchParams();
  const making = address.get('new') === 'true';
  return (
    <>
      <Title title={t('nav.plans')} lead={t('plans.lead')}>
        {!making && (
          <Button type="primary" onClick={() => setAddress({ new: 'true' })}>
            {t('plan.new')}
          </Button>
        )}
      </Title>
      {making && <Wizard done={() => setAddress({})} />}
      <div className="gap" />
      <List<Schemas['PlanSummaryDto']>
        label={t('nav.plans')}
        path="/v1/plans"
        most={500}
        file="plans"
        rowKey={(row) => row.plan_id}
        columns={[
          { key: 'id', title: t('plan.plan'), show: (row) => <Link to={`/plans/${row.plan_id}`}>{row.plan_id}</Link>, text: (row) => row.plan_id },
          plain('day', t('plan.first-day'), (row) => row.day),
          { key: 'state', title: t('case.state'), show: (row) => code('planState', row.state), text: (row) => row.state },
          plain('tests', t('plan.tests'), (row) => row.tests, { number: true }),
          { key: 'finds', title: t('plan.finds'), number: true, show: (row) => row.expected_finds?.toFixed(1) ?? '–', text: (row) => row.expected_finds, sort: (row) => row.expected_finds ?? 0 },
          { key: 'at', title: t('plan.created'), show: (row) => moment(row.created_at, language), text: (row) => row.created_at, sort: (row) => row.created_at, short: true },
        ]}
      />
    </>
  );
}
