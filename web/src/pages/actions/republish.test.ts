import { expect, test } from 'vitest';

import { republishArgs, republishOf } from './republish';

test('a republish goes through the form unchanged', () => {
  const args = {
    topic: 'lost/${topic}', payload: '${.}', qos: 1, retain: false, user_properties: '${u}', mqtt_properties: { 'Content-Type': 'text/plain' }, direct_dispatch: true,
  };
  expect(republishArgs(republishOf(args))).toEqual(args);
});
test('a payload that is not told is the message itself, an empty one all that was selected', () => {
  expect(republishArgs(republishOf({ topic: 'a' }))).toEqual({ topic: 'a', payload: '${payload}' });
  expect(republishArgs(republishOf({ topic: 'a', payload: '' }))).toEqual({ topic: 'a', payload: '' });
  expect(republishArgs(republishOf())).toEqual({ payload: '${payload}' });
});
test('templates stay texts', () => {
  expect(republishArgs(republishOf({ topic: 'a', payload: 'b', qos: '${qos}', retain: '${flags.retain}' }))).toMatchObject({ qos: '${qos}', retain: '${flags.retain}' });
});
