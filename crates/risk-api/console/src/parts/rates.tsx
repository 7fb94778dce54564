// Pass rates, as several pages read them.
import { queryOptions } from '@tanstack/react-query';
import { client, told } from '../api';

export type Period = 'week' | 'month' | 'quarter' | 'year';

export const ratesQuery = (domain: string, period: string, limit: number) =>
  queryOptions({
    queryKey: ['/v1/rates', domain, period, limit],
    queryFn: () => told(client.GET('/v1/rates', { params: { query: { domain, period, limit } } })),
    staleTime: 60_000,
  });
