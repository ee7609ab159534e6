import { describe, expect, test } from 'vitest';

import { deathOf, pageBefore, pageFrom, parseLines, placeOf, preview, revived, tierOf, type Read } from './browse';
import type { Message } from './model';

const message = (offset: number, more: Partial<Message> = {}): Message => ({
  offset, timestamp: offset * 1000, topic: offset % 10 === 0 ? 'ten' : 'other', qos: 0, retain: false, payload: `m${offset}`, ...more,
});

// A station with the offsets [first, next), as the API reads it.
function station(first: number, next: number): Read & { asked: number } {
  const read = (async (query) => {
    read.asked++;
    const place = (text: string | undefined, otherwise: number): number => {
      const offset = /^offset:(\d+)$/.exec(text ?? '')?.[1];
      const last = /^last:(\d+)$/.exec(text ?? '')?.[1];
      return offset !== undefined ? Math.max(first, Number(offset)) : last !== undefined ? Math.max(first, next - Number(last)) : otherwise;
    };
    const begin = place(query.from, first);
    const messages: Message[] = [];
    for (let at = begin; at < Math.min(next, place(query.to, next)); at++) {
      const one = message(at);
      if (!query.filter || query.filter === one.topic) messages.push(one);
      if (messages.length === query.limit) break;
    }
    return { begin, messages };
  }) as Read & { asked: number };
  read.asked = 0;
  return read;
}
const offsets = (page: { messages: Message[] }): number[] => page.messages.map((one) => one.offset);

describe('pages', () => {
  test('go on where the last one has ended, both ways, and see every message once', async () => {
    const read = station(3, 128);
    const seen: number[] = [];
    let page = await pageFrom(read, 'earliest', 50, '', 3);
    expect(page.older).toBe(false);
    seen.push(...offsets(page));
    while (page.newer) {
      page = await pageFrom(read, `offset:${page.end}`, 50, '', 3);
      seen.push(...offsets(page));
    }
    expect(seen).toEqual(Array.from({ length: 125 }, (_, i) => i + 3));
    const back: number[] = [...offsets(page)];
    while (page.older) {
      page = await pageBefore(read, page.begin, 50, '', 3);
      back.unshift(...offsets(page));
    }
    expect(back).toEqual(seen);
  });
  test('with a filter that matches little, older ones are found in few requests', async () => {
    const read = station(0, 100_000);
    const page = await pageBefore(read, 100_000, 50, 'ten', 0);
    expect(offsets(page)).toEqual(Array.from({ length: 50 }, (_, i) => 99_500 + i * 10));
    expect(read.asked).toBeLessThan(8);
    const next = await pageBefore(read, page.begin, 50, 'ten', 0);
    expect(next.messages.at(-1)!.offset).toBe(99_490);
  });
  test('where nothing matches, the end is reached', async () => {
    const page = await pageBefore(station(0, 5000), 5000, 50, 'none', 0);
    expect(page).toEqual({ messages: [], begin: 0, end: 5000, older: false, newer: true });
  });
  test('an empty station has one empty page', async () => {
    expect(await pageFrom(station(7, 7), 'earliest', 50, '', 7)).toEqual({ messages: [], begin: 7, end: 7, older: false, newer: false });
  });
});

test('places', () => {
  expect(placeOf('offset:12')).toEqual({ place: 'offset', value: '12' });
  expect(placeOf('time:2026-01-01T00:00:00Z')).toEqual({ place: 'time', value: '2026-01-01T00:00:00Z' });
  expect(placeOf('last:50').place).toBe('last');
  expect(placeOf('earliest').place).toBe('earliest');
});

test('tiers by offset', () => {
  expect(tierOf(5, 10, 10)).toBe('bucket');
  expect(tierOf(10, 10, 10)).toBe('disk');
  expect(tierOf(10, 10, 20)).toBe('both');
  expect(tierOf(10, undefined, null)).toBe(null);
});

test('lines and previews', () => {
  expect(parseLines('{"offset":1}\n{"offset":2}\n').map((one) => one.offset)).toEqual([1, 2]);
  expect(preview(message(1, { payload: '{\n  "a": 1\n}' }))).toBe('{ "a": 1 }');
  expect(preview(message(1, { payload: 'x'.repeat(500) }), 10)).toBe('xxxxxxxxxx …');
  expect(preview(message(1, { payload: undefined, payload_base64: 'AAEC' }))).toBe('3 bytes, no text');
});

test('a dead letter is sent again as it was', () => {
  const dead = message(4, {
    topic: 'orders/new', qos: 0, headers: { 'varve-dead-reason': 'refused', 'varve-dead-group': 'g', 'varve-dead-offset': '17', a: ['1', '2'] },
    properties: { content_type: 'text/plain' },
  });
  expect(deathOf(dead)).toEqual({ reason: 'refused', group: 'g', offset: 17 });
  expect(revived(dead)).toEqual({
    topic: 'orders/new', payload: 'm4', payload_encoding: 'plain', qos: 1, retain: false,
    properties: { content_type: 'text/plain', user_properties: { a: ['1', '2'] } },
  });
  expect(revived(message(4, { payload: undefined, payload_base64: '/w==' })).payload_encoding).toBe('base64');
});
