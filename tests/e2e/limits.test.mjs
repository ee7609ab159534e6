// Limits of listeners and clients: messages and bytes a second, connections, connections a second, packet size.
// A client above its rate is slowed down, not cut off: nothing is lost, it only takes its time.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Broker } from './lib/broker.mjs';
import * as packet from './lib/packet.mjs';
import { RawClient } from './lib/raw.mjs';
import { unique, until } from './lib/wait.mjs';

describe('limits', { concurrency: 6 }, () => {
  let broker;
  let config;
  before(async () => {
    config = {
      client_limits: { messages_per_second: 0 },
      listeners: {
        tcp: {
          default: {},
          messages: { messages_per_second: 50 },
          bytes: { bytes_per_second: 20_000 },
          few: { max_connections: 3 },
          slow: { max_connections_per_second: 5 },
          small: { max_packet_bytes: 500 },
          reloaded: { max_connections: 1 },
        },
      },
    };
    broker = await Broker.start(config);
  });
  after(() => broker.stop());

  // Publishes `count` messages at once; returns how long the broker took to take them all. Its rate bounds that from below.
  async function flood(c, topic, count, size, qos) {
    const start_ms = performance.now();
    c.send(...Array.from({ length: count }, (_, i) => packet.publish({ version: c.version, topic, payload: Buffer.alloc(size, `${i}`), qos, id: qos ? i + 1 : undefined })));
    await c.ping();
    return performance.now() - start_ms;
  }

  // A client that is being slowed down: what it has sent takes a minute. It never gets that far: isSlow() tells whether it still waits,
  // and the test drops it.
  async function slowed(subscribed = unique()) {
    const c = await RawClient.connect(broker.listener('tcp.messages'));
    await c.subscribe(subscribed);
    const watcher = await RawClient.connect(broker.tcp);
    const topic = unique();
    await watcher.subscribe(topic);
    c.send(...Array.from({ length: 3000 }, () => packet.publish({ topic, payload: '' })), packet.pingreq());
    await watcher.messages(51); // one more than it may send at once
    c.isSlow = () => !c.closed && !c.inbox.some((p) => p.type === 'pingresp');
    return c;
  }

  for (const qos of [0, 1]) {
    test(`50 messages a second, QoS ${qos}: 150 take two seconds, none is lost, order is kept`, async () => {
      const subscriber = await RawClient.connect(broker.tcp);
      const topic = unique();
      await subscriber.subscribe(topic, { qos });
      const c = await RawClient.connect(broker.listener('tcp.messages'), { version: qos ? 5 : 4 });
      const took_ms = await flood(c, topic, 150, 10, qos); // 50 at once, then 50 a second
      assert.ok(took_ms > 1500, `${took_ms} ms`);
      const got = (await subscriber.messages(150)).map((m) => m.payload.toString());
      assert.deepEqual(got, Array.from({ length: 150 }, (_, i) => Buffer.alloc(10, `${i}`).toString()));
    });
  }

  test('20,000 bytes a second: 60,000 take two seconds', async () => {
    const subscriber = await RawClient.connect(broker.tcp);
    const topic = unique();
    await subscriber.subscribe(topic);
    const c = await RawClient.connect(broker.listener('tcp.bytes'));
    const took_ms = await flood(c, topic, 60, 980, 0);
    assert.ok(took_ms > 1500, `${took_ms} ms`);
    await subscriber.messages(60);
  });

  test('a rate is for each client, not for the listener', async () => {
    // Were it one for all, these would take forty seconds, which is longer than a client waits here.
    const slow = await slowed();
    const clients = await Promise.all(Array.from({ length: 50 }, () => RawClient.connect(broker.listener('tcp.messages'))));
    await Promise.all(clients.map((c) => flood(c, unique(), 40, 10, 0)));
    assert.ok(slow.isSlow(), 'the one that is above its rate has been slowed down meanwhile');
    await slow.drop();
  });

  test('a client below its rate is not slowed down', async () => {
    const c = await RawClient.connect(broker.listener('tcp.messages'));
    const slow = await slowed();
    for (let i = 0; i < 10; i += 1) await c.publish(unique(), 'x', { qos: 1 });
    assert.ok(slow.isSlow(), 'one that is above its rate still waits');
    await slow.drop();
  });

  test('a client that is being slowed down still receives', async () => {
    const p = await RawClient.connect(broker.tcp);
    const topic = unique();
    const slow = await slowed(topic);
    await p.publish(topic, 'x');
    await slow.expect('publish', { topic });
    assert.ok(slow.isSlow());
    await slow.drop();
  });

  test('max_connections: one more is closed, and a place that gets free can be taken', async () => {
    const address = broker.listener('tcp.few');
    const open = [];
    for (let i = 0; i < 3; i += 1) open.push(await RawClient.connect(address));
    const extra = await RawClient.open(address, { decode: false });
    extra.send(packet.connect({ clientId: unique() }));
    await extra.expectClose();
    for (const c of open) await c.ping();
    await open.pop().disconnect();
    await until(() => RawClient.connect(address).then(() => true, () => false), 'the free place');
    assert.equal((await RawClient.connect(broker.tcp)).connack.reason, 0, 'other listeners are not concerned');
  });

  test('max_connections_per_second: more wait, all come in', async () => {
    const address = broker.listener('tcp.slow');
    const start_ms = performance.now();
    await Promise.all(Array.from({ length: 15 }, () => RawClient.connect(address).then((c) => c.disconnect())));
    const took_ms = performance.now() - start_ms;
    assert.ok(took_ms > 1000, `${took_ms} ms`);
  });

  test('max_packet_bytes of a listener is announced and kept to', async () => {
    const c = await RawClient.connect(broker.listener('tcp.small'));
    assert.equal(c.connack.properties.maximumPacketSize, 500);
    await c.publish('t', Buffer.alloc(400), { qos: 1 });
    c.publish('t', Buffer.alloc(600));
    await c.expectRefusal(0x95);
    const four = await RawClient.connect(broker.listener('tcp.small'), { version: 4 });
    four.publish('t', Buffer.alloc(600));
    await four.expectRefusal();
    const large = await RawClient.open(broker.listener('tcp.small'), { decode: false });
    large.send(packet.connect({ clientId: 'x'.repeat(600) }));
    await large.expectClose();
  });

  test('SIGHUP changes limits without a restart', async () => {
    const address = broker.listener('tcp.reloaded');
    const first = await RawClient.connect(address);
    const refused = await RawClient.open(address, { decode: false });
    refused.send(packet.connect({ clientId: unique() }));
    await refused.expectClose();
    Object.assign(config.listeners.tcp.reloaded, { max_connections: 2, max_packet_bytes: 3000 });
    broker.reload(config);
    // The limits are applied one after the other.
    await until(async () => {
      const second = await RawClient.connect(address).catch(() => null);
      await second?.drop();
      return second?.connack.properties.maximumPacketSize === 3000;
    }, 'room for a second connection, and larger packets on it');
    await first.ping();
  });
});

test('client_limits hold on every listener', async (t) => {
  const broker = await Broker.during(t, { client_limits: { messages_per_second: 20 } });
  const c = await RawClient.connect(broker.tcp);
  const start_ms = performance.now();
  for (let i = 0; i < 60; i += 1) c.send(packet.publish({ topic: 't', payload: '' }));
  await c.ping();
  assert.ok(performance.now() - start_ms > 1500);
  await broker.stop();
});
