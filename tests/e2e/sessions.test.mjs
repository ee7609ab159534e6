// Sessions: how long they live, what waits in them, what their limits do, what of them is on disk.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Broker } from './lib/broker.mjs';
import * as mqttjs from './lib/mqttjs.mjs';
import { RawClient } from './lib/raw.mjs';
import { delay, unique } from './lib/wait.mjs';

const lasting = (seconds = 600) => ({ sessionExpiryInterval: seconds });
const texts = (messages) => messages.map((m) => m.payload.toString());
const numbers = (n, from = 0) => Array.from({ length: n }, (_, i) => `${from + i}`);

describe('sessions', { concurrency: 4 }, () => {
  let broker;
  before(async () => {
    broker = await Broker.start();
  });
  after(() => broker.stop());

  for (const { name, protocolVersion } of mqttjs.VERSIONS) {
    test(`MQTT.js ${name}: messages wait for a persistent session`, async () => {
      const options = { protocolVersion, clientId: unique(), clean: false, properties: protocolVersion === 5 ? lasting() : undefined };
      const topic = unique();
      const first = await mqttjs.connect(broker.url(), options);
      await first.subscribeAsync(topic, { qos: 1 });
      await first.endAsync();
      const publisher = await mqttjs.connect(broker.url());
      for (const n of numbers(20)) await publisher.publishAsync(topic, n, { qos: 1 });
      const second = await mqttjs.connect(broker.url(), options);
      await second.received(20);
      assert.deepEqual(second.inbox.map((m) => m.payload), numbers(20));
      await second.endAsync();
      await publisher.endAsync();
    });
  }

  test('v5: without session expiry the session ends with the connection', async () => {
    const options = { clientId: unique(), clean: false };
    const topic = unique();
    const first = await RawClient.connect(broker.tcp, options);
    await first.subscribe(topic, { qos: 1 });
    await first.disconnect();
    const second = await RawClient.connect(broker.tcp, options);
    assert.equal(second.connack.sessionPresent, false);
    await second.publish(topic, 'x', { qos: 1 });
    await second.expectNothing();
  });

  for (const version of [3, 4]) {
    test(`v${version}: clean session 1 leaves nothing behind and starts with nothing`, async () => {
      const clientId = unique();
      const topic = unique();
      const first = await RawClient.connect(broker.tcp, { version, clientId, clean: false });
      await first.subscribe(topic, { qos: 1 });
      await first.disconnect();
      const clean = await RawClient.connect(broker.tcp, { version, clientId, clean: true });
      assert.equal(clean.connack.sessionPresent, false);
      await clean.subscribe(topic, { qos: 1 });
      await clean.disconnect();
      const last = await RawClient.connect(broker.tcp, { version, clientId, clean: false });
      assert.equal(last.connack.sessionPresent, false);
      await last.publish(topic, 'x', { qos: 1 });
      await last.expectNothing();
    });
  }

  test('v5: clean start discards, and the next connection may keep what it makes', async () => {
    const clientId = unique();
    const [old, kept] = [unique(), unique()];
    const first = await RawClient.connect(broker.tcp, { clientId, properties: lasting() });
    await first.subscribe(old, { qos: 1 });
    await first.disconnect();
    const second = await RawClient.connect(broker.tcp, { clientId, clean: true, properties: lasting() });
    assert.equal(second.connack.sessionPresent, false);
    await second.subscribe(kept, { qos: 1 });
    await second.disconnect();
    const third = await RawClient.connect(broker.tcp, { clientId, clean: false, properties: lasting() });
    assert.equal(third.connack.sessionPresent, true);
    await third.publish(old, 'old', { qos: 1 });
    await third.publish(kept, 'kept', { qos: 1 });
    await third.expect('publish', { topic: kept });
    await third.expectNothing();
  });

  test('a session is gone once its expiry interval has passed', async () => {
    const clientId = unique();
    const patient = unique();
    await (await RawClient.connect(broker.tcp, { clientId, properties: lasting(100) })).disconnect();
    const soon = await RawClient.connect(broker.tcp, { clientId, clean: false, properties: lasting(1) });
    assert.equal(soon.connack.sessionPresent, true);
    await (await RawClient.connect(broker.tcp, { clientId: patient, properties: lasting(100) })).disconnect();
    await soon.disconnect();
    await delay(2500);
    const late = await RawClient.connect(broker.tcp, { clientId, clean: false });
    assert.equal(late.connack.sessionPresent, false);
    assert.equal((await RawClient.connect(broker.tcp, { clientId: patient, clean: false })).connack.sessionPresent, true);
  });

  test('an expiring session does not end while the client is connected', async () => {
    const clientId = unique();
    const topic = unique();
    const c = await RawClient.connect(broker.tcp, { clientId, clean: false, properties: lasting(1) });
    await c.subscribe(topic);
    await delay(2500);
    await c.publish(topic, 'x');
    await c.expect('publish', { topic });
  });

  test('DISCONNECT changes the session expiry: to longer, to shorter, to 0', async () => {
    const present = async (clientId) => {
      const c = await RawClient.connect(broker.tcp, { clientId, clean: false });
      await c.disconnect();
      return c.connack.sessionPresent;
    };
    const end = async (before_s, after_s) => {
      const clientId = unique();
      const c = await RawClient.connect(broker.tcp, { clientId, properties: lasting(before_s) });
      await c.disconnect(0, { sessionExpiryInterval: after_s });
      return clientId;
    };
    const [longer, shorter, zero] = [await end(1, 100), await end(100, 1), await end(100, 0)];
    assert.equal(await present(zero), false);
    await delay(2500);
    assert.equal(await present(longer), true);
    assert.equal(await present(shorter), false);
  });

  test('DISCONNECT must not give a session that had expiry 0 another one', async () => {
    const clientId = unique();
    const c = await RawClient.connect(broker.tcp, { clientId });
    c.disconnect(0, { sessionExpiryInterval: 60 }).catch(() => {});
    await c.expectRefusal(0x82);
  });

  test('session expiry 0xFFFFFFFF means: for ever', async () => {
    const clientId = unique();
    const c = await RawClient.connect(broker.tcp, { clientId, properties: lasting(0xffffffff) });
    await c.disconnect();
    const again = await RawClient.connect(broker.tcp, { clientId, clean: false });
    assert.equal(again.connack.sessionPresent, true);
  });

  test('a session passes between MQTT 3.1.1 and 5', async () => {
    const clientId = unique();
    const topic = unique();
    const old = await RawClient.connect(broker.tcp, { version: 4, clientId, clean: false });
    await old.subscribe(topic, { qos: 1 });
    await old.disconnect();
    const publisher = await RawClient.connect(broker.tcp);
    await publisher.publish(topic, 'for 5', { qos: 1, properties: { userProperties: [['a', 'b']] } });
    const five = await RawClient.connect(broker.tcp, { clientId, clean: false, properties: lasting() });
    assert.equal(five.connack.sessionPresent, true);
    const m = await five.expect('publish', { payload: 'for 5' });
    assert.deepEqual(m.properties.userProperties, [['a', 'b']]);
    await five.ping();
    await five.disconnect();
    await publisher.publish(topic, 'for 4', { qos: 1, properties: { userProperties: [['a', 'b']] } });
    const four = await RawClient.connect(broker.tcp, { version: 4, clientId, clean: false });
    assert.equal(four.connack.sessionPresent, true);
    await four.expect('publish', { payload: 'for 4' });
  });

  test('QoS 0 messages do not wait for an absent client, QoS 1 and 2 do, in order', async () => {
    const options = { clientId: unique(), clean: false, properties: lasting() };
    const topic = unique();
    const c = await RawClient.connect(broker.tcp, options);
    await c.subscribe(topic, { qos: 2 });
    await c.disconnect();
    const publisher = await RawClient.connect(broker.tcp);
    for (let i = 0; i < 300; i += 1) await publisher.publish(topic, `${i}`, { qos: i % 3 });
    const again = await RawClient.connect(broker.tcp, options);
    assert.deepEqual(texts(await again.messages(200)), numbers(300).filter((n) => n % 3 !== 0));
    await again.expectNothing(publisher);
  });

  test('messages that wait come once, not at each reconnect', async () => {
    const options = { clientId: unique(), clean: false, properties: lasting() };
    const topic = unique();
    const c = await RawClient.connect(broker.tcp, options);
    await c.subscribe(topic, { qos: 2 });
    await c.disconnect();
    const publisher = await RawClient.connect(broker.tcp);
    for (const n of numbers(10)) await publisher.publish(topic, n, { qos: 2 });
    const second = await RawClient.connect(broker.tcp, options);
    assert.deepEqual(texts(await second.messages(10)), numbers(10));
    await second.settle(publisher);
    await second.disconnect();
    const third = await RawClient.connect(broker.tcp, options);
    await third.expectNothing(publisher);
  });

  test('what is published while the client is away follows what it had not acknowledged', async () => {
    const options = { clientId: unique(), clean: false, auto: false, properties: lasting() };
    const topic = unique();
    const c = await RawClient.connect(broker.tcp, options);
    await c.subscribe(topic, { qos: 1 });
    const publisher = await RawClient.connect(broker.tcp);
    for (const n of numbers(5)) await publisher.publish(topic, n, { qos: 1 });
    await c.messages(5);
    await c.disconnect();
    for (const n of numbers(5, 5)) await publisher.publish(topic, n, { qos: 1 });
    const again = await RawClient.connect(broker.tcp, { ...options, auto: true });
    const got = await again.messages(10);
    assert.deepEqual(texts(got), numbers(10));
    assert.deepEqual(got.map((m) => m.dup), [...Array(5).fill(true), ...Array(5).fill(false)]);
  });

  test('message expiry: an expired message is not delivered, a living one tells what is left', async () => {
    const options = { clientId: unique(), clean: false, properties: lasting() };
    const topic = unique();
    const c = await RawClient.connect(broker.tcp, options);
    await c.subscribe(topic, { qos: 1 });
    await c.disconnect();
    const publisher = await RawClient.connect(broker.tcp);
    await publisher.publish(topic, 'short', { qos: 1, properties: { messageExpiryInterval: 1 } });
    await publisher.publish(topic, 'long', { qos: 1, properties: { messageExpiryInterval: 100 } });
    await publisher.publish(topic, 'for ever', { qos: 1 });
    await delay(2200);
    const again = await RawClient.connect(broker.tcp, options);
    const [long, forever] = await again.messages(2);
    assert.deepEqual(texts([long, forever]), ['long', 'for ever']);
    const left_s = long.properties.messageExpiryInterval;
    assert.ok(left_s > 50 && left_s <= 98, `${left_s} s left`);
    assert.equal(forever.properties.messageExpiryInterval, undefined);
    await again.expectNothing(publisher);
  });

  test('message expiry: a message that is delivered at once keeps its interval', async () => {
    const c = await RawClient.connect(broker.tcp);
    const topic = unique();
    await c.subscribe(topic);
    await c.publish(topic, 'x', { properties: { messageExpiryInterval: 1000 } });
    const left_s = (await c.expect('publish')).properties.messageExpiryInterval;
    assert.ok(left_s > 900 && left_s <= 1000, `${left_s} s left`);
  });

  test('message expiry does not touch what is sent already: it comes again', async () => {
    const options = { clientId: unique(), clean: false, auto: false, properties: lasting() };
    const topic = unique();
    const c = await RawClient.connect(broker.tcp, options);
    await c.subscribe(topic, { qos: 2 });
    await c.publish(topic, 'x', { qos: 2, properties: { messageExpiryInterval: 4 } });
    await c.expect('publish', { payload: 'x' });
    await c.drop();
    await delay(5200);
    const again = await RawClient.connect(broker.tcp, options);
    await again.expect('publish', { payload: 'x', dup: true });
  });

  test('UNSUBSCRIBE ends what is to come, not what is in flight', async () => {
    const c = await RawClient.connect(broker.tcp, { auto: false });
    const topic = unique();
    await c.subscribe(topic, { qos: 2 });
    await c.publish(topic, 'in flight', { qos: 1 });
    const m = await c.expect('publish');
    assert.deepEqual((await c.unsubscribe(topic)).reasons, [0]);
    c.ack('puback', m.id);
    await c.publish(topic, 'later', { qos: 1 });
    c.auto = true;
    await c.expectNothing();
    assert.deepEqual((await c.unsubscribe(topic)).reasons, [0x11]);
  });

  test('a subscription that comes again replaces the first: one delivery, the later options', async () => {
    const c = await RawClient.connect(broker.tcp);
    const topic = unique();
    await c.subscribe(topic, { qos: 0 });
    await c.subscribe(topic, { qos: 2 });
    await c.publish(topic, 'x', { qos: 2 });
    await c.expect('publish', { qos: 2 });
    await c.expectNothing();
  });
});

