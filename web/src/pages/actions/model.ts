// What the form of an action knows: its settings (docs/actions.md), and how a failure is explained.

import { toBody, toValues, type Setting, type Values } from '../../lib/settings';
import { republishArgs, republishOf, type Republish } from './republish';

const aggregated = (values: Values) => values['parameters.mode'] === 'aggregated';
const direct = (values: Values) => !aggregated(values);
const container = (...types: string[]) => (values: Values) => aggregated(values) && types.includes(String(values['parameters.container.type']));
const table = container('iceberg');

export const modes: { id: 'direct' | 'aggregated'; label: string; text: string }[] = [
  { id: 'direct', label: 'One object a message', text: 'Each message becomes an object of its own, with a key and content that you write as templates.' },
  { id: 'aggregated', label: 'Many messages together', text: 'Messages are gathered into CSV, JSON Lines or Parquet objects, or become rows of an Apache Iceberg table.' },
];

export const action_settings: Setting[] = [
  {
    path: 'parameters.container.type', label: 'Form', help: 'Parquet and Iceberg have typed columns; an Iceberg table is read by DuckDB, Spark, Snowflake and others.', kind: 'select',
    options: [['csv', 'CSV'], ['json_lines', 'JSON Lines'], ['parquet', 'Parquet'], ['iceberg', 'Iceberg table']], initial: 'json_lines', when: aggregated,
  },
  { path: 'parameters.bucket', label: 'Bucket', help: 'Empty: the connector\'s. Templates such as ${payload.site} are possible.', mono: true, wide: true, when: direct },
  { path: 'parameters.bucket', label: 'Bucket', help: 'Empty: the connector\'s.', mono: true, when: aggregated },
  {
    path: 'parameters.key', label: 'Object key', help: 'A template over what the rule selects. Two messages of the same key: the later one remains.', mono: true, wide: true, required: true,
    placeholder: 'msgs/${clientid}_${timestamp}.json', when: direct,
  },
  {
    path: 'parameters.key', label: 'Object key', wide: true, mono: true, required: true, placeholder: '${action}/${node}/${datetime.YYYY}-${datetime.MM}-${datetime.DD}/${datetime.rfc3339utc}_${sequence}',
    help: 'Of ${action}, ${node}, ${sequence}, ${datetime.…} and ${datetime_until.…}. What is missing to tell objects apart is added at the end.', when: (values) => aggregated(values) && !table(values),
  },
  { path: 'parameters.key', label: 'Place of the table', help: 'Below the bucket, without placeholders. The table is made if there is none.', mono: true, wide: true, required: true, placeholder: 'lake/events', when: table },
  { path: 'parameters.content', label: 'Content', help: 'Of the object, a template: ${payload} is the message as it came, ${.} all that was selected, as JSON.', kind: 'area', mono: true, initial: '${.}', when: direct },
  { path: 'parameters.aggregation.time_interval', label: 'An object each', help: 'How long messages are gathered, as 5m or 1h.', placeholder: '30m', when: aggregated },
  { path: 'parameters.aggregation.max_records', label: 'At most rows', help: 'Of an object; it ends early when it has so many.', kind: 'number', placeholder: '100000', when: aggregated },
  {
    path: 'parameters.container.compression', label: 'Compression', help: 'Of the whole object; readers that know its content encoding see the text.', kind: 'select',
    options: [['', 'none'], ['gzip', 'gzip'], ['zstd', 'zstd']], when: container('csv', 'json_lines'),
  },
  {
    path: 'parameters.container.compression', label: 'Compression', help: 'Within the file.', kind: 'select',
    options: [['', 'zstd'], ['snappy', 'snappy'], ['gzip', 'gzip'], ['none', 'none']], when: container('parquet', 'iceberg'),
  },
  { path: 'parameters.container.column_order', label: 'First columns', help: 'With commas between; the others follow by name.', kind: 'list', mono: true, when: container('csv') },
  {
    path: 'parameters.container.columns', label: 'Types of columns', help: 'By name: boolean, long, double, string, binary, timestamp (ms or RFC 3339), timestamp_us. Others follow from the values.', kind: 'pairs',
    when: container('parquet', 'iceberg'),
  },
  { path: 'description', label: 'Description', help: 'A remark for people.', wide: true },

  { path: 'parameters.content_type', label: 'Content type', help: 'Of the object, a template.', placeholder: 'application/json', mono: true, advanced: true, when: direct },
  { path: 'parameters.content_type', label: 'Content type', help: 'Instead of the form\'s own.', mono: true, advanced: true, when: (values) => aggregated(values) && !table(values) },
  {
    path: 'parameters.acl', label: 'Access', help: 'Of the object, where the bucket has such.', kind: 'select', advanced: true, when: (values) => !table(values),
    options: [['', 'as the bucket has it'], ['private', 'private'], ['public_read', 'public read'], ['public_read_write', 'public read and write'], ['authenticated_read', 'authenticated read'], ['bucket_owner_read', 'bucket owner reads'], ['bucket_owner_full_control', 'bucket owner has full control']],
  },
  { path: 'parameters.aggregation.max_bytes', label: 'At most bytes', help: 'An object ends with the row that reaches so many, before compression.', placeholder: '64MiB', advanced: true, when: aggregated },
  { path: 'parameters.container.max_row_group_bytes', label: 'Row groups', help: 'Bytes of one, before compression.', placeholder: '128MiB', advanced: true, when: container('parquet', 'iceberg') },
  {
    path: 'resource_opts.query_mode', label: 'Publishers wait for', help: 'What an acknowledgement of QoS 1 and 2 waits for.', kind: 'select', initial: 'async', advanced: true,
    options: [['async', 'the buffer, on disk'], ['sync', 'the store']],
  },
  { path: 'resource_opts.max_buffer_bytes', label: 'Buffer', help: 'What waits, on disk, at most.', placeholder: '256MiB', advanced: true },
  {
    path: 'resource_opts.buffer_full', label: 'When the buffer is full', help: 'Each message that is dropped is counted, and goes to the fallbacks.', kind: 'select', initial: 'drop_oldest', advanced: true,
    options: [['drop_oldest', 'the oldest are dropped'], ['block', 'publishers are refused']],
  },
  { path: 'resource_opts.request_ttl', label: 'Give up after', help: 'How long a message is tried; infinity: until it is stored.', placeholder: 'infinity', advanced: true },
  { path: 'resource_opts.resume_interval', label: 'First pause', help: 'After a failure; pauses grow to 15 s.', placeholder: '1s', advanced: true },
  { path: 'resource_opts.worker_pool_size', label: 'Lanes', help: 'A client always has the same.', kind: 'number', placeholder: '16', advanced: true, when: direct },
  { path: 'resource_opts.inflight_window', label: 'Requests at a time', help: '1: one in each lane, so that the order of each client is strict.', kind: 'number', placeholder: '100', advanced: true, when: direct },
  { path: 'tags', label: 'Tags', help: 'For people; with commas between.', kind: 'list', advanced: true },
  { path: 'parameters.headers', label: 'Headers', help: 'Of the request.', kind: 'pairs', advanced: true, when: (values) => !table(values) },
];

