// Fast tests that wait for the network: kept on the device, each sent until it is answered, never twice.
import { isKnown, Problem, post, type Schemas } from './api';

export interface Waiting {
  /** The result's id, which also makes a repetition harmless to the server. */
  id: string;
  record: Record<string, unknown>;
  /** What the person reads of it. */
  label: string;
  /** What became of it; absent while it waits. */
  outcome?: Schemas['ReceiptDto'];
}

const KEPT = 'spotcheck.queue';
/** Outcomes that are kept to be looked at. */
const REMEMBERED = 20;

let all: Waiting[] = JSON.parse(localStorage.getItem(KEPT) ?? '[]') as Waiting[];
const listeners = new Set<() => void>();

function change(next: Waiting[]): void {
  const waiting = next.filter((one) => !one.outcome);
  const done = next.filter((one) => one.outcome).slice(-REMEMBERED);
  all = [...done, ...waiting];
  localStorage.setItem(KEPT, JSON.stringify(all));
  for (const tell of listeners) tell();
}

export const queue = {
  subscribe(tell: () => void) {
    listeners.add(tell);
    return () => listeners.delete(tell);
  },
  now: () => all,
  add(one: Waiting) {
    change([...all, one]);
    void flush();
  },
};

let sending = false;

/** Sends what waits, one after the other. What fails for want of a network stays, and so does its order. */
export async function flush(): Promise<void> {
  if (sending || !isKnown()) return;
  sending = true;
  try {
    for (let one = all.find((each) => !each.outcome); one; one = all.find((each) => !each.outcome)) {
      const sent = one;
      let outcome: Schemas['ReceiptDto'] | undefined;
      try {
        outcome = (await post('/v1/results', [sent.record], sent.id))?.items[0];
      } catch (error) {
        // Refused for good: said to the person. Anything else is tried again.
        const final = error instanceof Problem && error.status < 500 && ![401, 408, 409, 429].includes(error.status);
        if (!final) return;
        outcome = { line: 1, status: 'rejected', rule: error.message };
      }
      // Taken, and not known to be durable: asked again later under the same key.
      if (!outcome) return;
      const known = outcome;
      change(all.map((each) => (each.id === sent.id ? { ...each, outcome: known } : each)));
    }
  } finally {
    sending = false;
  }
}

window.addEventListener('online', () => void flush());
setInterval(() => void flush(), 15_000);
