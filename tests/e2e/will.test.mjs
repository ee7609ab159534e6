// Wills: when they are published, when not, after which delay, and what they carry.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Broker } from './lib/broker.mjs';
import * as mqttjs from './lib/mqttjs.mjs';
import { RawClient } from './lib/raw.mjs';
import { delay, unique } from './lib/wait.mjs';

describe('wills', { concurrency: 6 }, () => {
  let broker;
  before(async () => {
    broker = await Broker.start();
  });
  after(() => broker.stop());

  async function watch(topic, options = { qos: 2 }) {
    const watcher = await RawClient.connect(broker.tcp);
    await watcher.subscribe(topic, options);
    return watcher;
  }

  for (const version of [3, 4, 5]) {
    test(`v${version}: a broken connection publishes the will`, async () => {
      const topic = unique();
      const watcher = await watch(topic);
      const c = await RawClient.connect(broker.tcp, { version, will: { topic, payload: 'gone', qos: 1 } });
      await c.drop();
      await watcher.expect('publish', { topic, payload: 'gone', qos: 1, retain: false });
    });

    test(`v${version}: a normal DISCONNECT discards the will`, async () => {
      const topic = unique();
      const watcher = await watch(topic);
      const c = await RawClient.connect(broker.tcp, { version, will: { topic, payload: 'gone' } });
      await c.disconnect();
      await watcher.expectNothing();
    });

    test(`v${version}: a protocol error publishes the will`, async () => {
      const topic = unique();
      const watcher = await watch(topic);
      const c = await RawClient.connect(broker.tcp, { version, will: { topic, payload: 'error' } });
      c.send(Buffer.from([0x00, 0x00]));
      await c.expectRefusal([0x81, 0x82]);
      await watcher.expect('publish', { topic, payload: 'error' });
    });

    test(`v${version}: a retained will is there for later subscribers`, async () => {
      const topic = unique();
      const watcher = await watch(topic);
      const c = await RawClient.connect(broker.tcp, { version, will: { topic, payload: 'kept', retain: true } });
      await c.drop();
      await watcher.expect('publish', { payload: 'kept', retain: false });
      const late = await watch(topic);
      await late.expect('publish', { payload: 'kept', retain: true });
    });

    test(`v${version}: take-over publishes the will of a session that ends, and of a 3.1.1 connection`, async () => {
      const topic = unique();
      const watcher = await watch(topic);
      const clientId = unique();
      const c = await RawClient.connect(broker.tcp, { version, clientId, will: { topic, payload: 'taken' } });
      await RawClient.connect(broker.tcp, { version, clientId, clean: true });
      await c.expectRefusal(0x8e);
      await watcher.expect('publish', { topic, payload: 'taken' });
    });
  }

  for (const { name, protocolVersion } of mqttjs.VERSIONS) {
    test(`MQTT.js ${name}: the will is published when the stream is destroyed`, async () => {
      const topic = unique();
      const watcher = await watch(topic);
      const c = await mqttjs.connect(broker.url(), { protocolVersion, will: { topic, payload: Buffer.from('js'), qos: 2 } });
      c.stream.destroy();
      await watcher.expect('publish', { topic, payload: 'js', qos: 2 });
    });
  }

  test('a will of QoS 0, 1 and 2 and of 0 bytes is published as it was given', async () => {
    const base = unique();
    const watcher = await watch(`${base}/+`);
    for (const qos of [0, 1, 2]) {
      const topic = `${base}/${qos}`;
      await (await RawClient.connect(broker.tcp, { will: { topic, payload: '', qos } })).drop();
      await watcher.expect('publish', { topic, payload: '', qos });
    }
  });

  test('DISCONNECT 0x04 publishes the will', async () => {
    const topic = unique();
    const watcher = await watch(topic);
    const c = await RawClient.connect(broker.tcp, { will: { topic, payload: 'please' } });
    await c.disconnect(0x04);
    await watcher.expect('publish', { topic, payload: 'please' });
  });

  test('every other DISCONNECT reason of a client than 0 publishes the will too', async () => {
    const base = unique();
    const watcher = await watch(`${base}/+`);
    for (const reason of [0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99]) {
      const topic = `${base}/${reason}`;
      const c = await RawClient.connect(broker.tcp, { will: { topic, payload: 'w' } });
      await c.disconnect(reason);
      await watcher.expect('publish', { topic });
    }
  });

  test('will properties reach the subscriber, user properties in their order', async () => {
    const topic = unique();
    const watcher = await watch(topic);
    const properties = {
      payloadFormatIndicator: 1,
      contentType: 'text/plain',
      responseTopic: 'back',
      correlationData: Buffer.from('id'),
      userProperties: [['b', '1'], ['a', '2'], ['b', '0']],
    };
    const c = await RawClient.connect(broker.tcp, {
      will: { topic, payload: 'w', properties: { ...properties, willDelayInterval: 0, messageExpiryInterval: 1000 } },
    });
    await c.drop();
    const m = await watcher.expect('publish', { topic });
    const { messageExpiryInterval, ...rest } = m.properties;
    assert.ok(messageExpiryInterval > 900 && messageExpiryInterval <= 1000, `${messageExpiryInterval} s`);
    assert.deepEqual(rest, properties);
  });

  test('will delay: the will waits that long after the connection broke', async () => {
    const topic = unique();
    const watcher = await watch(topic);
    const c = await RawClient.connect(broker.tcp, {
      will: { topic, payload: 'late', properties: { willDelayInterval: 2 } },
      properties: { sessionExpiryInterval: 60 },
    });
    const broken_ms = performance.now();
    await c.drop();
    await watcher.expect('publish', { topic, payload: 'late' });
    const took_ms = performance.now() - broken_ms;
    assert.ok(took_ms >= 1900, `${took_ms} ms`);
  });

  test('will delay: a client that comes back in time is not announced as gone', async () => {
    const topic = unique();
    const watcher = await watch(topic);
    const options = {
      clientId: unique(),
      clean: false,
      will: { topic, payload: 'late', properties: { willDelayInterval: 5 } },
      properties: { sessionExpiryInterval: 60 },
    };
    await (await RawClient.connect(broker.tcp, options)).drop();
    const back = await RawClient.connect(broker.tcp, options);
    await delay(6500);
    await watcher.expectNothing(back);
    // The same after a DISCONNECT, which discards the will.
    const last = await RawClient.connect(broker.tcp, { ...options, will: { topic, payload: 'late', properties: { willDelayInterval: 1 } } });
    await back.expectRefusal(0x8e);
    await last.disconnect();
    await delay(2200);
    await watcher.expectNothing();
  });

  test('will delay: the end of the session publishes at once', async () => {
    const topic = unique();
    const watcher = await watch(topic);
    const c = await RawClient.connect(broker.tcp, {
      will: { topic, payload: 'now', properties: { willDelayInterval: 600 } },
      properties: { sessionExpiryInterval: 1 },
    });
    const broken_ms = performance.now();
    await c.drop();
    await watcher.expect('publish', { topic, payload: 'now' });
    assert.ok(performance.now() - broken_ms >= 900);
  });

  test('will delay without a session that outlives the connection is no delay', async () => {
    const topic = unique();
    const watcher = await watch(topic);
    const c = await RawClient.connect(broker.tcp, { will: { topic, payload: 'now', properties: { willDelayInterval: 600 } } });
    await c.drop();
    await watcher.expect('publish', { topic, payload: 'now' });
  });

  test('will delay: a clean start ends the old session and publishes its will', async () => {
    const topic = unique();
    const watcher = await watch(topic);
    const clientId = unique();
    const c = await RawClient.connect(broker.tcp, {
      clientId,
      will: { topic, payload: 'now', properties: { willDelayInterval: 600 } },
      properties: { sessionExpiryInterval: 600 },
    });
    await c.drop();
    await RawClient.connect(broker.tcp, { clientId, clean: true });
    await watcher.expect('publish', { topic, payload: 'now' });
  });

  test('will delay: take-over that resumes the session in time withholds the will', async () => {
    const topic = unique();
    const watcher = await watch(topic);
    const options = {
      clientId: unique(),
      clean: false,
      will: { topic, payload: 'late', properties: { willDelayInterval: 1 } },
      properties: { sessionExpiryInterval: 60 },
    };
    const first = await RawClient.connect(broker.tcp, options);
    const second = await RawClient.connect(broker.tcp, { ...options, will: undefined });
    await first.expectRefusal(0x8e);
    await delay(1800);
    await watcher.expectNothing(second);
  });

  test('without a delay, take-over publishes the will even if the session goes on', async () => {
    const topic = unique();
    const watcher = await watch(topic);
    const options = { clientId: unique(), clean: false, properties: { sessionExpiryInterval: 60 } };
    const first = await RawClient.connect(broker.tcp, { ...options, will: { topic, payload: 'taken' } });
    await RawClient.connect(broker.tcp, options);
    await first.expectRefusal(0x8e);
    await watcher.expect('publish', { topic, payload: 'taken' });
  });

  test('DISCONNECT with session expiry 0 ends the session, so a delayed will (0x04) comes at once', async () => {
    const topic = unique();
    const watcher = await watch(topic);
    const c = await RawClient.connect(broker.tcp, {
      will: { topic, payload: 'now', properties: { willDelayInterval: 600 } },
      properties: { sessionExpiryInterval: 600 },
    });
    await c.disconnect(0x04, { sessionExpiryInterval: 0 });
    await watcher.expect('publish', { topic, payload: 'now' });
  });

  test('a connection without a will publishes none', async () => {
    const watcher = await watch(`${unique()}/#`);
    const clientId = unique();
    const topic = unique();
    await watcher.subscribe(topic);
    const first = await RawClient.connect(broker.tcp, { clientId, will: { topic, payload: 'w' } });
    await first.disconnect();
    await (await RawClient.connect(broker.tcp, { clientId })).drop();
    await watcher.expectNothing();
  });

  test('a will reaches the session of the client itself', async () => {
    const topic = unique();
    const options = { clientId: unique(), clean: false, properties: { sessionExpiryInterval: 60 } };
    const c = await RawClient.connect(broker.tcp, { ...options, will: { topic, payload: 'me', qos: 1 } });
    await c.subscribe(topic, { qos: 1 });
    await c.drop();
    const again = await RawClient.connect(broker.tcp, options);
    await again.expect('publish', { topic, payload: 'me' });
  });
});