describe('session limits', { concurrency: 3 }, () => {
  const brokers = {};
  before(async () => {
    const limits = { max_queued_messages: 10, max_inflight: 5 };
    // One reactor: a message is in the queue of its subscriber by the time that its publisher has the PUBACK.
    for (const policy of ['drop_oldest', 'drop_new', 'disconnect']) {
      brokers[policy] = await Broker.start({ reactors: 1, sessions: { ...limits, when_full: policy }, mqtt: { max_subscriptions: 5 } });
    }
    brokers.brief = await Broker.start({ reactors: 1, sessions: { max_expiry: '2s', v3_expiry: '1s' } });
    brokers.bytes = await Broker.start({ reactors: 1, sessions: { max_queued_bytes: '100KiB', queue_qos0: true } });
  });
  after(async () => {
    for (const broker of Object.values(brokers)) await broker.stop();
  });

  async function overfill(broker, count) {
    const options = { clientId: unique(), clean: false, properties: lasting() };
    const topic = unique();
    const c = await RawClient.connect(broker.tcp, options);
    await c.subscribe(topic, { qos: 1 });
    await c.disconnect();
    const publisher = await RawClient.connect(broker.tcp);
    for (const n of numbers(count)) await publisher.publish(topic, n, { qos: 1 });
    const again = await RawClient.connect(broker.tcp, options);
    await again.settle(publisher);
    return texts(again.inbox.filter((m) => m.topic === topic));
  }

  test('drop_oldest keeps the latest messages', async () => {
    assert.deepEqual(await overfill(brokers.drop_oldest, 25), numbers(10, 15));
  });

  test('drop_new keeps the first messages', async () => {
    assert.deepEqual(await overfill(brokers.drop_new, 25), numbers(10));
  });

  test('disconnect ends a connected client whose queue is full, with 0x97', async () => {
    const broker = brokers.disconnect;
    const topic = unique();
    const c = await RawClient.connect(broker.tcp, { auto: false, properties: { receiveMaximum: 2 } });
    await c.subscribe(topic, { qos: 1 });
    const publisher = await RawClient.connect(broker.tcp);
    for (const n of numbers(30)) await publisher.publish(topic, n, { qos: 1 });
    await c.expectRefusal(0x97);
  });

  test('the queue is bounded while the client is connected, too', async () => {
    const topic = unique();
    const c = await RawClient.connect(brokers.drop_oldest.tcp, { auto: false, properties: { receiveMaximum: 2 } });
    await c.subscribe(topic, { qos: 1 });
    const publisher = await RawClient.connect(brokers.drop_oldest.tcp);
    for (const n of numbers(30)) await publisher.publish(topic, n, { qos: 1 });
    const first = await c.messages(2);
    c.auto = true;
    for (const m of first) c.ack('puback', m.id);
    await c.expect('publish', { payload: '20' });
    assert.deepEqual(texts(await c.messages(9)), numbers(9, 21));
  });

  test('max_queued_bytes bounds what waits; queue_qos0 lets QoS 0 wait', async () => {
    const options = { clientId: unique(), clean: false, properties: lasting() };
    const topic = unique();
    const c = await RawClient.connect(brokers.bytes.tcp, options);
    await c.subscribe(topic, { qos: 1 });
    await c.disconnect();
    const publisher = await RawClient.connect(brokers.bytes.tcp);
    for (let i = 0; i < 40; i += 1) await publisher.publish(topic, Buffer.alloc(10_000, i), { qos: i % 2 });
    await publisher.ping();
    const again = await RawClient.connect(brokers.bytes.tcp, options);
    await again.settle(publisher);
    const got = again.inbox.filter((m) => m.topic === topic).map((m) => m.payload[0]);
    assert.ok(got.length >= 5 && got.length <= 10, `${got.length} messages of 10,000 bytes waited`);
    assert.deepEqual(got, Array.from({ length: got.length }, (_, i) => 40 - got.length + i), 'the latest, in order');
  });

  test('max_expiry shortens what a client asks for, and says so', async () => {
    const options = { clientId: unique(), clean: false, properties: lasting() };
    const c = await RawClient.connect(brokers.brief.tcp, options);
    assert.equal(c.connack.properties.sessionExpiryInterval, 2);
    await c.disconnect();
    await delay(3500);
    assert.equal((await RawClient.connect(brokers.brief.tcp, options)).connack.sessionPresent, false);
  });

  test('v3_expiry ends sessions of MQTT 3.1.1 that stay away', async () => {
    const options = { version: 4, clientId: unique(), clean: false };
    const first = await RawClient.connect(brokers.brief.tcp, options);
    await delay(2500);
    const second = await RawClient.connect(brokers.brief.tcp, options); // takes over: the session was never without its client
    assert.equal(second.connack.sessionPresent, true);
    await first.expectRefusal();
    await second.disconnect();
    await delay(2500);
    assert.equal((await RawClient.connect(brokers.brief.tcp, options)).connack.sessionPresent, false);
  });

  test('max_inflight bounds the window of a 3.1.1 client', async () => {
    const c = await RawClient.connect(brokers.drop_new.tcp, { version: 4, auto: false });
    const topic = unique();
    await c.subscribe(topic, { qos: 1 });
    const publisher = await RawClient.connect(brokers.drop_new.tcp);
    for (const n of numbers(10)) await publisher.publish(topic, n, { qos: 1 });
    const window = await c.messages(5);
    await c.ping();
    assert.equal(c.inbox.length, 0, 'more than max_inflight');
    c.auto = true;
    for (const m of window) c.ack('puback', m.id);
    assert.deepEqual(texts(await c.messages(5)), numbers(5, 5));
  });

  test('max_subscriptions refuses one too many with 0x97', async () => {
    const c = await RawClient.connect(brokers.drop_new.tcp);
    const base = unique();
    const { reasons } = await c.subscribe(numbers(7).map((n) => `${base}/${n}`));
    assert.deepEqual(reasons, [0, 0, 0, 0, 0, 0x97, 0x97]);
    assert.deepEqual((await c.subscribe(`${base}/0`, { qos: 1 })).reasons, [1], 'replacing one needs no room');
    await c.unsubscribe(`${base}/1`);
    assert.deepEqual((await c.subscribe(`${base}/6`)).reasons, [0]);
  });
});

