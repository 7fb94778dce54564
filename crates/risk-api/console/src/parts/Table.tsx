// A table of data: a real one, whose rows a screen reader counts, under a head that stays.
import type { ReactNode } from 'react';
import { useSpeech } from '../language';

export interface Column<T> {
  key: string;
  title: string;
  /** What stands in a cell. */
  show: (row: T) => ReactNode;
  /** What stands there in an exported file; left out of it where there is none. */
  text?: (row: T) => string | number | null | undefined;
  /** By what the rows at hand are sorted. */
  sort?: (row: T) => string | number;
  number?: boolean;
  short?: boolean;
}

/** A column whose cells are shown, exported and sorted by one and the same. */
export function plain<T>(key: string, title: string, value: (row: T) => string | number, more: { number?: boolean; short?: boolean } = {}): Column<T> {
  return { key, title, show: value, text: value, sort: value, ...more };
}

export interface Order {
  key: string;
  down: boolean;
}

interface Props<T> {
  label: string;
  columns: Column<T>[];
  rows: T[];
  rowKey: (row: T) => string;
  order?: Order | null;
  onOrder?: (order: Order) => void;
  tall?: boolean;
  greyed?: (row: T) => boolean;
  empty?: string;
}

/** Rows in an order. */
export function sorted<T>(rows: T[], columns: Column<T>[], order: Order | null | undefined): T[] {
  const by = order && columns.find((column) => column.key === order.key)?.sort;
  if (!by) return rows;
  const way = order.down ? -1 : 1;
  return rows.toSorted((a, b) => {
    const [one, other] = [by(a), by(b)];
    if (typeof one === 'number' && typeof other === 'number') return way * (one - other);
    return way * String(one).localeCompare(String(other), 'zh-CN');
  });
}

export function Table<T>(props: Props<T>) {
  const { label, columns, rows, rowKey, order, onOrder, tall, greyed, empty } = props;
  const { t } = useSpeech();
  const head = (column: Column<T>) => {
    const current = order?.key === column.key;
    if (!column.sort || !onOrder) return column.title;
    const mark = current ? (order.down ? ' ↓' : ' ↑') : '';
    return (
      <button type="button" onClick={() => onOrder({ key: column.key, down: current ? !order.down : !!column.number })}>
        {column.title}
        <span aria-hidden="true">{mark || ' ↕'}</span>
      </button>
    );
  };
  const aria = (column: Column<T>) =>
    order?.key === column.key ? (order.down ? 'descending' : 'ascending') : undefined;
  return (
    <div className={tall ? 'scroll tall' : 'scroll'} role="region" aria-label={label} tabIndex={0}>
      <table className="data">
        <caption className="visually-hidden">{label}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.key} scope="col" className={column.number ? 'number' : undefined} aria-sort={aria(column)}>
                {head(column)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted(rows, columns, order).map((row) => (
            <tr key={rowKey(row)} className={greyed?.(row) ? 'greyed' : undefined}>
              {columns.map((column) => (
                <td key={column.key} className={column.number ? 'number' : column.short ? 'short' : undefined}>
                  {column.show(row)}
                </td>
              ))}
            </tr>
          ))}
          {rows.length === 0 && (
            <tr>
              <td colSpan={columns.length} className="quiet">
                {empty ?? t('list.empty')}
              </td>
            </tr>
          )}
        </tbody>
      </table>
    </div>
  );
}
