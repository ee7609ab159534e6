// What the editor knows of the rule language besides the API: words, where FROM points, where a mistake is.

import type { Answer } from '../../api/client';

export type RuleEvent = Answer<'/api/v5/rule_events'>[number];
export type RuleFunction = Answer<'/api/v5/rule_functions'>[number];

export const keywords = [
  'SELECT', 'FOREACH', 'DO', 'INCASE', 'FROM', 'WHERE', 'AS', 'AND', 'OR', 'NOT', 'IN', 'CASE', 'WHEN', 'THEN', 'ELSE', 'END', 'div', 'mod', 'true', 'false',
];
const words = new Set(keywords.map((word) => word.toLowerCase()));

export type TokenKind = 'keyword' | 'function' | 'string' | 'topic' | 'number' | 'comment' | 'operator' | 'name' | 'space';

// The token that begins at `at`, and where it ends.
export function tokenAt(text: string, at: number, functions: ReadonlySet<string> = new Set()): { kind: TokenKind; end: number } {
  const rest = text.slice(at);
  const take = (pattern: RegExp) => pattern.exec(rest)?.[0].length ?? 0;
  let length: number;
  if ((length = take(/^\s+/))) return { kind: 'space', end: at + length };
  if ((length = take(/^--[^\n]*/))) return { kind: 'comment', end: at + length };
  if ((length = take(/^'[^']*'?/))) return { kind: 'string', end: at + length };
  if ((length = take(/^"[^"]*"?/))) return { kind: 'topic', end: at + length };
  if ((length = take(/^\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/))) return { kind: 'number', end: at + length };
  if ((length = take(/^[A-Za-z_]\w*/))) {
    const word = rest.slice(0, length);
    const called = /^\s*\(/.test(rest.slice(length));
    if (words.has(word.toLowerCase()) && !(called && functions.has(word))) return { kind: 'keyword', end: at + length };
    return { kind: called && (functions.size === 0 || functions.has(word)) ? 'function' : 'name', end: at + length };
  }
  return { kind: 'operator', end: at + Math.max(1, take(/^(?:=~|!=|<>|<=|>=|[-+*/=<>(),.[\]{}])/)) };
}

// What FROM names, also while the statement is being written.
export function sourcesOf(sql: string): string[] {
  const sources: string[] = [];
  let after = false;
  for (let at = 0; at < sql.length; ) {
    const { kind, end } = tokenAt(sql, at);
    const text = sql.slice(at, end);
    if (kind === 'keyword') after = text.toLowerCase() === 'from';
    else if (after && (kind === 'topic' || kind === 'string')) sources.push(text.replace(/^["']|["']$/g, ''));
    else if (after && kind === 'name') sources.push(text);
    at = end;
  }
  return sources.filter((one) => one !== '');
}

const common = ['event', 'timestamp', 'node', 'metadata'];

export type SourceKind = 'event' | 'station' | 'message';
export function kindOf(source: string): SourceKind {
  return source.startsWith('$events/') ? 'event' : source.startsWith('$station/') ? 'station' : 'message';
}

// EMQX's former names ($events/client_connected) stand for the same event.
export function eventOf(source: string, events: RuleEvent[]): RuleEvent | undefined {
  if (kindOf(source) !== 'event') return events.find((one) => one.event_type === 'message.publish');
  const plain = (name: string) => name.replace(/[/_]/g, '_');
  return events.find((one) => plain(one.event ?? '') === plain(source));
}

// The columns that the statement's sources have, each once.
export function columnsOf(sql: string, events: RuleEvent[]): string[] {
  const columns = new Set<string>();
  const sources = sourcesOf(sql);
  for (const source of sources.length > 0 ? sources : ['t/#']) {
    for (const column of eventOf(source, events)?.columns ?? []) columns.add(column);
    if (kindOf(source) === 'station') ['station', 'offset'].forEach((column) => columns.add(column));
  }
  common.forEach((column) => columns.add(column));
  return [...columns];
}

export interface Mistake {
  line: number; // from 1, as the column
  column: number;
  text: string;
}

// "line 1, column 8: there is no function uper"
export function mistakeOf(message: string): Mistake | null {
  const found = /line (\d+), column (\d+): ([\s\S]*)$/.exec(message);
  return found ? { line: Number(found[1]), column: Number(found[2]), text: found[3]! } : null;
}

// Where it is in the text: from … to, at least one character if there is one. Columns count bytes or characters alike in plain statements.
export function rangeOf(sql: string, mistake: Mistake): { from: number; to: number } {
  const lines = sql.split('\n');
  const line = Math.min(mistake.line, lines.length);
  const start = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  const from = Math.min(start + mistake.column - 1, start + lines[line - 1]!.length);
  const { kind, end } = from < sql.length ? tokenAt(sql, from) : { kind: 'space' as const, end: from };
  if (kind === 'space') return { from: Math.max(0, Math.min(from, sql.length) - 1), to: Math.min(from, sql.length) };
  return { from, to: end };
}

// A context with which a statement is read and not evaluated: no topic filter matches this topic.
export const CHECK = { event_type: 'message.publish', topic: '$check' };

// A topic that the filter matches, to begin with in an example.
export function topicFor(filter: string): string {
  return filter.replace(/\/#$/, '/1').replace(/^#$/, 't/1').replaceAll('+', 'a');
}

// What a test begins with: the event's example, on the topic of the statement. A payload is shown as it is.
export function exampleOf(sql: string, events: RuleEvent[]): { event_type: string; context: Record<string, unknown> } {
  const source = sourcesOf(sql)[0] ?? 't/#';
  const event = eventOf(source, events);
  const context = { ...((event?.test_columns ?? {}) as Record<string, unknown>) };
  if (kindOf(source) === 'message' && 'topic' in context) context.topic = topicFor(source);
  return { event_type: event?.event_type ?? 'message.publish', context };
}

export const examples: { title: string; sql: string }[] = [
  { title: 'Every message of a topic', sql: 'SELECT * FROM "t/#"' },
  { title: 'Parts of a payload, on a condition', sql: 'SELECT\n  payload.temp AS temp,\n  clientid\nFROM "sensors/+/temp"\nWHERE temp > 40' },
  { title: 'An object for each item of a list', sql: 'FOREACH payload.sensors AS s\nDO s.name AS name, s.value AS value, clientid\nINCASE s.value > 0\nFROM "t/#"' },
  { title: 'With a computed field', sql: 'SELECT\n  clientid,\n  payload.t * 9 / 5 + 32 AS fahrenheit,\n  format_date(\'millisecond\', \'Z\', \'%Y-%m-%d %H:%M:%S\', timestamp) AS at\nFROM "t/#"' },
  { title: 'Clients that come and go', sql: 'SELECT clientid, event, timestamp\nFROM "$events/client/connected", "$events/client/disconnected"' },
  { title: 'Messages that nobody got', sql: 'SELECT topic, clientid, reason FROM "$events/message/dropped"' },
  { title: 'Everything that a station stores', sql: 'SELECT station, offset, topic, payload FROM "$station/telemetry"' },
];
