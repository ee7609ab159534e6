import { describe, expect, test } from 'vitest';

import { isShown } from '../../lib/settings';
import { action_settings, bodyOf, connectorId, connectorKey, curvesOf, draftOf, fallbackOf, formOf, valuesOf, withPast, withSample } from './model';

describe('the object', () => {
  test('of a new one has what the walk of the manual fills in', () => {
    const values = valuesOf();
    values['parameters.key'] = 'msgs/${clientid}_${timestamp}.json';
    values['parameters.content'] = '${payload}';
    expect(bodyOf(values, 'my-s3', [])).toMatchObject({
      type: 's3', connector: 'my-s3', parameters: { mode: 'direct', key: 'msgs/${clientid}_${timestamp}.json', content: '${payload}' },
    });
    expect(bodyOf(values, 'my-s3', [])).not.toHaveProperty('fallback_actions');
  });
  test('aggregated takes its container and no content', () => {
    const values = valuesOf();
    values['parameters.mode'] = 'aggregated';
    values['parameters.container.type'] = 'iceberg';
    values['parameters.key'] = 'lake/events';
    values['parameters.container.columns'] = [['at', 'timestamp']];
    const body = bodyOf(values, 'directory:local', []) as { parameters: Record<string, unknown> };
    expect(body.parameters).toEqual({ mode: 'aggregated', key: 'lake/events', container: { type: 'iceberg', columns: { at: 'timestamp' } } });
  });
  test('a change sends what has changed', () => {
    const stored = { type: 's3', name: 'a', connector: 'one', parameters: { mode: 'direct', key: 'k', content: 'c' }, fallback_actions: [] };
    const values = valuesOf(stored);
    values['parameters.key'] = 'k2';
    expect(bodyOf(values, 'one', [], stored)).toEqual({ parameters: { key: 'k2' } });
    expect(bodyOf(valuesOf(stored), 'two', [{ kind: 'reference', type: 's3', name: 'b' }], stored)).toEqual({
      connector: 'two', fallback_actions: [{ kind: 'reference', type: 's3', name: 'b' }],
    });
  });
  test('every path is shown at most once, whatever is chosen', () => {
    for (const mode of ['direct', 'aggregated']) {
      for (const type of ['csv', 'json_lines', 'parquet', 'iceberg']) {
        const shown = action_settings.filter((one) => isShown(one, { 'parameters.mode': mode, 'parameters.container.type': type })).map((one) => one.path);
        expect(new Set(shown).size).toBe(shown.length);
        expect(shown).toContain('parameters.key');
      }
    }
  });
});

test('connectors are named with their type but for buckets', () => {
  expect(connectorKey('s3:a')).toBe('a');
  expect(connectorKey('directory:local')).toBe('directory:local');
  expect(connectorId('a')).toBe('s3:a');
  expect(formOf({ parameters: { mode: 'aggregated', container: { type: 'parquet' } } })).toBe('Parquet');
});

test('fallbacks go through the form unchanged', () => {
  const all = [
    { kind: 'reference' as const, type: 's3', name: 'second' },
    { kind: 'republish' as const, args: { topic: 'lost/${topic}', payload: '${payload}', qos: 1, retain: true, mqtt_properties: { 'Content-Type': 'text/plain' } } },
  ];
  expect(all.map(draftOf).map(fallbackOf)).toEqual(all);
});

describe('figures', () => {
  const sample = (at_s: number, stored: number, failed = 0) => ({ at_s, buffered: 1, stored, failed });
  test('become rates', () => {
    const samples = [sample(10, 0), sample(12, 20), sample(14, 20, 4)].reduce(withSample, [] as ReturnType<typeof sample>[]);
    expect(curvesOf(samples)).toEqual({ times: [10, 12, 14], buffered: [1, 1, 1], stored: [null, 10, 0], failed: [null, 0, 2] });
  });
  test('go on from what the broker has kept', () => {
    const past = [{ time_stamp: 5000, buffered: 3, stored: 20, failed: 1 }, { time_stamp: 15_000, buffered: 0, stored: 0, failed: 0 }];
    const own = curvesOf([sample(12, 0), sample(14, 4)]);
    expect(withPast(past, own)).toEqual({ times: [5, 12, 14], buffered: [3, 1, 1], stored: [2, null, 2], failed: [0.1, null, 0] });
    expect(withPast(past, curvesOf([])).times).toEqual([5, 15]);
  });
  test('begin again after a reset', () => {
    expect(withSample([sample(10, 50)], sample(12, 0))).toHaveLength(1);
  });
});
