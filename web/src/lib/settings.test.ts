import { describe, expect, test } from 'vitest';

import { getPath, isShown, missing, settingOf, toBody, toValues, type Setting } from './settings';

const settings: Setting[] = [
  { path: 'name', label: 'Name', help: '', required: true },
  { path: 'secret', label: 'Secret', help: '', kind: 'secret' },
  { path: 'opts.limit', label: 'Limit', help: '', kind: 'number' },
  { path: 'opts.on', label: 'On', help: '', kind: 'switch', initial: true },
  { path: 'opts.headers', label: 'Headers', help: '', kind: 'pairs' },
  { path: 'opts.columns', label: 'Columns', help: '', kind: 'list', when: (values) => values['opts.on'] === true },
];

describe('a new object', () => {
  test('has what was filled in, and nothing else', () => {
    const values = toValues(settings);
    values.name = ' store ';
    values['opts.headers'] = [['x-a', '1'], ['', 'nothing']];
    values['opts.columns'] = 'a, b';
    expect(toBody(settings, values)).toEqual({ name: 'store', opts: { on: true, headers: { 'x-a': '1' }, columns: ['a', 'b'] } });
  });

  test('misses what is required', () => {
    expect(missing(settings, toValues(settings))).toEqual({ name: 'Name is needed.' });
  });
});

describe('a change', () => {
  const stored = { name: 'store', secret: '******', opts: { limit: 5, on: true, headers: { a: 'b' }, columns: ['c'] } };

  test('sends nothing where nothing has changed, so the secret stays', () => {
    expect(toBody(settings, toValues(settings, stored), stored)).toEqual({});
  });

  test('sends what has changed, and null for what was emptied', () => {
    const values = toValues(settings, stored);
    values.secret = 'new';
    values['opts.limit'] = '';
    values['opts.headers'] = [];
    expect(toBody(settings, values, stored)).toEqual({ secret: 'new', opts: { limit: null, headers: null } });
  });

  test('leaves out what is not shown', () => {
    const values = toValues(settings, stored);
    values['opts.on'] = false;
    values['opts.columns'] = 'd';
    expect(isShown(settings[5]!, values)).toBe(false);
    expect(toBody(settings, values, stored)).toEqual({ opts: { on: false } });
  });
});

describe('an error', () => {
  test('belongs to the setting whose key it begins with', () => {
    expect(settingOf(settings, 'opts.limit: expected a number')?.path).toBe('opts.limit');
    expect(settingOf(settings, 'limit: expected a number')?.path).toBe('opts.limit');
    expect(settingOf(settings, 'opts.headers.x: expected a text')?.path).toBe('opts.headers');
    expect(settingOf(settings, 'the store is away')).toBeUndefined();
  });
});

test('a path that leads nowhere is undefined', () => {
  expect(getPath({ a: 1 }, 'a.b.c')).toBeUndefined();
});