export type Fallback =
  | { kind: 'reference'; type: string; name: string }
  | { kind: 'republish'; args: Record<string, unknown> };
// As the form has it.
export type FallbackDraft = { kind: 'reference'; id: string } | { kind: 'republish'; republish: Republish };

export function draftOf(fallback: Fallback): FallbackDraft {
  return fallback.kind === 'reference'
    ? { kind: 'reference', id: `${fallback.type}:${fallback.name}` }
    : { kind: 'republish', republish: republishOf(fallback.args) };
}
export function fallbackOf(draft: FallbackDraft): Fallback {
  if (draft.kind === 'republish') return { kind: 'republish', args: republishArgs(draft.republish) };
  const [type = 's3', ...name] = draft.id.split(':');
  return { kind: 'reference', type, name: name.join(':') };
}

export interface StoredAction {
  type?: string;
  name?: string;
  connector?: string;
  fallback_actions?: unknown;
}

// A directory's connector is named with its type, a bucket's without.
export function connectorKey(id: string): string {
  return id.startsWith('s3:') ? id.slice(3) : id;
}
export function connectorId(key: string): string {
  return key.includes(':') ? key : `s3:${key}`;
}

export function valuesOf(stored?: StoredAction): Values {
  const values = toValues(action_settings, stored);
  values['parameters.mode'] = ((stored as { parameters?: { mode?: string } })?.parameters?.mode ?? 'direct') as string;
  return values;
}

