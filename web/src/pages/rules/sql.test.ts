import { describe, expect, test } from 'vitest';

import { columnsOf, eventOf, exampleOf, examples, mistakeOf, rangeOf, sourcesOf, tokenAt, topicFor, type RuleEvent } from './sql';

const events: RuleEvent[] = [
  { event: '$events/client/connected', event_type: 'client.connected', columns: ['clientid', 'keepalive'], test_columns: { clientid: 'c' } },
  { event: '$events/message/publish', event_type: 'message.publish', columns: ['topic', 'payload'], test_columns: { topic: 't/a', payload: '{}' } },
];

describe('FROM', () => {
  test.each([
    ['SELECT * FROM "t/#"', ['t/#']],
    [`SELECT 'from "x"' AS a FROM "a/+", '$events/client/connected' WHERE topic =~ "b"`, ['a/+', '$events/client/connected']],
    ['SELECT * -- FROM "no"\nFROM t', ['t']],
    ['SELECT * FROM "', []],
  ])('%s', (sql, sources) => expect(sourcesOf(sql)).toEqual(sources));

  test('tells the columns', () => {
    expect(columnsOf('SELECT * FROM "$events/client/connected"', events)).toEqual(['clientid', 'keepalive', 'event', 'timestamp', 'node', 'metadata']);
    expect(columnsOf('SELECT * FROM "$station/s"', events)).toContain('offset');
    expect(columnsOf('SELECT ', events)).toContain('payload');
  });
  test('knows former names of events', () => {
    expect(eventOf('$events/client_connected', events)?.event_type).toBe('client.connected');
  });
  test('every example names its sources', () => {
    for (const { sql } of examples) expect(sourcesOf(sql).length).toBeGreaterThan(0);
  });
});

test('words, functions, names and texts are told apart', () => {
  const kinds = (text: string) => {
    const out: string[] = [];
    for (let at = 0; at < text.length; ) {
      const { kind, end } = tokenAt(text, at, new Set(['upper', 'mod']));
      expect(end).toBeGreaterThan(at);
      if (kind !== 'space') out.push(kind);
      at = end;
    }
    return out;
  };
  expect(kinds("select upper(a.b) as x from \"t\" where x != 'y' -- end")).toEqual([
    'keyword', 'function', 'operator', 'name', 'operator', 'name', 'operator', 'keyword', 'name', 'keyword', 'topic', 'keyword', 'name', 'operator', 'string', 'comment',
  ]);
  expect(kinds('mod(7, 2) mod 1.5e3')).toEqual(['function', 'operator', 'number', 'operator', 'number', 'operator', 'keyword', 'number']);
  expect(kinds("'open")).toEqual(['string']);
});

describe('a mistake', () => {
  const sql = 'SELECT\n  uper(a) AS b\nFROM "t"';
  test('has a place in the text', () => {
    const mistake = mistakeOf('sql: line 2, column 3: there is no function uper')!;
    expect(mistake.text).toBe('there is no function uper');
    const { from, to } = rangeOf(sql, mistake);
    expect(sql.slice(from, to)).toBe('uper');
  });
  test('at the end of the text marks the last character', () => {
    const { from, to } = rangeOf('SELECT', { line: 1, column: 7, text: '' });
    expect([from, to]).toEqual([5, 6]);
    expect(rangeOf('', { line: 9, column: 9, text: '' })).toEqual({ from: 0, to: 0 });
  });
  test('of another kind has none', () => expect(mistakeOf('no such event')).toBeNull());
});

test('an example is on a topic that the statement wants', () => {
  expect(topicFor('a/+/b/#')).toBe('a/a/b/1');
  expect(exampleOf('SELECT * FROM "x/#"', events)).toEqual({ event_type: 'message.publish', context: { topic: 'x/1', payload: '{}' } });
  expect(exampleOf('SELECT * FROM "$events/client/connected"', events).event_type).toBe('client.connected');
});
