// Queries of the Infinity data source, which the SDK does not know: one JSON answer of Spotcheck's API each.
import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';

import { SPOTCHECK } from './sources';

export interface Column {
  /** Path in a row of the answer, with dots. */
  selector: string;
  /** Name of the column. */
  text: string;
  type: 'string' | 'number' | 'timestamp';
}

interface InfinityQuery extends Dataquery {
  refId?: string;
  datasource: typeof SPOTCHECK;
  type: 'json';
  /** Parsed by the plugin's server, so that alerts and shared dashboards may use it, too. */
  parser: 'backend';
  source: 'url';
  format: 'table' | 'timeseries';
  url: string;
  url_options: { method: 'GET'; data: '' };
  root_selector: string;
  columns: Column[];
  filters: [];
}

export class Infinity implements Builder<Dataquery> {
  private readonly internal: InfinityQuery;

  /** @param path of the API, with its query. @param root where the rows lie in the answer */
  constructor(path: string, root: string, columns: Column[]) {
    this.internal = {
      datasource: SPOTCHECK,
      type: 'json',
      parser: 'backend',
      source: 'url',
      format: columns[0]?.type === 'timestamp' ? 'timeseries' : 'table',
      url: path,
      url_options: { method: 'GET', data: '' },
      root_selector: root,
      columns,
      filters: [],
      _implementsDataqueryVariant() {},
    };
  }

  refId(refId: string): this {
    this.internal.refId = refId;
    return this;
  }

  build(): InfinityQuery {
    return this.internal;
  }
}

export const time = (selector: string, text = 'time'): Column => ({ selector, text, type: 'timestamp' });
export const number = (selector: string, text: string): Column => ({ selector, text, type: 'number' });
export const word = (selector: string, text: string): Column => ({ selector, text, type: 'string' });
