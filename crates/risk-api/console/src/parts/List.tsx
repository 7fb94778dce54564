// A list of the API: filtered, sorted, paged and exported, with all of that in the address.
import { DownloadOutlined, ReloadOutlined } from '@ant-design/icons';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Button, Input, Select, Space, Spin } from 'antd';
import { useId, useState, type ReactNode } from 'react';
import { useSearchParams } from 'react-router';
import { page, save, type Page } from '../api';
import { csv } from '../format';
import { useSpeech } from '../language';
import { useNames } from '../reference';
import { Failure } from './Failure';
import { Table, sorted, type Column, type Order } from './Table';

export interface Choice {
  value: string;
  label: string;
}

/** A filter by a query parameter of the API, which has the same name in the address. */
export interface Filter {
  name: string;
  label: string;
  choices?: Choice[];
  /** `day` is asked as the moment in which it begins, `date` and `month` as they are. */
  kind?: 'zone' | 'sector' | 'day' | 'date' | 'month' | 'text';
  /** What is asked where the address says nothing. */
  preset?: string;
}

interface Props<T> {
  label: string;
  path: string;
  columns: Column<T>[];
  rowKey: (row: T) => string;
  filters?: Filter[];
  /** Orders that the server knows: values of `sort`. */
  sorts?: Choice[];
  /** Parameters that are always asked. */
  fixed?: Record<string, string>;
  file: string;
  /** Most rows of a page that the API gives here; 1000 if not told. */
  most?: number;
  greyed?: (row: T) => boolean;
  extra?: ReactNode;
}

const SIZES = [50, 100, 200, 500, 1000];
/** Most rows of an exported file. */
const MOST = 100_000;
const ALL = '*';

/** The zone in the order of the tree, indented. */
export function useZoneChoices(): Choice[] {
  const { tree } = useNames();
  const { of } = useSpeech();
  return tree.map(({ zone, depth }) => ({
    value: zone.id,
    label: `${'　'.repeat(depth)}${of(zone.zh, zone.en)}`,
  }));
}

export function useSectorChoices(): Choice[] {
  const { data } = useNames();
  const { of } = useSpeech();
  return (data?.sectors ?? []).map((sector) => ({ value: sector.code, label: of(sector.zh, sector.en) }));
}

export function useProductChoices(): Choice[] {
  const { data } = useNames();
  const { of } = useSpeech();
  return (data?.products ?? []).map((product) => ({ value: product.code, label: of(product.zh, product.en) }));
}

function FilterField({ filter, value, onChange }: { filter: Filter; value: string; onChange: (value: string) => void }) {
  const id = useId();
  const { t } = useSpeech();
  const zones = useZoneChoices();
  const sectors = useSectorChoices();
  const [typed, setTyped] = useState(value);
  const chosen = filter.kind === 'day' || filter.kind === 'date' || filter.kind === 'month';
  const choices = filter.kind === 'zone' ? zones : filter.kind === 'sector' ? sectors : filter.choices;
  return (
    <div className="field">
      <label htmlFor={id}>{filter.label}</label>
      {choices ? (
        <Select
          id={id}
          style={{ width: filter.kind === 'zone' ? 230 : 160 }}
          popupMatchSelectWidth={false}
          value={value || ALL}
          onChange={(next) => onChange(next === ALL && !filter.preset ? '' : next)}
          options={[{ value: ALL, label: t('list.all') }, ...choices]}
          showSearch={choices.length > 8 ? { optionFilterProp: 'label' } : false}
        />
      ) : (
        <Input
          id={id}
          style={{ width: chosen ? 150 : 220 }}
          type={filter.kind === 'month' ? 'month' : chosen ? 'date' : 'text'}
          value={typed}
          allowClear
          onChange={(event) => {
            setTyped(event.target.value);
            if (chosen || event.target.value === '') onChange(event.target.value);
          }}
          onPressEnter={() => onChange(typed.trim())}
          onBlur={() => typed.trim() !== value && onChange(typed.trim())}
        />
      )}
    </div>
  );
}

