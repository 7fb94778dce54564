// Who asks, and what they may do.
import { useQuery } from '@tanstack/react-query';
import { createContext, useContext, useMemo, useState, type ReactNode } from 'react';
import { client, Problem, setCsrf, told, type Schemas } from './api';

export type Role =
  | 'viewer'
  | 'zone_manager'
  | 'planner'
  | 'officer'
  | 'approver'
  | 'administrator'
  | 'feeder';

export interface Actor {
  id: string;
  role: Role;
}

interface Session {
  known: Schemas['SessionDto'];
  demo: boolean;
  /** Whether one of the roles is theirs; in the demo everything is. */
  may: (...roles: Role[]) => boolean;
  /** In whose name a command is given in the demo, where nobody is asked; none elsewhere. */
  acting: Actor | null;
  setActing: (actor: Actor) => void;
  /** The best of their roles for a decision. */
  decidesAs: Role | null;
}

export const DEMO_ACTORS: Actor[] = [
  { id: 'demo-officer', role: 'officer' },
  { id: 'demo-approver', role: 'approver' },
];

/** Who decides on grades, alerts and cases. */
export const DECIDERS: Role[] = ['officer', 'approver', 'administrator'];
/** Who sees the whole city. */
export const STAFF: Role[] = ['viewer', 'planner', 'officer', 'approver', 'administrator'];

/** Who was here last, for when there is no network; no secret is in it. */
const KEPT = 'spotcheck.session';

const Context = createContext<Session | null>(null);

export function useSessionQuery() {
  return useQuery({
    queryKey: ['session'],
    queryFn: async () => {
      try {
        const known = await told(client.GET('/v1/session'));
        setCsrf(known.csrf_token);
        localStorage.setItem(KEPT, JSON.stringify({ ...known, csrf_token: null }));
        return known;
      } catch (error) {
        if (error instanceof Problem) {
          localStorage.removeItem(KEPT);
          throw error;
        }
        // No network: the pages of whoever was here last, which can show nothing but what is kept here.
        const kept = localStorage.getItem(KEPT);
        if (!kept) throw error;
        return JSON.parse(kept) as Schemas['SessionDto'];
      }
    },
    retry: false,
    staleTime: Infinity,
    refetchOnReconnect: 'always',
    networkMode: 'always',
  });
}

export function SessionProvider({ known, children }: { known: Schemas['SessionDto']; children: ReactNode }) {
  const demo = known.means === 'demo';
  const [acting, setActing] = useState<Actor | null>(demo ? (DEMO_ACTORS[0] ?? null) : null);
  const session = useMemo<Session>(() => {
    const may = (...roles: Role[]) => demo || roles.some((role) => known.roles.includes(role));
    const decider = acting?.role ?? DECIDERS.toReversed().find((role) => known.roles.includes(role)) ?? null;
    return { known, demo, may, acting, setActing, decidesAs: decider };
  }, [known, demo, acting]);
  return <Context value={session}>{children}</Context>;
}

export function useSession(): Session {
  const session = useContext(Context);
  if (!session) throw new Error('nobody is known');
  return session;
}
