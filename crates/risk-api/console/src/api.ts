// The HTTP API, typed by the document that the server publishes.
import createClient from 'openapi-fetch';
import type { components, paths } from './schema';

export type Schemas = components['schemas'];
export type Page<T> = { items: T[]; next?: string | null };

/** An answer that is no success: what the server said of it. */
export class Problem extends Error {
  readonly status: number;
  readonly field: string | undefined;

  constructor(status: number, body: Partial<Schemas['ProblemDto']> | undefined) {
    super(body?.detail ?? body?.title ?? String(status));
    this.status = status;
    this.field = body?.field ?? undefined;
  }
}

const TOKEN = 'spotcheck.token';
let csrf: string | null = null;
let answered = false;

/** An API token lasts as long as the tab; a session's cookie is the server's, out of reach of scripts. */
export const token = {
  get: () => sessionStorage.getItem(TOKEN),
  set: (value: string) => sessionStorage.setItem(TOKEN, value),
  drop: () => sessionStorage.removeItem(TOKEN),
};

/** What a session's writes must bring along. */
export function setCsrf(value: string | null | undefined): void {
  csrf = value ?? null;
  answered = true;
}

/** Whether the server has said who this is since the page was opened: before that, nothing is posted. */
export const isKnown = () => answered;

/** The fields by which a request says who asks. */
export function identifying(write: boolean): Record<string, string> {
  const headers: Record<string, string> = {};
  const kept = token.get();
  if (kept) headers.authorization = `Bearer ${kept}`;
  if (write && csrf) headers['x-csrf-token'] = csrf;
  return headers;
}

export const client = createClient<paths>({ baseUrl: '' });
client.use({
  onRequest({ request }) {
    for (const [name, value] of Object.entries(identifying(request.method !== 'GET'))) {
      request.headers.set(name, value);
    }
    return request;
  },
});

/** The data of an answer; throws a `Problem` for any other. */
export async function told<T>(
  asked: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<T> {
  const { data, error, response } = await asked;
  if (!response.ok || data === undefined) {
    throw new Problem(response.status, error as Partial<Schemas['ProblemDto']>);
  }
  return data;
}

async function checked(response: Response): Promise<Response> {
  if (response.ok) return response;
  const body = await response.json().catch(() => undefined);
  throw new Problem(response.status, body);
}

/** A page of a list; the parameters are those of the address. */
export async function page<T>(path: string, query: URLSearchParams, signal?: AbortSignal): Promise<Page<T>> {
  const init: RequestInit = { headers: identifying(false) };
  if (signal) init.signal = signal;
  const response = await checked(await fetch(`${path}?${query}`, init));
  return (await response.json()) as Page<T>;
}

/** Posts records; each answer says what became of them. `key` makes a repetition harmless. */
export async function post(path: string, records: unknown[], key: string): Promise<Schemas['PostedDto'] | null> {
  const response = await checked(
    await fetch(path, {
      method: 'POST',
      headers: { ...identifying(true), 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify(records),
    }),
  );
  // 202: taken, and not known to be durable yet.
  return response.status === 202 ? null : ((await response.json()) as Schemas['PostedDto']);
}

/** Sends a workbook, of whatever type the browser takes it for; the server says what became of it. */
export async function sendBook<T>(path: string, query: URLSearchParams, file: File): Promise<T> {
  const type = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet';
  const headers = { ...identifying(true), 'content-type': type };
  return (await checked(await fetch(`${path}?${query}`, { method: 'POST', headers, body: file }))).json() as Promise<T>;
}

/** Hands a file to the person. */
export function save(name: string, content: Blob): void {
  const address = URL.createObjectURL(content);
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** Fetches a file under the person's identity, which a plain link would not carry, and hands it over. */
export async function download(path: string, name: string): Promise<void> {
  const response = await checked(await fetch(path, { headers: identifying(false) }));
  save(name, await response.blob());
}
