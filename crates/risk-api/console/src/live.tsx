// The live stream of alerts. Read by `fetch`, because an event source cannot say who asks.
import { useQueryClient } from '@tanstack/react-query';
import { createContext, useContext, useEffect, useState, type ReactNode } from 'react';
import { identifying, type Schemas } from './api';
import { useSession } from './session';

type Event = Schemas['AlertEventDto'];

interface Live {
  state: 'open' | 'lost';
  /** What came since the page was opened, the newest first. */
  events: Event[];
}

const Context = createContext<Live>({ state: 'lost', events: [] });
const KEPT = 200;
const AGAIN = 2_000;
/** How long changes are gathered before lists are asked for again. */
const GATHERED = 500;

/** Reads server-sent events until the stream ends; tells each event's id and data. */
async function read(body: ReadableStream<Uint8Array>, tell: (id: string, data: string) => void) {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let rest = '';
  let id = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    rest += value;
    const blocks = rest.split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const data: string[] = [];
      for (const line of block.split('\n')) {
        if (line.startsWith('id:')) id = line.slice(3).trim();
        else if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''));
      }
      tell(id, data.join('\n'));
    }
  }
}

export function LiveProvider({ children }: { children: ReactNode }) {
  const { may } = useSession();
  const queries = useQueryClient();
  const [live, setLive] = useState<Live>({ state: 'lost', events: [] });
  const listens = may('viewer', 'zone_manager', 'planner', 'officer', 'approver', 'administrator');
  useEffect(() => {
    if (!listens) return;
    const ended = new AbortController();
    let last = '';
    let gathering: ReturnType<typeof setTimeout> | undefined;
    let again: ReturnType<typeof setTimeout> | undefined;
    const follow = async () => {
      const headers = { ...identifying(false), ...(last ? { 'last-event-id': last } : {}) };
      const response = await fetch('/v1/alerts/stream', { headers, signal: ended.signal });
      if (!response.ok || !response.body) return;
      setLive((now) => ({ ...now, state: 'open' }));
      await read(response.body, (id, data) => {
        last = id || last;
        if (!data) return;
        const event = JSON.parse(data) as Event;
        setLive((now) => ({ state: 'open', events: [event, ...now.events].slice(0, KEPT) }));
        gathering ??= setTimeout(() => {
          gathering = undefined;
          void queries.invalidateQueries({ queryKey: ['/v1/alerts'] });
          void queries.invalidateQueries({ queryKey: ['/v1/cases'] });
        }, GATHERED);
      });
    };
    const loop = () => {
      // A stream that broke off is begun again after the last event that was seen, so nothing is missed.
      void follow()
        .catch(() => undefined)
        .then(() => {
          if (ended.signal.aborted) return;
          setLive((now) => ({ ...now, state: 'lost' }));
          again = setTimeout(loop, AGAIN);
        });
    };
    loop();
    return () => {
      ended.abort();
      clearTimeout(gathering);
      clearTimeout(again);
    };
  }, [listens, queries]);
  return <Context value={live}>{children}</Context>;
}

export const useLive = () => useContext(Context);
