// Stations as the API tells of them, and what several of their pages ask for.

import { api, type Answer, type Entry } from '../../api/client';
import type { components } from '../../api/schema';

export type Station = Answer<'/api/v5/stations/{name}'>;
export type Tier = Answer<'/api/v5/stations/{name}/tier'>;
export type Files = Answer<'/api/v5/stations/{name}/tier/files'>;
export type FileEntry = Files['data'][number];
export type Group = Entry<'/api/v5/stations/{name}/groups'>;
export type Message = components['schemas']['station_message'];
export type Job = Answer<'/api/v5/jobs/{id}'>;

export interface Layers {
  tier: Tier;
  files: Files | null; // null: no second tier
}

// The files are asked for behind the tier: they are never older than the watermarks beside them.
export async function askLayers(name: string, limit: number): Promise<Layers> {
  const tier = await api.get('/api/v5/stations/{name}/tier', { path: { name } });
  const files = tier.status === 'off' ? null : await api.get('/api/v5/stations/{name}/tier/files', { path: { name }, query: { limit } });
  return { tier, files };
}

// 'commit', '2m', 600, '0': what a limit of a station is, in words.
export function limitText(value: string | number | undefined, otherwise = 'no limit'): string {
  return value === undefined || value === 0 || value === '0' ? otherwise : String(value);
}

// "7d or 600 messages"
export function retentionText(retention: Station['retention']): string {
  if (!retention) return 'everything';
  const limits = [
    limitText(retention.age, ''),
    limitText(retention.bytes, ''),
    retention.messages > 0 ? `${retention.messages.toLocaleString('en-GB')} messages` : '',
    retention.acked ? 'until every group has acknowledged' : '',
  ].filter(Boolean);
  return limits.length === 0 ? 'everything' : limits.join(' or ');
}

export function isDead(name: string): boolean {
  return name.endsWith('.dead');
}