export function bodyOf(values: Values, connector: string, fallbacks: Fallback[], stored?: StoredAction): Record<string, unknown> {
  const body = toBody(action_settings, values, stored);
  if (!stored) {
    body.type = 's3';
    (body.parameters ??= {}) as object;
    (body.parameters as Record<string, unknown>).mode = values['parameters.mode'];
  }
  if (!stored || stored.connector !== connector) body.connector = connector;
  if (JSON.stringify(stored?.fallback_actions ?? []) !== JSON.stringify(fallbacks)) body.fallback_actions = fallbacks;
  return body;
}

// What an action writes, in a few words.
export function formOf(action: { parameters?: { mode?: string; container?: { type?: string } } }): string {
  if (action.parameters?.mode !== 'aggregated') return 'one object a message';
  const names: Record<string, string> = { csv: 'CSV', json_lines: 'JSON Lines', parquet: 'Parquet', iceberg: 'Iceberg table' };
  return names[action.parameters.container?.type ?? 'csv'] ?? 'objects';
}

// ---- Figures over time ----

export interface Sample {
  at_s: number;
  buffered: number;
  stored: number;
  failed: number; // with what was dropped
}

export const SAMPLES_MAX = 600;

// With one more sample. Counters that have become smaller were reset: what was before says nothing any more.
export function withSample(samples: Sample[], sample: Sample): Sample[] {
  const last = samples.at(-1);
  if (last && (sample.stored < last.stored || sample.failed < last.failed)) return [sample];
  return [...samples, sample].slice(-SAMPLES_MAX);
}

export interface Curves {
  times: number[]; // seconds
  buffered: number[];
  stored: (number | null)[]; // a second
  failed: (number | null)[];
}

// Rates between samples, and what waits at each.
export function curvesOf(samples: Sample[]): Curves {
  const rate = (key: 'stored' | 'failed') =>
    samples.map((one, i) => {
      const before = samples[i - 1];
      return before && one.at_s > before.at_s ? (one[key] - before[key]) / (one.at_s - before.at_s) : null;
    });
  return { times: samples.map((one) => one.at_s), buffered: samples.map((one) => one.buffered), stored: rate('stored'), failed: rate('failed') };
}

// GET /actions/{id}/monitor: what came in the ten seconds before each.
export interface Past {
  time_stamp: number; // ms
  buffered: number;
  stored: number;
  failed: number;
}

const PAST_S = 10;

// The hour that the broker has kept up to the first sample of the page's own, and those from there on.
export function withPast(past: Past[], own: Curves): Curves {
  const begin = own.times[0] ?? Infinity;
  const before = past.filter((one) => one.time_stamp / 1000 < begin);
  return {
    times: [...before.map((one) => one.time_stamp / 1000), ...own.times],
    buffered: [...before.map((one) => one.buffered), ...own.buffered],
    stored: [...before.map((one) => one.stored / PAST_S), ...own.stored],
    failed: [...before.map((one) => one.failed / PAST_S), ...own.failed],
  };
}
