// A station as a form has it, on its way to the API: texts, checked field by field.

import type { Station } from './model';

export interface Draft {
  name: string;
  description: string;
  topics: string[];
  age: string;
  bytes: string;
  messages: string;
  acked: boolean;
  sync: string;
  compression: 'none' | 'zstd';
  dedup_window: string;
  ack_wait: string;
  max_deliveries: string;
  max_ack_pending: string;
  max_message_bytes: string;
  tier: {
    enabled: boolean;
    connector: string;
    bucket: string;
    prefix: string;
    upload_bytes: string;
    upload_interval: string;
    retention_age: string;
    scrub_interval: string;
    disk_budget: string;
    when_full: string;
  };
}

export function emptyDraft(): Draft {
  return {
    name: '', description: '', topics: [], age: '7d', bytes: '0', messages: '0', acked: false, sync: 'commit', compression: 'none', dedup_window: '2m',
    ack_wait: '30s', max_deliveries: '10', max_ack_pending: '1000', max_message_bytes: '1MiB',
    tier: {
      enabled: false, connector: 'directory:local', bucket: 'varve', prefix: 'stations', upload_bytes: '32MiB', upload_interval: '5m',
      retention_age: '0', scrub_interval: '7d', disk_budget: '10GiB', when_full: 'block',
    },
  };
}

export function draftOf(station: Station): Draft {
  const empty = emptyDraft();
  const text = (value: unknown, otherwise: string): string => (value === undefined || value === null ? otherwise : String(value));
  const { retention, tier } = station;
  const all = station as unknown as Record<string, unknown>;
  return {
    name: station.name,
    description: station.description ?? '',
    topics: [...(station.topics ?? [])],
    age: text(retention?.age, empty.age),
    bytes: text(retention?.bytes, empty.bytes),
    messages: text(retention?.messages, empty.messages),
    acked: retention?.acked ?? false,
    sync: text(all.sync, empty.sync),
    compression: station.compression ?? empty.compression,
    dedup_window: text(all.dedup_window, empty.dedup_window),
    ack_wait: text(all.ack_wait, empty.ack_wait),
    max_deliveries: text(all.max_deliveries, empty.max_deliveries),
    max_ack_pending: text(all.max_ack_pending, empty.max_ack_pending),
    max_message_bytes: text(all.max_message_bytes, empty.max_message_bytes),
    tier: {
      enabled: tier?.enabled ?? false,
      connector: text(tier?.connector, empty.tier.connector),
      bucket: text(tier?.bucket, empty.tier.bucket),
      prefix: text(tier?.prefix, empty.tier.prefix),
      upload_bytes: text(tier?.upload_bytes, empty.tier.upload_bytes),
      upload_interval: text(tier?.upload_interval, empty.tier.upload_interval),
      retention_age: text(tier?.retention_age, empty.tier.retention_age),
      scrub_interval: text(tier?.scrub_interval, empty.tier.scrub_interval),
      disk_budget: text(tier?.disk_budget, empty.tier.disk_budget),
      when_full: text(tier?.when_full, empty.tier.when_full),
    },
  };
}

// The station object. A limit that is left empty is none.
export function objectOf(draft: Draft) {
  const or = (text: string, otherwise = '0'): string => (text.trim() === '' ? otherwise : text.trim());
  const { tier } = draft;
  return {
    name: draft.name.trim(),
    description: draft.description.trim(),
    topics: draft.topics,
    retention: { age: or(draft.age), bytes: or(draft.bytes), messages: Number(or(draft.messages)), acked: draft.acked },
    sync: or(draft.sync, 'commit'),
    compression: draft.compression,
    dedup_window: or(draft.dedup_window),
    ack_wait: or(draft.ack_wait, '30s'),
    max_deliveries: Number(or(draft.max_deliveries)),
    max_ack_pending: Number(or(draft.max_ack_pending, '1000')),
    max_message_bytes: or(draft.max_message_bytes, '1MiB'),
    tier: {
      ...tier,
      bucket: tier.bucket.trim(),
      prefix: tier.prefix.trim(),
      upload_bytes: or(tier.upload_bytes, '32MiB'),
      upload_interval: or(tier.upload_interval, '5m'),
      retention_age: or(tier.retention_age),
      scrub_interval: or(tier.scrub_interval),
      disk_budget: or(tier.disk_budget, '10GiB'),
    },
  };
}

// A station with what the draft says: what the form does not know stays as it is.
export function changed(station: Station, draft: Draft): ReturnType<typeof objectOf> {
  const { state: _, ...rest } = station;
  const object = objectOf(draft);
  return { ...rest, ...object, retention: { ...station.retention, ...object.retention }, tier: { ...station.tier, ...object.tier } };
}

// ---- Checks -------------------------------------------------------------------------------------------------------------------------

export function nameError(name: string): string {
  if (name === '') return 'A station needs a name.';
  if (name.length > 128) return 'At most 128 characters.';
  if (!/^[a-z0-9_.-]+$/.test(name)) return 'Letters a–z, digits, and _ . - alone.';
  if (!/^[a-z0-9](.*[a-z0-9])?$/.test(name)) return 'The first and the last one is a letter or a digit.';
  return '';
}

export function filterError(filter: string): string {
  if (filter === '') return 'A topic filter is not empty.';
  if (filter.startsWith('$')) return 'A station captures no topic that begins with $.';
  const levels = filter.split('/');
  for (const [i, level] of levels.entries()) {
    if (level === '+' || level === '#') {
      if (level === '#' && i < levels.length - 1) return '# stands alone at the end: plant/#';
      continue;
    }
    if (level.includes('#')) return '# stands alone at the end: plant/#';
    if (level.includes('+')) return '+ stands for a whole level: plant/+/state';
  }
  return '';
}

