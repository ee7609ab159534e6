// Topic names and filters to the letter: wildcards, $-topics, empty levels, UTF-8, the longest and the deepest.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Broker } from './lib/broker.mjs';
import * as packet from './lib/packet.mjs';
import { RawClient } from './lib/raw.mjs';
import { unique } from './lib/wait.mjs';

describe('topics', { concurrency: 4 }, () => {
  let broker;
  before(async () => {
    broker = await Broker.start();
  });
  after(() => broker.stop());

  // Which filters match which names; @ stands for a prefix of the test. Every pair is tried.
  const names = ['@', '@/', '@/a', '@/a/', '@/a/b', '@//b', '@/a/b/c', '@//', '@/$a', '@/A', '@/a b', '@b'];
  const table = {
    '@': ['@'],
    '@/': ['@/'],
    '@/#': names.filter((n) => n !== '@b'),
    '@/+': ['@/', '@/a', '@/$a', '@/A', '@/a b'],
    '@/a': ['@/a'],
    '@/a/#': ['@/a', '@/a/', '@/a/b', '@/a/b/c'],
    '@/a/+': ['@/a/', '@/a/b'],
    '@/+/b': ['@/a/b', '@//b'],
    '@//b': ['@//b'],
    '@/+/+': ['@/a/', '@/a/b', '@//b', '@//'],
    '@/+/#': ['@/', '@/a', '@/a/', '@/a/b', '@//b', '@/a/b/c', '@//', '@/$a', '@/A', '@/a b'],
    '@/+/b/#': ['@/a/b', '@//b', '@/a/b/c'],
    '@//': ['@//'],
    '@//#': ['@/', '@//b', '@//'],
    '@/$a': ['@/$a'],
    '@/A': ['@/A'],
    '@/a b': ['@/a b'],
    '@/+/+/+': ['@/a/b/c'],
  };
  for (const [filter, matches] of Object.entries(table)) {
    test(`filter ${filter} matches ${matches.join(' ')}, and nothing else of ${names.length} names`, async () => {
      const prefix = unique();
      const c = await RawClient.connect(broker.tcp);
      assert.deepEqual((await c.subscribe(filter.replace('@', prefix))).reasons, [0]);
      for (const name of names) await c.publish(name.replace('@', prefix), 'x');
      await c.settle();
      const got = c.inbox.filter((m) => m.type === 'publish').map((m) => m.topic.replace(prefix, '@'));
      assert.deepEqual(got, names.filter((n) => matches.includes(n)));
    });
  }

  test('every filter of the table at once: each message comes once for each matching subscription identifier', async () => {
    const prefix = unique();
    const c = await RawClient.connect(broker.tcp);
    const filters = Object.keys(table);
    for (const [i, filter] of filters.entries()) {
      await c.subscribe(filter.replace('@', prefix), {}, { subscriptionIdentifier: i + 1 });
    }
    for (const name of names) await c.publish(name.replace('@', prefix), 'x');
    await c.settle();
    for (const name of names) {
      const got = c.inbox.filter((m) => m.topic === name.replace('@', prefix));
      const identifiers = got.flatMap((m) => m.properties.subscriptionIdentifier ?? []).sort((a, b) => a - b);
      const wanted = filters.flatMap((f, i) => (table[f].includes(name) ? [i + 1] : []));
      assert.deepEqual(identifiers, wanted, name);
    }
  });

  test('the same table holds for retained messages', async () => {
    const prefix = unique();
    const c = await RawClient.connect(broker.tcp);
    for (const name of names) await c.publish(name.replace('@', prefix), 'x', { retain: true });
    for (const [filter, matches] of Object.entries(table)) {
      await c.subscribe(filter.replace('@', prefix));
      await c.settle();
      const got = c.inbox.splice(0).map((m) => m.topic.replace(prefix, '@'));
      assert.deepEqual(got.sort(), [...matches].sort(), filter);
      await c.unsubscribe(filter.replace('@', prefix));
    }
  });

  test('wildcards at the first level do not match $-topics, a written $ does', async () => {
    const c = await RawClient.connect(broker.tcp);
    const name = unique();
    for (const filter of ['#', `+/${name}`, '+/#']) await c.subscribe(filter);
    await c.publish(`$x/${name}`, 'hidden');
    await c.publish(`$/${name}`, 'hidden');
    await c.publish(`x$/${name}`, 'seen', { qos: 1 });
    await c.settle();
    const got = () => new Set(c.inbox.filter((m) => m.topic?.endsWith(name)).map((m) => m.topic));
    assert.deepEqual(got(), new Set([`x$/${name}`]));
    await c.unsubscribe(['#', `+/${name}`, '+/#']);
    c.inbox.length = 0;
    await c.subscribe(`$x/+`);
    await c.publish(`$x/${name}`, 'shown');
    // A message to # may have been on its way from another client.
    const shown = await c.take((p) => p.type === 'publish' && p.topic === `$x/${name}`, 'the message');
    assert.equal(shown.payload.toString(), 'shown');
  });

  test('a single slash, a leading and a trailing slash are levels of their own', async () => {
    const c = await RawClient.connect(broker.tcp);
    await c.subscribe('+/+');
    const name = unique();
    for (const topic of ['/', `/${name}`, `${name}/`, name, `${name}/x/y`]) await c.publish(topic, name);
    await c.settle();
    // Other tests publish to topics of two levels, too.
    const mine = c.inbox.filter((m) => m.payload?.toString() === name).map((m) => m.topic);
    assert.deepEqual(mine, ['/', `/${name}`, `${name}/`]);
  });

  const utf8 = {
    'umlauts': 'äöü/ß',
    'Chinese': '温度/湿度',
    'four bytes': '🚀/🌍',
    'combining marks are not normalised': 'e\u0301',
    'a byte order mark is kept': '\ufeffbom\ufeff',
    'private use and non-characters': '\ue000/\u{10fffe}',
    'the last code point': '\u{10ffff}',
    'blanks': '  a  b ',
    'control characters': '\u0001\u001f\u007f\u0085',
    'right to left': 'שלום/سلام',
  };
  for (const [what, text] of Object.entries(utf8)) {
    test(`UTF-8: ${what}`, async () => {
      const c = await RawClient.connect(broker.tcp);
      const topic = `${unique()}/${text}`;
      const { reasons } = await c.subscribe(topic).catch(() => ({ reasons: null }));
      if (reasons === null && /control|non-characters|last/.test(what)) return; // a broker may refuse these
      assert.deepEqual(reasons, [0]);
      await c.publish(topic, text);
      const m = await c.expect('publish', { topic, payload: text });
      assert.deepEqual(Buffer.from(m.topic), Buffer.from(topic));
    });
  }

  test('é as one code point and as two are different topics', async () => {
    const c = await RawClient.connect(broker.tcp);
    const base = unique();
    await c.subscribe(`${base}/\u00e9`);
    await c.publish(`${base}/e\u0301`, 'other');
    await c.expectNothing();
  });

  test('a name and a filter of 65,535 bytes', async () => {
    const c = await RawClient.connect(broker.tcp);
    const topic = unique().padEnd(65535, 'x');
    assert.deepEqual((await c.subscribe(topic, { qos: 1 })).reasons, [1]);
    await c.publish(topic, 'long', { qos: 1 });
    await c.expect('publish', { topic, payload: 'long' });
    const filter = `${topic.slice(0, 100)}`;
    await c.subscribe(`${filter.slice(0, 50)}${'/'.padEnd(60, 'y')}/+`);
    await c.publish(topic, 'kept', { qos: 1, retain: true });
    await c.expect('publish', { topic });
    await c.unsubscribe(topic);
    await c.subscribe(topic);
    await c.expect('publish', { topic, payload: 'kept', retain: true });
    await c.publish(topic, '', { qos: 1, retain: true });
  });

  test('128 levels are taken, 129 are refused', async () => {
    const c = await RawClient.connect(broker.tcp);
    const base = unique();
    const deep = (levels) => [base, ...Array.from({ length: levels - 1 }, (_, i) => `${i % 10}`)].join('/');
    assert.deepEqual((await c.subscribe(deep(128), { qos: 1 })).reasons, [1]);
    assert.deepEqual((await c.subscribe(`${base}/#`, { qos: 1 })).reasons, [1]);
    await c.publish(deep(128), 'deep', { qos: 1 });
    await c.expect('publish', { topic: deep(128), payload: 'deep' });
    const plus = Array.from({ length: 128 }, (_, i) => (i === 0 ? base : '+')).join('/');
    assert.deepEqual((await c.subscribe(plus)).reasons, [0]);

    const tooDeep = await RawClient.connect(broker.tcp);
    const answer = await tooDeep.subscribe(deep(129)).catch(() => null);
    if (answer) assert.ok(answer.reasons[0] >= 0x80, `SUBACK ${answer.reasons}`);
    else await tooDeep.expectClose();

    const publisher = await RawClient.connect(broker.tcp);
    const refused = await publisher.publish(deep(129), 'x', { qos: 1 }).catch(() => null);
    if (refused) assert.equal(refused.reason, 0x90);
    else await publisher.expectClose();
    await c.ping();
  });

  test('a wildcard filter of many levels against many names stays fast', async () => {
    const c = await RawClient.connect(broker.tcp);
    const base = unique();
    await c.subscribe(Array.from({ length: 12 }, (_, i) => [base, ...Array(12).fill('+').map((p, n) => (n === i ? 'a' : p))].join('/')));
    await c.subscribe(`${base}/${Array(12).fill('a').join('/')}`);
    for (let i = 0; i < 300; i += 1) c.send(packet.publish({ topic: `${base}/${Array(12).fill('a').join('/')}`, payload: `${i}` }));
    await c.ping(); // its patience is the bound
    assert.equal(new Set(c.inbox.map((m) => m.payload.toString())).size, 300);
  });

  const badFilters = ['', '#/a', 'a/#/b', 'a#', 'a/b#', '#a', '+a', 'a+', 'a/+b/c', 'a/b+', '++', '##', '$share', '$share/', '$share/g',
    '$share//a', '$share/g/', '$share/g+/a', '$share/g#/a', '$share/+/a', '$share/g/#/a'];
  for (const filter of badFilters) {
    test(`the filter "${filter}" is refused, the connection's other subscriptions are not touched`, async () => {
      for (const version of [4, 5]) {
        const c = await RawClient.connect(broker.tcp, { version });
        const topic = unique();
        await c.subscribe(topic);
        const suback = await c.subscribe([filter, unique()]).catch(() => null);
        if (suback) {
          // $share means nothing in MQTT 3.1.1, so a broker may take such a filter as it is written.
          const literal = version === 4 && filter.startsWith('$share') && suback.reasons[0] === 0;
          if (!literal) assert.deepEqual(suback.reasons, [version === 5 ? 0x8f : 0x80, 0]);
          await c.publish(topic, 'x');
          await c.expect('publish', { topic });
        } else {
          const bye = c.inbox.find((p) => p.type === 'disconnect');
          if (version === 5) assert.ok([0x81, 0x82, 0x8f].includes(bye?.reason), `DISCONNECT ${bye?.reason}`);
          else assert.equal(c.inbox.length, 0);
        }
      }
    });
  }

  test('$share alone as a topic name is a name like any other $-topic', async () => {
    const c = await RawClient.connect(broker.tcp);
    await c.publish('$share/x/y', 'x', { qos: 1 }).catch(() => null);
    const d = await RawClient.connect(broker.tcp);
    await d.ping();
  });

  test('a topic that differs in case is another topic', async () => {
    const c = await RawClient.connect(broker.tcp);
    const topic = unique('Case');
    await c.subscribe(topic);
    await c.publish(topic.toLowerCase(), 'x');
    await c.expectNothing();
  });

  test('ten thousand subscriptions of one client all match', async () => {
    const c = await RawClient.connect(broker.tcp);
    const base = unique();
    for (let i = 0; i < 10_000; i += 500) {
      await c.subscribe(Array.from({ length: 500 }, (_, n) => `${base}/${i + n}${(i + n) % 3 === 0 ? '/#' : ''}`));
    }
    for (const i of [0, 1, 2, 4999, 5000, 9998, 9999]) {
      await c.publish(`${base}/${i}`, 'x');
      await c.expect('publish', { topic: `${base}/${i}` });
    }
    for (let i = 0; i < 10_000; i += 500) {
      const { reasons } = await c.unsubscribe(Array.from({ length: 500 }, (_, n) => `${base}/${i + n}${(i + n) % 3 === 0 ? '/#' : ''}`));
      assert.ok(reasons.every((r) => r === 0));
    }
    await c.publish(`${base}/5`, 'x');
    await c.expectNothing();
  });
});
