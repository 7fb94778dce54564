// Names of places, goods, hazards and methods.
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { client, told, type Schemas } from './api';
import { useSpeech } from './language';

export type Zone = Schemas['ZoneNameDto'];

function useReferenceQuery() {
  return useQuery({
    queryKey: ['reference'],
    queryFn: () => told(client.GET('/v1/reference')),
    staleTime: Infinity,
  });
}

export interface Names {
  data: Schemas['ReferenceDto'] | undefined;
  zone: (id: string | null | undefined) => string;
  sector: (code: string | null | undefined) => string;
  product: (code: string | null | undefined) => string;
  hazard: (code: string | null | undefined) => string;
  /** The innermost of the zones that a subject was seen in. */
  innermost: (ids: string[]) => string;
  /** Zones in the order of their tree, with how deep they lie. */
  tree: { zone: Zone; depth: number }[];
  children: Map<string | null, Zone[]>;
}

export function useNames(): Names {
  const { data } = useReferenceQuery();
  const { of } = useSpeech();
  return useMemo(() => {
    const by = <T, K extends keyof T>(rows: T[] | undefined, key: K) =>
      new Map((rows ?? []).map((row) => [row[key] as string, row]));
    const zones = by(data?.zones, 'id');
    const sectors = by(data?.sectors, 'code');
    const products = by(data?.products, 'code');
    const hazards = by(data?.hazards, 'code');
    const named = (rows: Map<string, { zh: string; en: string }>) => (id: string | null | undefined) => {
      const row = id ? rows.get(id) : undefined;
      return row ? of(row.zh, row.en) : (id ?? '');
    };
    const children = new Map<string | null, Zone[]>();
    for (const zone of data?.zones ?? []) {
      const parent = zone.parent ?? null;
      children.set(parent, [...(children.get(parent) ?? []), zone]);
    }
    const tree: Names['tree'] = [];
    const walk = (parent: string | null, depth: number) => {
      for (const zone of children.get(parent) ?? []) {
        tree.push({ zone, depth });
        walk(zone.id, depth + 1);
      }
    };
    walk(null, 0);
    const depths = new Map(tree.map(({ zone, depth }) => [zone.id, depth]));
    const zone = named(zones);
    return {
      innermost: (ids) => zone(ids.toSorted((a, b) => (depths.get(b) ?? 0) - (depths.get(a) ?? 0))[0]),
      data,
      zone,
      sector: named(sectors),
      product: named(products),
      hazard: named(hazards),
      tree,
      children,
    };
  }, [data, of]);
}