describe('sessions on disk', () => {
  test('subscriptions of persistent sessions survive kill -9, with their options', async (t) => {
    const broker = await Broker.during(t);
    const base = unique();
    const options = { clientId: unique(), clean: false, properties: lasting() };
    const c = await RawClient.connect(broker.tcp, options);
    await c.subscribe({ filter: `${base}/a/+`, qos: 1, retainAsPublished: true }, {}, { subscriptionIdentifier: 7 });
    await c.subscribe({ filter: `${base}/own`, qos: 2, noLocal: true });
    await c.subscribe(`${base}/left`, { qos: 1 });
    await c.unsubscribe(`${base}/left`);
    await c.subscribe(`$share/g/${base}/shared`, { qos: 1 });
    const old = await RawClient.connect(broker.tcp, { version: 4, clientId: `${options.clientId}-4`, clean: false });
    await old.subscribe(`${base}/#`, { qos: 2 });
    const fleeting = await RawClient.connect(broker.tcp, { clientId: `${options.clientId}-fleeting` });
    await fleeting.subscribe(`${base}/#`);
    await broker.kill();
    await broker.start();

    const again = await RawClient.connect(broker.tcp, options);
    assert.equal(again.connack.sessionPresent, true);
    const publisher = await RawClient.connect(broker.tcp);
    await publisher.publish(`${base}/a/b`, 'x', { qos: 2, retain: true });
    const m = await again.expect('publish', { topic: `${base}/a/b`, qos: 1, retain: true });
    assert.deepEqual(m.properties.subscriptionIdentifier, [7]);
    await again.publish(`${base}/own`, 'own', { qos: 1 });
    await publisher.publish(`${base}/own`, 'of another', { qos: 2 });
    await again.expect('publish', { payload: 'of another', qos: 2 });
    await publisher.publish(`${base}/left`, 'x', { qos: 1 });
    await publisher.publish(`${base}/shared`, 'shared', { qos: 1 });
    await again.expect('publish', { payload: 'shared' });
    await again.expectNothing(publisher);

    const old4 = await RawClient.connect(broker.tcp, { version: 4, clientId: `${options.clientId}-4`, clean: false });
    assert.equal(old4.connack.sessionPresent, true);
    const waited = texts(await old4.messages(5));
    assert.deepEqual(waited.filter((text) => text !== 'own'), ['x', 'of another', 'x', 'shared'], 'in the order of their publisher');
    assert.ok(waited.includes('own'));
    const none = await RawClient.connect(broker.tcp, { clientId: `${options.clientId}-fleeting`, clean: false });
    assert.equal(none.connack.sessionPresent, false);
    await broker.stop();
  });

  test('a session that was discarded or has expired does not come back', async (t) => {
    const broker = await Broker.during(t);
    const [discarded, expired, ended] = [unique(), unique(), unique()];
    for (const [clientId, seconds] of [[discarded, 600], [expired, 1], [ended, 600]]) {
      const c = await RawClient.connect(broker.tcp, { clientId, properties: lasting(seconds) });
      await c.subscribe(unique(), { qos: 1 });
      if (clientId === ended) await c.disconnect(0, { sessionExpiryInterval: 0 });
      else await c.disconnect();
    }
    await (await RawClient.connect(broker.tcp, { clientId: discarded, clean: true })).disconnect();
    // Rows of the catalog are written in their order, and SUBACK for a session that lasts waits for its own: the others are on disk by then.
    await (await RawClient.connect(broker.tcp, { properties: lasting() })).subscribe(unique(), { qos: 1 });
    await broker.kill();
    await delay(2500);
    await broker.start();
    for (const [clientId, what] of [[discarded, 'discarded'], [expired, 'expired'], [ended, 'ended']]) {
      const c = await RawClient.connect(broker.tcp, { clientId, clean: false });
      assert.equal(c.connack.sessionPresent, false, `the ${what} session came back`);
    }
    await broker.stop();
  });

  test('a thousand subscriptions of many sessions survive a clean stop', async (t) => {
    const broker = await Broker.during(t);
    const base = unique();
    const ids = Array.from({ length: 20 }, () => unique());
    for (const clientId of ids) {
      const c = await RawClient.connect(broker.tcp, { clientId, properties: lasting() });
      await c.subscribe(Array.from({ length: 50 }, (_, i) => `${base}/${clientId}/${i}`), { qos: 1 });
      await c.disconnect();
    }
    await broker.stop({ keep: true });
    await broker.start();
    const publisher = await RawClient.connect(broker.tcp);
    for (const clientId of ids) {
      for (let i = 0; i < 50; i += 1) await publisher.publish(`${base}/${clientId}/${i}`, 'x', { qos: 1 });
    }
    for (const clientId of ids) {
      const c = await RawClient.connect(broker.tcp, { clientId, clean: false });
      assert.equal((await c.messages(50)).length, 50);
    }
    await broker.stop();
  });
});
