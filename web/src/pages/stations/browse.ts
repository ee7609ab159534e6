// Reading a station page by page, in both directions, over the border between the tiers.

import { raw } from '../../api/client';
import type { Message } from './model';

export interface Query {
  from: string; // earliest, latest, last:N, offset:N, time:T
  to?: string; // likewise; what is there or behind is not read
  filter?: string;
  limit?: number;
}
export interface Answer {
  begin: number; // the offset where reading has begun
  messages: Message[];
}
export type Read = (query: Query) => Promise<Answer>;

export function parseLines(text: string): Message[] {
  return text.split('\n').filter(Boolean).map((line) => JSON.parse(line) as Message);
}

export function reader(name: string, signal?: AbortSignal): Read {
  return async (query) => {
    const answer = await raw('get', '/api/v5/stations/{name}/messages', { path: { name }, query, signal });
    return { begin: Number(answer.headers.get('Varve-From-Offset') ?? 0), messages: parseLines(await answer.text()) };
  };
}

export interface Page {
  messages: Message[]; // by offset, ascending
  begin: number; // everything from here on, up to `end`, has been looked at
  end: number;
  older: boolean; // there may be some below
  newer: boolean; // and behind
}

// From a place on: so many messages, or as many as there are.
export async function pageFrom(read: Read, from: string, limit: number, filter: string, first: number): Promise<Page> {
  const { begin, messages } = await read({ from, limit: limit + 1, filter: filter || undefined });
  const newer = messages.length > limit;
  const kept = messages.slice(0, limit);
  const end = kept.length > 0 ? kept.at(-1)!.offset + 1 : begin;
  return { messages: kept, begin, end, older: begin > first, newer };
}

const WINDOW_MOST = 200_000; // offsets that are looked through by one request

// What lies before an offset: so many messages, the nearest. Looked for in windows that double, as a filter may match little.
export async function pageBefore(read: Read, before: number, limit: number, filter: string, first: number): Promise<Page> {
  let found: Message[] = [];
  let begin = before;
  for (let window = limit; begin > first && found.length < limit; window = Math.min(WINDOW_MOST, window * 2)) {
    const from = Math.max(first, begin - window);
    const { messages } = await read({ from: `offset:${from}`, to: `offset:${begin}`, filter: filter || undefined });
    found = [...messages, ...found];
    begin = from;
  }
  const kept = found.slice(-limit);
  if (kept.length < found.length) begin = kept[0]!.offset;
  return { messages: kept, begin, end: before, older: begin > first, newer: true };
}

export type Place = 'earliest' | 'last' | 'offset' | 'time';

// The place that a form or the address says.
export function placeOf(from: string): { place: Place; value: string } {
  const match = /^(offset|time):(.*)$/.exec(from);
  if (match) return { place: match[1] as Place, value: match[2]! };
  return { place: from === 'earliest' ? 'earliest' : 'last', value: '' };
}

// One line of a payload.
export function preview(message: Message, most = 160): string {
  if (message.payload_base64 !== undefined) return `${Math.floor((message.payload_base64.length * 3) / 4)} bytes, no text`;
  const text = (message.payload ?? '').slice(0, most * 2).replace(/\s+/g, ' ').trim();
  return text.length > most ? `${text.slice(0, most)} …` : text;
}

// Which tier an offset is read from. 'both': committed to the table, and not yet trimmed from the log.
export function tierOf(offset: number, disk_first: number | undefined, table_next: number | null | undefined): 'disk' | 'bucket' | 'both' | null {
  if (disk_first === undefined) return null;
  if (offset < disk_first) return 'bucket';
  return table_next != null && offset < table_next ? 'both' : 'disk';
}

// ---- Dead letters -------------------------------------------------------------------------------------------------------------------

const header = (message: Message, name: string): string => {
  const value = message.headers?.[name];
  return Array.isArray(value) ? (value[0] ?? '') : (value ?? '');
};

export interface Death {
  reason: string;
  group: string;
  offset: number | null; // in the station that it was read from
}

export function deathOf(message: Message): Death {
  const offset = header(message, 'varve-dead-offset');
  return { reason: header(message, 'varve-dead-reason'), group: header(message, 'varve-dead-group'), offset: offset === '' ? null : Number(offset) };
}

// The message as it was published first, for POST /publish: without what its death has added.
export function revived(message: Message) {
  const user: Record<string, string | string[]> = {};
  for (const [key, value] of Object.entries(message.headers ?? {})) if (!key.startsWith('varve-dead-')) user[key] = value;
  const base64 = message.payload_base64 !== undefined;
  const { user_properties: _, ...rest } = message.properties ?? {};
  const properties = { ...rest, ...(Object.keys(user).length > 0 ? { user_properties: user } : {}) };
  return {
    topic: message.topic,
    payload: base64 ? message.payload_base64! : (message.payload ?? ''),
    payload_encoding: base64 ? ('base64' as const) : ('plain' as const),
    qos: Math.max(1, message.qos),
    retain: message.retain,
    ...(Object.keys(properties).length > 0 ? { properties } : {}),
  };
}
