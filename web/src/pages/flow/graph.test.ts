import { expect, test } from 'vitest';

import { graphOf } from './graph';

const listed = {
  rules: [
    { id: 'hot', from: ['t/#', '$events/client/connected'], actions: ['s3:archive', { function: 'republish', args: { topic: 'a/b' } }], status: 'running' },
    { id: 'copy', from: ['$station/one'], actions: [{ function: 'station', args: { station: 'two' } }, 's3:gone'], status: 'disabled', enable: false },
  ],
  actions: [{ type: 's3', name: 'archive', connector: 'cloud', status: 'connected' }],
  connectors: [{ type: 's3', name: 'cloud', status: 'connected' }, { type: 'directory', name: 'local', status: 'connected' }],
  stations: [{ name: 'one', topics: ['t/#'], tier: { enabled: true, connector: 's3:cloud', bucket: 'b', prefix: 'one' } }, { name: 'two', topics: [] }],
};

test('messages go from sources by rules and actions to stores, and from stations to their tiers', () => {
  const { nodes, edges } = graphOf(listed);
  expect(edges.map((one) => one.id).sort()).toEqual(
    [
      'source:t/#→rule:hot', 'source:$events/client/connected→rule:hot', 'rule:hot→action:s3:archive', 'rule:hot→step:hot:1', 'action:s3:archive→connector:s3:cloud',
      'source:$station/one→rule:copy', 'rule:copy→station:two', 'rule:copy→action:s3:gone', 'source:t/#→station:one', 'station:one→tier:one',
    ].sort(),
  );
  expect(nodes.find((one) => one.id === 'action:s3:gone')).toMatchObject({ state: 'failed', note: 'no such action' });
  expect(edges.filter((one) => one.off).map((one) => one.source)).toContain('rule:copy');
});

test('no two nodes stand in the same place, and columns are in order', () => {
  const { nodes } = graphOf(listed);
  expect(new Set(nodes.map((one) => `${one.x},${one.y}`)).size).toBe(nodes.length);
  const x = (id: string) => nodes.find((one) => one.id === id)!.x;
  expect(x('source:t/#')).toBeLessThan(x('rule:hot'));
  expect(x('rule:hot')).toBeLessThan(x('action:s3:archive'));
  expect(x('action:s3:archive')).toBeLessThan(x('connector:s3:cloud'));
});

test('neighbours stand level', () => {
  const rules = ['a', 'b', 'c'].map((id) => ({ id, from: [`${id}/#`], actions: [{ function: 'console' }], status: 'running' }));
  const { nodes } = graphOf({ rules: rules.reverse(), actions: [], connectors: [], stations: [] });
  const y = (id: string) => nodes.find((one) => one.id === id)!.y;
  for (const id of ['a', 'b', 'c']) expect(y(`rule:${id}`)).toBe(y(`source:${id}/#`));
});