// As MQTT has it: + is one level, # all that follow, with the level before it.
export function matches(filter: string, topic: string): boolean {
  if (topic === '' || (topic.startsWith('$') && !filter.startsWith('$'))) return false;
  const want = filter.split('/');
  const have = topic.split('/');
  for (let i = 0; i < want.length; i++) {
    if (want[i] === '#') return true;
    if (i >= have.length || (want[i] !== '+' && want[i] !== have[i])) return false;
  }
  return want.length === have.length;
}

// Topics that a filter takes, and near ones that it does not.
export function examples(filter: string): { topic: string; taken: boolean }[] {
  const words = ['one', 'two', 'three'];
  let word = 0;
  const taken = filter.replace(/\/?#$/, '').replace(/\+/g, () => words[word++ % words.length]!);
  const candidates = [taken || 'one', `${taken ? `${taken}/` : ''}below`, `${taken ? `${taken}/` : ''}below/it`, `other/${taken || 'one'}`];
  return [...new Set(candidates)].map((topic) => ({ topic, taken: matches(filter, topic) }));
}

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

// 1h30m: 5400000. 0 and '' are 0; what is no duration is null.
export function durationMs(text: string): number | null {
  const all = text.trim();
  if (all === '' || all === '0') return 0;
  if (/^\d+$/.test(all)) return Number(all);
  let sum = 0;
  let rest = all;
  while (rest !== '') {
    const part = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)/.exec(rest);
    if (!part) return null;
    sum += Number(part[1]) * UNITS[part[2]!]!;
    rest = rest.slice(part[0].length);
  }
  return sum;
}

const SIZES: Record<string, number> = {
  '': 1, b: 1, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12, kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30, tib: 2 ** 40,
};

export function sizeBytes(text: string): number | null {
  const part = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim());
  if (text.trim() === '') return 0;
  const unit = part && SIZES[part[2]!.toLowerCase()];
  return unit ? Number(part[1]) * unit : null;
}

export const durationError = (text: string): string => (durationMs(text) === null ? 'A duration such as 90s, 1h30m or 7d; 0 for no limit.' : '');
export const sizeError = (text: string): string => (sizeBytes(text) === null ? 'A size such as 512KiB, 32MiB or 10GB; 0 for no limit.' : '');
export const countError = (text: string): string => (/^\d*$/.test(text.trim()) ? '' : 'A whole number; 0 for no limit.');

export type Errors = Record<string, string>;

export function errorsOf(draft: Draft): Errors {
  const { tier } = draft;
  const all: Errors = {
    name: nameError(draft.name),
    topics: draft.topics.map(filterError).find(Boolean) ?? '',
    age: durationError(draft.age),
    bytes: sizeError(draft.bytes),
    messages: countError(draft.messages),
    sync: ['commit', 'none'].includes(draft.sync) ? '' : durationMs(draft.sync) ? '' : 'commit, none, or an interval such as 100ms.',
    dedup_window: durationError(draft.dedup_window),
    ack_wait: durationError(draft.ack_wait),
    max_deliveries: countError(draft.max_deliveries),
    max_ack_pending: countError(draft.max_ack_pending),
    max_message_bytes: sizeError(draft.max_message_bytes),
  };
  if (tier.enabled) {
    all.connector = tier.connector === '' ? 'A second tier needs a connector.' : '';
    all.bucket = tier.bucket.trim() === '' ? 'In which bucket?' : '';
    all.upload_bytes = sizeError(tier.upload_bytes) || ((sizeBytes(tier.upload_bytes) ?? 0) < 65_536 ? 'At least 64KiB.' : '');
    all.upload_interval = durationError(tier.upload_interval);
    all.retention_age = durationError(tier.retention_age);
    all.scrub_interval = durationError(tier.scrub_interval);
    all.disk_budget = sizeError(tier.disk_budget);
  }
  return Object.fromEntries(Object.entries(all).filter(([, text]) => text !== ''));
}

// ---- What a second tier costs -------------------------------------------------------------------------------------------------------

// S3 standard in us-east-1, as the broker's own estimate has it (src/tier/describe.c).
const USD_GB_MONTH = 0.023;
const USD_PUT = 0.005 / 1000;
const DAY_MS = 86_400_000;
const PUTS_A_COMMIT = 4; // data, manifest, manifest list, metadata

export interface Estimate {
  bytes_month: number; // that settle, before compression
  kept_bytes: number; // after a year, or when retention_age is reached
  storage_usd: number; // a month, then
  commits_day: number;
  requests_usd: number; // a month
}

export function estimate(messages_day: number, message_bytes: number, tier: Draft['tier']): Estimate {
  const bytes_day = messages_day * message_bytes;
  const upload = Math.max(65_536, sizeBytes(tier.upload_bytes) ?? 0);
  const interval = durationMs(tier.upload_interval) ?? 0;
  // A commit when so many bytes wait or the oldest waits so long, but none without a message.
  const by_time = interval > 0 ? Math.min(DAY_MS / interval, messages_day) : 0;
  const commits_day = Math.max(bytes_day / upload, by_time);
  const age = durationMs(tier.retention_age) ?? 0;
  const days = age > 0 ? Math.min(365, age / DAY_MS) : 365;
  const kept_bytes = bytes_day * days;
  return {
    bytes_month: bytes_day * 30,
    kept_bytes,
    storage_usd: (kept_bytes / 1e9) * USD_GB_MONTH,
    commits_day,
    requests_usd: commits_day * 30 * PUTS_A_COMMIT * USD_PUT,
  };
}
