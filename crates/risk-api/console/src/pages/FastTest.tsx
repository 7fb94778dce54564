import { CameraOutlined } from '@ant-design/icons';
import { useQuery } from '@tanstack/react-query';
import { Alert, Button, Card, Input, Radio, Select } from 'antd';
import { useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { Link } from 'react-router';
import { client, page, told, type Schemas } from '../api';
import { codes } from '../codes';
import { freshId } from '../commands';
import { useSpeech } from '../language';
import { Failure } from '../parts/Failure';
import { Title } from '../parts/small';
import { flush, queue, type Waiting } from '../queue';
import { useNames } from '../reference';
import { useSession } from '../session';
import { Countdown, nextTerm, useNow } from './Cases';

const TEAM = 'spotcheck.team';
/** In whose name tests are reported from this device: a bureau and its level. */
const AGENCY = 'spotcheck.agency';
const AGENCY_LEVEL = 'spotcheck.agency-level';
/** How often it is looked for what followed from a result. */
const LOOKS = 10;

interface Detector {
  detect: (source: ImageBitmap) => Promise<{ rawValue: string }[]>;
}

/** The browser's reader of bar codes, where it has one. */
function detector(): Detector | null {
  const made = (window as { BarcodeDetector?: new () => Detector }).BarcodeDetector;
  return made ? new made() : null;
}

/** A photo's digest: the record names it, the photo stays with the officer. */
async function digest(file: File): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', await file.arrayBuffer());
  return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** An enterprise with a product, as the API names it. */
const cellOf = (enterprise: string, product: string) =>
  `cell:${[enterprise, product].map((part) => part.replaceAll('%', '%25').replaceAll(':', '%3A').replaceAll('/', '%2F')).join(':')}`;

/** Cases of an enterprise with a product that are open. */
const openCases = (cell: string) => page<Schemas['CaseDto']>('/v1/cases', new URLSearchParams({ subject: cell, open: 'true', limit: '20' }));

/** What follows from a result that the server took: the case that it opened, its next steps and terms. */
function Next({ one }: { one: Waiting }) {
  const { t, code } = useSpeech();
  const now = useNow();
  const site = one.record.site as { enterprise_id: string };
  const product = one.record.product as { category: string };
  const failed = one.record.outcome === 'nonconforming';
  const cell = cellOf(site.enterprise_id, product.category);
  const cases = useQuery({
    queryKey: ['/v1/cases', 'after', one.id],
    queryFn: () => openCases(cell),
    enabled: failed && one.outcome?.status === 'accepted',
    // What is shown follows what is recorded by a moment.
    refetchInterval: ({ state }) => (state.dataUpdateCount < LOOKS ? 1_500 : false),
  });
  const file = cases.data?.items[0];
  const steps = useQuery({
    queryKey: ['/v1/cases', file?.case_id, file?.state],
    queryFn: () => told(client.GET('/v1/cases/{id}', { params: { path: { id: file?.case_id ?? '' } } })),
    enabled: file !== undefined,
  });
  const told_ = (act: string) => (code('act', act) === act ? code('found', act) : code('act', act));
  if (!one.outcome) return <p className="quiet">{t('fast.waits')}</p>;
  if (one.outcome.status === 'rejected') {
    return <Alert type="error" showIcon title={code('status', 'rejected')} description={[one.outcome.field, one.outcome.value, one.outcome.rule].filter(Boolean).join(' · ')} />;
  }
  if (!failed) return <Alert type="success" showIcon title={t('fast.passed')} />;
  return (
    <Alert
      type="warning"
      showIcon
      title={t('fast.failed')}
      description={
        file ? (
          <>
            <p style={{ margin: 0 }}>
              {code('state', file.state)} · <Countdown deadline={nextTerm(file)} now={now} />
            </p>
            {steps.data && <p style={{ margin: 0 }}>{t('fast.next', { steps: steps.data.next.filter((step) => step.act !== 'discontinue').slice(0, 5).map((step) => told_(step.act)).join('、') })}</p>}
            <Link to={`/cases/${file.case_id}`}>{t('case.case')}</Link>
          </>
        ) : undefined
      }
    />
  );
}

export default function FastTest() {
  const { t, of, code, language } = useSpeech();
  const { data, zone } = useNames();
  const { known } = useSession();
  const waiting = useSyncExternalStore(queue.subscribe, queue.now);
  const [online, setOnline] = useState(navigator.onLine);
  const [site, setSite] = useState('');
  const [typed, setTyped] = useState('');
  const [product, setProduct] = useState<string | null>(null);
  const [item, setItem] = useState<string | null>(null);
  const [method, setMethod] = useState<string | null>(null);
  const [kit, setKit] = useState('');
  const [reading, setReading] = useState('');
  const [verdict, setVerdict] = useState<'conforming' | 'nonconforming' | null>(null);
  const [team, setTeam] = useState(() => localStorage.getItem(TEAM) ?? '');
  const [agency, setAgency] = useState(() => localStorage.getItem(AGENCY) ?? 'county-amr');
  const [agencyLevel, setAgencyLevel] = useState(() => localStorage.getItem(AGENCY_LEVEL) ?? 'county');
  const [followed, setFollowed] = useState<string | null>(null);
  const [photo, setPhoto] = useState<{ name: string; sha256: string } | null>(null);
  const scan = useRef<HTMLInputElement>(null);
  const shoot = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const tell = () => setOnline(navigator.onLine);
    window.addEventListener('online', tell);
    window.addEventListener('offline', tell);
    // So that the page opens in an aisle where there is no network.
    void navigator.serviceWorker?.register('/console/offline.js').catch(() => undefined);
    void flush();
    return () => {
      window.removeEventListener('online', tell);
      window.removeEventListener('offline', tell);
    };
  }, []);
  const found = useQuery({
    queryKey: ['/v1/sites', site],
    queryFn: () => told(client.GET('/v1/sites/{id}', { params: { path: { id: site } } })),
    enabled: site !== '',
    staleTime: Infinity,
  });
  const entry = found.data;
  const cell = entry && product ? cellOf(entry.enterprise_id, product) : null;
  const cases = useQuery({ queryKey: ['/v1/cases', 'open of', cell], queryFn: () => openCases(cell ?? ''), enabled: cell !== null });
  const sold = new Set(entry?.products ?? []);
  const products = (data?.products ?? []).filter((one) => one.methods.length > 0);
  const choices = products.map((one) => ({ value: one.code, label: of(one.zh, one.en) }));
  const chosen = data?.products.find((one) => one.code === product);
  const methods = (data?.methods ?? []).filter((one) => chosen?.methods.includes(one.id));
  const ready = entry && chosen && item && method && verdict && team.trim() && agency.trim();
  const send = () => {
    const tested = chosen?.items.find((one) => one.code === item);
    if (!entry || !chosen || !tested || !verdict) return;
    localStorage.setItem(TEAM, team.trim());
    localStorage.setItem(AGENCY, agency.trim());
    localStorage.setItem(AGENCY_LEVEL, agencyLevel);
    const id = freshId('QT');
    const now = new Date().toISOString();
    const failed = verdict === 'nonconforming';
    queue.add({
      id,
      label: `${entry.name} · ${of(chosen.zh, chosen.en)} · ${code('outcome', verdict)}`,
      record: {
        inspection_id: id,
        sampled_at: now,
        tested_at: now,
        observed_at: now,
        mode: 'fast_test',
        agency: { id: agency.trim(), level: agencyLevel },
        team_id: team.trim(),
        selection: { basis: followed ? 'follow_up' : 'targeted' },
        ...(followed ? { case_id: followed } : {}),
        site: {
          site_id: entry.site_id,
          enterprise_id: entry.enterprise_id,
          name: entry.name,
          zone_id: entry.zone_id,
          channel: entry.channel,
          ...(entry.booth ? { booth: entry.booth } : {}),
        },
        product: { category: chosen.code, name: chosen.zh },
        sample: { tested: 1, ...(failed ? { defective: 1 } : {}) },
        test: { kind: 'rapid', method_id: method },
        outcome: verdict,
        items: [
          {
            code: tested.code,
            name: tested.zh,
            clause: tested.clause,
            verdict,
            hazard: tested.hazard,
            severity: tested.severity,
            ...(reading.trim() ? { measured: reading.trim() } : {}),
            ...(tested.limit ? { limit: tested.limit } : {}),
            ...(tested.unit ? { unit: tested.unit } : {}),
          },
        ],
        extra: {
          ...(kit.trim() ? { kit_batch: kit.trim() } : {}),
          ...(photo ? { photo_sha256: photo.sha256 } : {}),
          ...(known.actor ? { entered_by: known.actor } : {}),
        },
      },
    });
    // The next test is of another item or booth: what was read is gone, who tests with what stays.
    setVerdict(null);
    setFollowed(null);
    setReading('');
    setPhoto(null);
  };
  const read = async (file: File | undefined) => {
    if (!file) return;
    const codes_ = await detector()?.detect(await createImageBitmap(file));
    const value = codes_?.[0]?.rawValue;
    if (value) {
      setTyped(value);
      setSite(value);
    }
  };
  const open = waiting.filter((one) => !one.outcome).length;
  return (
    <div className="phone">
      <Title title={t('nav.fast')} lead={t('fast.lead')} />
      <p role="status">
        <span className={`tag ${online ? 'low' : 'high'}`}>{t(online ? 'fast.online' : 'fast.offline')}</span> {open > 0 && t('fast.open', { n: open })}
      </p>
      <Card size="small">
        <div style={{ display: 'grid', gap: 14 }}>
          <form
            className="field"
            onSubmit={(event) => {
              event.preventDefault();
              setSite(typed.trim());
            }}
          >
            <label htmlFor="fast-site">{t('fast.site')}</label>
            <div className="row middle">
              <Input id="fast-site" size="large" style={{ flex: 1, minWidth: 160 }} value={typed} onChange={(event) => setTyped(event.target.value)} onBlur={() => setSite(typed.trim())} />
              {detector() && (
                <Button size="large" icon={<CameraOutlined />} onClick={() => scan.current?.click()}>
                  {t('fast.scan')}
                </Button>
              )}
              <Button size="large" htmlType="submit">
                {t('subjects.go')}
              </Button>
            </div>
            <input ref={scan} type="file" accept="image/*" capture="environment" hidden onChange={(event) => void read(event.target.files?.[0])} />
            {found.error && <Failure error={found.error} />}
            {entry && (
              <p style={{ margin: 0 }}>
                <strong>{entry.name}</strong> · {zone(entry.zone_id)} {entry.booth}
              </p>
            )}
          </form>
          <div className="field">
            <label htmlFor="fast-product">{code('subjectKind', 'product')}</label>
            <Select
              id="fast-product"
              size="large"
              showSearch={{ optionFilterProp: 'label' }}
              value={product}
              onChange={(value) => {
                setProduct(value);
                setItem(null);
                setFollowed(null);
                setMethod(data?.products.find((one) => one.code === value)?.methods[0] ?? null);
              }}
              options={[
                ...(sold.size > 0 ? [{ label: t('fast.sold-here'), options: choices.filter((one) => sold.has(one.value)) }] : []),
                { label: t('fast.others'), options: choices.filter((one) => !sold.has(one.value)) },
              ]}
            />
          </div>
          {(cases.data?.items.length ?? 0) > 0 && (
            <div className="field">
              <label htmlFor="fast-case">{t('fast.case')}</label>
              <Select
                id="fast-case"
                size="large"
                allowClear
                value={followed}
                onChange={(value) => setFollowed(value ?? null)}
                options={cases.data?.items.map((one) => ({ value: one.case_id, label: `${code('caseKind', one.kind)} · ${code('state', one.state)}` })) ?? []}
              />
            </div>
          )}
          <div className="field">
            <label htmlFor="fast-item">{t('fast.item')}</label>
            <Select id="fast-item" size="large" value={item} onChange={setItem} options={(chosen?.items ?? []).map((one) => ({ value: one.code, label: `${of(one.zh, one.en)}${one.limit ? ` ≤ ${one.limit} ${one.unit ?? ''}` : ''}` }))} />
          </div>
          <div className="field">
            <label htmlFor="fast-method">{t('fast.method')}</label>
            <Select id="fast-method" size="large" value={method} onChange={setMethod} options={methods.map((one) => ({ value: one.id, label: language === 'zh' ? one.zh : one.id }))} />
          </div>
          <div className="row">
            <div className="field" style={{ flex: 1 }}>
              <label htmlFor="fast-kit">{t('fast.kit')}</label>
              <Input id="fast-kit" size="large" value={kit} onChange={(event) => setKit(event.target.value)} />
            </div>
            <div className="field" style={{ flex: 1 }}>
              <label htmlFor="fast-reading">{t('fast.reading')}</label>
              <Input id="fast-reading" size="large" inputMode="decimal" value={reading} onChange={(event) => setReading(event.target.value)} />
            </div>
          </div>
          <fieldset style={{ border: 0, padding: 0, margin: 0 }}>
            <legend className="quiet">{t('evidence.outcome')}</legend>
            <Radio.Group
              size="large"
              optionType="button"
              value={verdict}
              onChange={(event) => setVerdict(event.target.value as 'conforming' | 'nonconforming')}
              options={(['conforming', 'nonconforming'] as const).map((value) => ({ value, label: codes.outcome[value][language === 'zh' ? 0 : 1] }))}
            />
          </fieldset>
          <div className="field">
            <label htmlFor="fast-team">{t('fast.team')}</label>
            <Input id="fast-team" size="large" value={team} onChange={(event) => setTeam(event.target.value)} />
          </div>
          <details>
            <summary className="quiet">{t('fast.agency.of', { agency, level: code('agencyLevel', agencyLevel) })}</summary>
            <div className="row">
              <div className="field">
                <label htmlFor="fast-agency">{t('fast.agency')}</label>
                <Input id="fast-agency" size="large" value={agency} onChange={(event) => setAgency(event.target.value)} />
              </div>
              <div className="field">
                <label htmlFor="fast-agency-level">{t('fast.agency.level')}</label>
                <Select
                  id="fast-agency-level"
                  size="large"
                  style={{ width: 140 }}
                  value={agencyLevel}
                  onChange={setAgencyLevel}
                  options={Object.keys(codes.agencyLevel).map((value) => ({ value, label: code('agencyLevel', value) }))}
                />
              </div>
            </div>
          </details>
          <div className="row middle">
            <Button size="large" icon={<CameraOutlined />} onClick={() => shoot.current?.click()}>
              {t('fast.photo')}
            </Button>
            {photo && <span className="quiet">{t('fast.photo.kept', { name: photo.name })}</span>}
            <input
              ref={shoot}
              type="file"
              accept="image/*"
              capture="environment"
              hidden
              onChange={async (event) => {
                const file = event.target.files?.[0];
                if (file) setPhoto({ name: file.name, sha256: await digest(file) });
              }}
            />
          </div>
          <Button className="big" type="primary" size="large" block disabled={!ready} onClick={send}>
            {t('fast.send')}
          </Button>
        </div>
      </Card>
      <h3>{t('fast.done')}</h3>
      <ul className="plain" aria-live="polite">
        {waiting.toReversed().map((one) => (
          <li key={one.id}>
            <div>
              {one.label} <span className="quiet mono">{one.id}</span>
            </div>
            <Next one={one} />
          </li>
        ))}
        {waiting.length === 0 && <li className="quiet">{t('fast.done.none')}</li>}
      </ul>
    </div>
  );
}
