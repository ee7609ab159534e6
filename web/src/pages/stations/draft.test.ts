import { describe, expect, test } from 'vitest';

import { changed, draftOf, durationMs, emptyDraft, errorsOf, estimate, examples, filterError, matches, nameError, objectOf, sizeBytes } from './draft';
import type { Station } from './model';

test('names are those that the broker takes', () => {
  for (const name of ['a', 'plant-1.telemetry', '9_9']) expect(nameError(name)).toBe('');
  for (const name of ['', '-a', 'a.', 'A', 'a b', 'ä', 'x'.repeat(129), '+new']) expect(nameError(name)).not.toBe('');
});

describe('topic filters', () => {
  test.each([
    ['a/#', 'a', true], ['a/#', 'a/b/c', true], ['a/#', 'ab', false], ['a/+', 'a/b', true], ['a/+', 'a', false], ['a/+', 'a/b/c', false],
    ['#', 'a/b', true], ['#', '$SYS/x', false], ['+/b', 'a/b', true], ['a//b', 'a//b', true], ['a/+/b', 'a//b', true], ['a', 'a/', false],
  ])('%s and %s: %s', (filter, topic, taken) => expect(matches(filter, topic)).toBe(taken));
  test('wrong ones are explained', () => {
    for (const filter of ['a/#', '#', '+', '+/a/+', 'a//b', '/']) expect(filterError(filter)).toBe('');
    for (const filter of ['', 'a#', 'a/#/b', 'a+/b', '$SYS/#']) expect(filterError(filter)).not.toBe('');
  });
  test('examples have some that are taken and some that are not', () => {
    expect(examples('plant/+/state')).toEqual([
      { topic: 'plant/one/state', taken: true }, { topic: 'plant/one/state/below', taken: false },
      { topic: 'plant/one/state/below/it', taken: false }, { topic: 'other/plant/one/state', taken: false },
    ]);
    expect(examples('#').every((one) => one.taken)).toBe(true);
    expect(examples('t/#').map((one) => one.taken)).toEqual([true, true, true, false]);
  });
});

test('durations and sizes', () => {
  expect(durationMs('1h30m')).toBe(5_400_000);
  expect(durationMs('250ms')).toBe(250);
  expect(durationMs('7d')).toBe(604_800_000);
  expect(durationMs('0')).toBe(0);
  expect(durationMs('soon')).toBe(null);
  expect(durationMs('7d x')).toBe(null);
  expect(sizeBytes('32MiB')).toBe(33_554_432);
  expect(sizeBytes('64 KB')).toBe(64_000);
  expect(sizeBytes('10 parsecs')).toBe(null);
  expect(sizeBytes('')).toBe(0);
});

test('a station that was read is sent back as it was', () => {
  const station = {
    name: 's', description: 'x', topics: ['a/#'], retention: { age: '1d', bytes: '5GiB', messages: 3, acked: true }, sync: '100ms', compression: 'zstd', dedup_window: '0',
    ack_wait: '5s', max_deliveries: 0, max_ack_pending: 7, max_message_bytes: '2MiB',
    tier: {
      enabled: true, connector: 's3:x', bucket: 'b', prefix: 'p', upload_bytes: '1MiB', upload_interval: '1s', retention_age: '1d', scrub_interval: '2d', disk_budget: '1GiB',
      when_full: 'drop_oldest',
    },
  };
  expect(objectOf(draftOf({ ...station, state: {} } as unknown as Station))).toEqual(station);
  const later = { ...station, since: 'x', state: {}, tier: { ...station.tier, more: 1 } } as unknown as Station;
  expect(changed(later, { ...draftOf(later), age: '2d' })).toEqual({
    ...station, since: 'x', retention: { ...station.retention, age: '2d' }, tier: { ...station.tier, more: 1 },
  });
});

test('errors stand at their fields', () => {
  expect(errorsOf({ ...emptyDraft(), name: 's' })).toEqual({});
  const draft = { ...emptyDraft(), name: '', age: 'x', topics: ['a/#', 'b#'], messages: 'many', sync: 'never' };
  draft.tier = { ...draft.tier, enabled: true, bucket: ' ', upload_bytes: '1KiB' };
  expect(Object.keys(errorsOf(draft)).sort()).toEqual(['age', 'bucket', 'messages', 'name', 'sync', 'topics', 'upload_bytes']);
});

describe('cost', () => {
  const tier = emptyDraft().tier;
  test('of a day’s million messages of 1 kB is in cents', () => {
    const one = estimate(1_000_000, 1000, tier);
    expect(one.bytes_month).toBe(30e9);
    expect(one.kept_bytes).toBe(365e9);
    expect(one.storage_usd).toBeCloseTo(8.395);
    expect(one.commits_day).toBe(288);
    expect(one.requests_usd).toBeCloseTo(0.1728);
  });
  test('retention in the bucket bounds it; nothing costs nothing', () => {
    expect(estimate(1_000_000, 1000, { ...tier, retention_age: '30d' }).kept_bytes).toBe(30e9);
    expect(estimate(0, 1000, tier)).toEqual({ bytes_month: 0, kept_bytes: 0, storage_usd: 0, commits_day: 0, requests_usd: 0 });
  });
});
