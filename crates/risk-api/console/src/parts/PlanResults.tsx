// What became of a plan's lines, held against what was expected of them; the filled list comes back here.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Alert, Button, Card, Input, Space } from 'antd';
import { useRef, useState } from 'react';
import { sendBook, type Schemas } from '../api';
import { useSpeech } from '../language';
import { Failure } from './Failure';
import { Explained } from './small';
import { Table } from './Table';

type Results = Schemas['PlanResultsDto'];
type Filled = Schemas['FilledListDto'];
type Row = Schemas['FilledRowDto'];

/** Rows that made no result: which, why, and what stands there. */
function Refused({ filled }: { filled: Filled }) {
  const { t } = useSpeech();
  const rows = filled.items.filter((row) => row.status === 'rejected' || row.status === 'refused');
  return (
    <>
      <Alert
        type={rows.length ? 'warning' : 'success'}
        title={t('plan.filled', { rows: filled.rows, accepted: filled.accepted, duplicates: filled.duplicates, rejected: filled.rejected })}
        role="status"
      />
      {rows.length > 0 && (
        <Table<Row>
          label={t('plan.filled.rejected')}
          rows={rows}
          rowKey={(row) => `${row.sheet}-${row.row}`}
          columns={[
            { key: 'row', title: t('plan.filled.row'), show: (row) => `${row.sheet} ${row.row}` },
            { key: 'field', title: t('quality.field'), show: (row) => row.field ?? '' },
            { key: 'value', title: t('quality.value'), show: (row) => row.value ?? '' },
            { key: 'rule', title: t('quality.rule'), show: (row) => row.rule ?? '' },
          ]}
        />
      )}
    </>
  );
}

/** Hands in the workbook that teams filled. */
function Filling({ plan }: { plan: string }) {
  const { t } = useSpeech();
  const queries = useQueryClient();
  const chosen = useRef<HTMLInputElement>(null);
  const [agency, setAgency] = useState('');
  const send = useMutation({
    mutationFn: (file: File) => sendBook<Filled>(`/v1/plans/${encodeURIComponent(plan)}/results`, new URLSearchParams({ agency: agency.trim() }), file),
    onSuccess: () => void queries.invalidateQueries({ queryKey: ['/v1/plans', plan, 'results'] }),
  });
  return (
    <Space orientation="vertical" style={{ width: '100%' }}>
      <div className="row">
        <div className="field">
          <label htmlFor="plan-agency">{t('plan.agency')}</label>
          <Input id="plan-agency" value={agency} onChange={(event) => setAgency(event.target.value)} style={{ width: 240 }} />
        </div>
        <Button loading={send.isPending} disabled={!agency.trim()} onClick={() => chosen.current?.click()}>
          {t('plan.fill')}
        </Button>
        <input
          ref={chosen}
          type="file"
          accept=".xlsx"
          className="visually-hidden"
          aria-label={t('plan.fill')}
          tabIndex={-1}
          onChange={(event) => {
            const file = event.target.files?.[0];
            // The same file may be chosen again once it was mended.
            event.target.value = '';
            if (file) send.mutate(file);
          }}
        />
      </div>
      {send.error && <Failure error={send.error} />}
      {send.data && <Refused filled={send.data} />}
    </Space>
  );
}

export function PlanResults({ results }: { results: Results }) {
  const { t, code } = useSpeech();
  const of = results.expected_of_tested;
  return (
    <Card size="small" title={<Explained word="plan.results" topic="results" />}>
      <div className="figure">
        {results.proved} / {of.value.toFixed(1)}
      </div>
      <p>
        {t('plan.results.told', {
          proved: results.proved,
          tested: results.tested,
          value: of.value.toFixed(1),
          lower: of.lower.toFixed(0),
          upper: of.upper.toFixed(0),
        })}
      </p>
      <p className="quiet">{t('plan.results.open', { reported: results.reported, planned: results.planned, missing: results.missing.length, strays: results.strays.length })}</p>
      <Table
        label={t('plan.results')}
        rows={results.modes}
        rowKey={(row) => row.mode}
        columns={[
          { key: 'mode', title: t('evidence.mode'), show: (row) => code('mode', row.mode) },
          { key: 'planned', title: t('plan.tests'), number: true, show: (row) => row.planned },
          { key: 'reported', title: t('plan.reported'), number: true, show: (row) => row.reported },
          { key: 'tested', title: t('plan.tested'), number: true, show: (row) => row.tested },
          { key: 'failed', title: t('plan.failed'), number: true, show: (row) => row.failed },
          { key: 'proved', title: t('plan.proved'), number: true, show: (row) => row.proved },
          { key: 'expected', title: t('plan.finds'), number: true, show: (row) => row.expected.toFixed(1) },
        ]}
      />
      <Filling plan={results.plan_id} />
    </Card>
  );
}