export function List<T>(props: Props<T>) {
  const { label, path, columns, rowKey, filters = [], sorts, fixed, file, most = 1000, greyed, extra } = props;
  const { t } = useSpeech();
  const [address, setAddress] = useSearchParams();
  const [exporting, setExporting] = useState(false);
  const sizes = SIZES.filter((one) => one <= most).map(String);
  const size = address.get('limit') ?? '100';
  const valueOf = (filter: Filter) => address.get(filter.name) ?? filter.preset ?? '';
  const query = new URLSearchParams({ ...fixed, limit: size });
  for (const filter of filters) {
    const value = valueOf(filter);
    if (value && value !== ALL) query.set(filter.name, filter.kind === 'day' ? `${value}T00:00:00+08:00` : value);
  }
  const sort = sorts && (address.get('sort') ?? sorts[0]?.value);
  if (sort) query.set('sort', sort);
  const cursor = address.get('cursor');
  if (cursor) query.set('cursor', cursor);
  const asked = useQuery({
    queryKey: [path, query.toString()],
    queryFn: ({ signal }) => page<T>(path, query, signal),
    placeholderData: keepPreviousData,
  });
  /** Changes the address; another filter or order begins at the first page. */
  const change = (changes: Record<string, string | null>) => {
    const next = new URLSearchParams(address);
    next.delete('cursor');
    for (const [name, value] of Object.entries(changes)) {
      if (value) next.set(name, value);
      else next.delete(name);
    }
    setAddress(next);
  };
  const named = address.get('order');
  const order: Order | null = named ? { key: named.replace(/^-/, ''), down: named.startsWith('-') } : null;
  const rows = asked.data?.items ?? [];
  const exportAll = async () => {
    setExporting(true);
    try {
      const all: T[] = [];
      const whole = new URLSearchParams(query);
      whole.delete('cursor');
      whole.set('limit', String(most));
      let next: string | null | undefined;
      do {
        if (next) whole.set('cursor', next);
        const part: Page<T> = await page<T>(path, whole);
        all.push(...part.items);
        next = part.next;
      } while (next && all.length < MOST);
      const told = columns.filter((column) => column.text);
      const body = sorted(all, columns, order).map((row) => told.map((column) => column.text?.(row)));
      save(`${file}.csv`, csv(told.map((column) => column.title), body));
    } finally {
      setExporting(false);
    }
  };
  return (
    <section aria-label={label}>
      <div className="row" style={{ marginBottom: 12 }}>
        {filters.map((filter) => (
          <FilterField
            key={`${filter.name}=${valueOf(filter)}`}
            filter={filter}
            value={valueOf(filter)}
            onChange={(value) => change({ [filter.name]: value })}
          />
        ))}
        {sorts && (
          <div className="field">
            <span className="label" id="sort-label">
              {t('list.sort')}
            </span>
            <Select
              aria-labelledby="sort-label"
              style={{ width: 180 }}
              value={sort}
              options={sorts}
              onChange={(value) => change({ sort: value })}
            />
          </div>
        )}
        <Space className="push" wrap>
          {extra}
          <Button icon={<ReloadOutlined />} onClick={() => void asked.refetch()} aria-label={t('list.reload')} />
          <Button icon={<DownloadOutlined />} loading={exporting} onClick={() => void exportAll()}>
            {t('list.export')}
          </Button>
        </Space>
      </div>
      {asked.error ? (
        <Failure error={asked.error} />
      ) : (
        <Spin spinning={asked.isLoading}>
          <Table
            label={label}
            columns={columns}
            rows={rows}
            rowKey={rowKey}
            order={order}
            onOrder={({ key, down }) => {
              const next = new URLSearchParams(address);
              next.set('order', `${down ? '-' : ''}${key}`);
              setAddress(next);
            }}
            tall
            {...(greyed ? { greyed } : {})}
          />
        </Spin>
      )}
      <div className="row middle" style={{ marginTop: 8 }}>
        <span className="quiet" role="status">
          {t('list.rows', { n: rows.length })}
        </span>
        <Space className="push">
          <span className="quiet" id="size-label">
            {t('list.size')}
          </span>
          <Select
            aria-labelledby="size-label"
            value={size}
            style={{ width: 90 }}
            options={sizes.map((value) => ({ value, label: value }))}
            onChange={(value) => change({ limit: value })}
          />
          <Button disabled={!cursor} onClick={() => change({})}>
            {t('list.first')}
          </Button>
          <Button
            disabled={!asked.data?.next}
            onClick={() => {
              const next = new URLSearchParams(address);
              next.set('cursor', asked.data?.next ?? '');
              setAddress(next);
            }}
          >
            {t('list.next')}
          </Button>
        </Space>
      </div>
    </section>
  );
}
