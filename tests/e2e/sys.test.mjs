// $SYS: what the broker tells of itself.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Broker } from './lib/broker.mjs';
import * as packet from './lib/packet.mjs';
import { RawClient } from './lib/raw.mjs';
import { unique, until } from './lib/wait.mjs';

describe('$SYS', { concurrency: 2 }, () => {
  let broker;
  before(async () => {
    broker = await Broker.start({ sys_topics: { interval: '1s' } });
  });
  after(() => broker.stop());

  // The latest value of a topic, as its subscribers see it.
  const value = (c, topic) => {
    const all = c.inbox.filter((m) => m.topic === `$SYS/broker/${topic}`);
    return all.length > 0 ? all[all.length - 1].payload.toString() : undefined;
  };

  test('version, uptime, clients, messages, subscriptions and retained messages are told', async () => {
    const c = await RawClient.connect(broker.tcp);
    await c.subscribe('$SYS/#');
    await until(() => value(c, 'uptime') && value(c, 'version'), 'the first round');
    assert.match(value(c, 'version'), /^varve \d+\.\d+/);
    for (const topic of [
      'clients/connected', 'clients/total', 'clients/disconnected', 'messages/received', 'bytes/received',
      'publish/messages/received', 'publish/messages/sent', 'publish/messages/dropped', 'publish/bytes/sent',
      'retained messages/count', 'subscriptions/count', 'shared_subscriptions/count',
    ]) {
      assert.match(await until(() => value(c, topic), topic), /^\d+$/, topic);
    }
  });

  test('they come at once for a subscriber, retained', async () => {
    const c = await RawClient.connect(broker.tcp);
    await until(async () => {
      await c.subscribe('$SYS/broker/version');
      await c.settle();
      return c.inbox.some((m) => m.topic === '$SYS/broker/version' && m.retain);
    }, 'a retained version');
  });

  test('they come again every interval, and count', async (t) => {
    const own = await Broker.during(t, { sys_topics: { interval: '1s' } }); // nobody else comes and goes
    const c = await RawClient.connect(own.tcp);
    await c.subscribe('$SYS/#');
    const counts = (topic, n) => until(() => value(c, topic) === String(n), `${topic} to be ${n}`);
    await counts('clients/connected', 1);
    const more = await Promise.all(Array.from({ length: 5 }, () => RawClient.connect(own.tcp)));
    for (let i = 0; i < 50; i += 1) await more[0].publish(unique(), 'x', { qos: 1 });
    await counts('clients/connected', 6);
    await counts('publish/messages/received', 50);
    for (const one of more) await one.disconnect();
    await counts('clients/connected', 1);
    await own.stop();
  });

  test('wildcards do not match them, other than below $SYS', async () => {
    const c = await RawClient.connect(broker.tcp);
    await c.subscribe(['#', '+/broker/version', '+/#']);
    const other = await RawClient.connect(broker.tcp);
    await other.subscribe('$SYS/broker/uptime');
    await other.messages(3);
    await c.settle();
    assert.deepEqual(c.inbox.filter((m) => m.topic?.startsWith('$SYS')), []);
  });

  test('clients do not publish there', async () => {
    const watcher = await RawClient.connect(broker.tcp);
    const topic = `$SYS/${unique()}`;
    await watcher.subscribe(topic);
    const c = await RawClient.connect(broker.tcp);
    const puback = await c.publish(topic, 'forged', { qos: 1, retain: true }).catch(() => null);
    if (puback) assert.ok(puback.reason >= 0x80, `PUBACK ${puback.reason}`);
    await watcher.expectNothing();
  });

  test('but bridges of mosquitto tell there that they are up, and their will that they are down', async () => {
    const topic = `$SYS/broker/connection/${unique()}/state`;
    const watcher = await RawClient.connect(broker.tcp);
    await watcher.subscribe(topic);
    const bridge = await RawClient.connect(broker.tcp, { will: { topic, payload: '0', qos: 1, retain: true } });
    assert.equal((await bridge.publish(topic, '1', { qos: 1, retain: true })).reason, 0);
    await watcher.expect('publish', { topic, payload: '1' });
    await bridge.drop();
    await watcher.expect('publish', { topic, payload: '0' });
    for (const other of ['$SYS/broker/connection/state', `${topic}/more`, '$SYS/broker/connection/a/b/state', '$SYS/broker/version']) {
      const c = await RawClient.open(broker.tcp);
      c.send(packet.connect({ clientId: unique(), will: { topic: other, payload: '0' } }));
      await c.expect('connack', { reason: 0x87 });
      await c.drop();
    }
  });
});

test('interval 0 switches $SYS off', async (t) => {
  const broker = await Broker.during(t, { sys_topics: { interval: '0s' } });
  const c = await RawClient.connect(broker.tcp);
  await c.subscribe('$SYS/#');
  await c.expectNothing();
  await broker.stop();
});
