import { expect, test } from 'vitest';

import { ago, bytes, count, duration, NONE, rate, short, toMs, when } from './format';

test('figures are grouped, and shortened where there is no room', () => {
  expect(count(1234567)).toBe('1,234,567');
  expect(count(undefined)).toBe(NONE);
  expect([0, 12, 999, 1000, 12_345, 4_560_000].map(short)).toEqual(['0', '12', '999', '1 k', '12.3 k', '4.6 M']);
  expect(short(0.25)).toBe('0.3');
  expect(rate(1500)).toBe('1.5 k/s');
});

test('bytes are binary', () => {
  expect([0, 1023, 1024, 1536, 1_073_741_824].map(bytes)).toEqual(['0 B', '1,023 B', '1 KiB', '1.5 KiB', '1 GiB']);
  expect(bytes(null)).toBe(NONE);
});

test('durations have their two largest units', () => {
  expect([5, 999, 1000, 65_000, 3_600_000, 93_784_000].map(duration)).toEqual(['5 ms', '999 ms', '1 s', '1 min 5 s', '1 h', '1 d 2 h']);
});

test('times are RFC 3339 or milliseconds', () => {
  expect(toMs('1970-01-01T00:00:01Z')).toBe(1000);
  expect(toMs(5)).toBe(5);
  expect(when('nonsense')).toBe(NONE);
  expect(ago(1000, 61_000)).toBe('1 min ago');
  expect(ago(61_000, 1000)).toBe('in 1 min');
});
