// Retained messages: kept, replaced, deleted, sent to new subscriptions as their options ask, expired, and on disk.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Broker } from './lib/broker.mjs';
import * as mqttjs from './lib/mqttjs.mjs';
import { RawClient } from './lib/raw.mjs';
import { delay, unique, until } from './lib/wait.mjs';

const retain = { qos: 1, retain: true };

describe('retained messages', { concurrency: 4 }, () => {
  let broker;
  before(async () => {
    broker = await Broker.start();
  });
  after(() => broker.stop());

  for (const version of [3, 4, 5]) {
    test(`v${version}: a later subscriber gets the last retained message, with RETAIN set`, async () => {
      const c = await RawClient.connect(broker.tcp, { version });
      const topic = unique();
      await c.publish(topic, 'first', retain);
      await c.publish(topic, 'second', { qos: 0, retain: true });
      await c.publish(topic, 'not retained', { qos: 1 });
      await c.subscribe(topic, { qos: 1 });
      await c.expect('publish', { topic, payload: 'second', retain: true });
      await c.expectNothing();
    });

    test(`v${version}: a message to an existing subscription comes without RETAIN`, async () => {
      const c = await RawClient.connect(broker.tcp, { version });
      const topic = unique();
      await c.subscribe(topic);
      await c.publish(topic, 'x', retain);
      await c.expect('publish', { retain: false });
    });

    test(`v${version}: an empty payload deletes, and is delivered itself like any message`, async () => {
      const c = await RawClient.connect(broker.tcp, { version });
      const topic = unique();
      await c.publish(topic, 'x', retain);
      await c.subscribe(topic);
      await c.expect('publish', { payload: 'x', retain: true });
      await c.publish(topic, '', retain);
      await c.expect('publish', { payload: '', retain: false });
      await c.unsubscribe(topic);
      await c.subscribe(topic);
      await c.expectNothing();
    });
  }

  for (const { name, protocolVersion } of mqttjs.VERSIONS) {
    test(`MQTT.js ${name} gets retained messages of a wildcard subscription`, async () => {
      const c = await mqttjs.connect(broker.url(), { protocolVersion });
      const base = unique();
      for (let i = 0; i < 5; i += 1) await c.publishAsync(`${base}/${i}`, `${i}`, retain);
      await c.subscribeAsync(`${base}/+`, { qos: 1 });
      await c.received(5);
      assert.deepEqual(c.inbox.map((m) => m.payload).sort(), ['0', '1', '2', '3', '4']);
      assert.ok(c.inbox.every((m) => m.packet.retain));
      await c.endAsync();
    });
  }

  test('every retained message that a filter matches is sent, a thousand of them too', async () => {
    const c = await RawClient.connect(broker.tcp);
    const base = unique();
    const topics = Array.from({ length: 1000 }, (_, i) => `${base}/${i % 10}/${i}`);
    for (const topic of topics) await c.publish(topic, topic, { qos: 0, retain: true });
    await c.publish(`${base}`, 'parent', retain);
    await c.subscribe(`${base}/#`, { qos: 1 });
    const got = await c.messages(1001);
    assert.deepEqual(new Set(got.map((m) => m.topic)), new Set([...topics, base]));
    await c.subscribe(`${base}/3/+`);
    assert.equal(new Set((await c.messages(100)).map((m) => m.topic)).size, 100);
    await c.expectNothing();
  });

  test('the QoS of a retained message is the lower of its own and the granted one', async () => {
    const c = await RawClient.connect(broker.tcp);
    const base = unique();
    for (const qos of [0, 1, 2]) await c.publish(`${base}/${qos}`, 'x', { qos, retain: true });
    for (const granted of [0, 1, 2]) {
      await c.subscribe(`${base}/+`, { qos: granted });
      for (const m of await c.messages(3)) assert.equal(m.qos, Math.min(granted, Number(m.topic.slice(-1))));
    }
  });

  test('retain handling 0 sends at every SUBSCRIBE', async () => {
    const c = await RawClient.connect(broker.tcp);
    const topic = unique();
    await c.publish(topic, 'x', retain);
    for (let i = 0; i < 3; i += 1) {
      await c.subscribe(topic, { retainHandling: 0 });
      await c.expect('publish', { topic, retain: true });
    }
  });

  test('retain handling 1 sends only for a subscription that did not exist', async () => {
    const c = await RawClient.connect(broker.tcp);
    const topic = unique();
    await c.publish(topic, 'x', retain);
    await c.subscribe(topic, { retainHandling: 1 });
    await c.expect('publish', { topic, retain: true });
    await c.subscribe(topic, { retainHandling: 1, qos: 1 });
    await c.expectNothing();
    await c.unsubscribe(topic);
    await c.subscribe(topic, { retainHandling: 1 });
    await c.expect('publish', { topic, retain: true });
  });

  test('retain handling 1 knows the subscriptions of a session that is resumed', async () => {
    const options = { clientId: unique(), clean: false, properties: { sessionExpiryInterval: 60 } };
    const topic = unique();
    const first = await RawClient.connect(broker.tcp, options);
    await first.publish(topic, 'x', retain);
    await first.subscribe(topic, { retainHandling: 1 });
    await first.expect('publish', { topic });
    await first.disconnect();
    const second = await RawClient.connect(broker.tcp, options);
    await second.subscribe(topic, { retainHandling: 1 });
    await second.expectNothing();
  });

  test('retain handling 2 never sends', async () => {
    const c = await RawClient.connect(broker.tcp);
    const topic = unique();
    await c.publish(topic, 'x', retain);
    await c.subscribe(topic, { retainHandling: 2 });
    await c.expectNothing();
  });

  test('retain as published keeps the RETAIN flag of the publisher', async () => {
    const c = await RawClient.connect(broker.tcp);
    const topic = unique();
    await c.subscribe(topic, { retainAsPublished: true });
    await c.publish(topic, '1', retain);
    await c.expect('publish', { payload: '1', retain: true });
    await c.publish(topic, '2', { qos: 1 });
    await c.expect('publish', { payload: '2', retain: false });
    await c.subscribe(topic, { retainAsPublished: false, retainHandling: 2 });
    await c.publish(topic, '3', retain);
    await c.expect('publish', { payload: '3', retain: false });
  });

  test('a retained message keeps its properties and their order', async () => {
    const c = await RawClient.connect(broker.tcp);
    const topic = unique();
    const properties = {
      payloadFormatIndicator: 1,
      contentType: 'text/x',
      responseTopic: 'r/t',
      correlationData: Buffer.from([1, 2, 3]),
      userProperties: [['z', '1'], ['a', '2'], ['z', '3']],
    };
    await c.publish(topic, 'x', { ...retain, properties });
    await c.subscribe(topic, { qos: 1 }, { subscriptionIdentifier: 44 });
    const m = await c.expect('publish', { topic });
    assert.deepEqual(m.properties, { ...properties, subscriptionIdentifier: [44] });
  });

  test('a retained message expires; until then the interval that is left is sent', async () => {
    const c = await RawClient.connect(broker.tcp);
    const base = unique();
    await c.publish(`${base}/short`, 'x', { ...retain, properties: { messageExpiryInterval: 2 } });
    await c.publish(`${base}/long`, 'x', { ...retain, properties: { messageExpiryInterval: 1000 } });
    await delay(3200);
    await c.subscribe(`${base}/+`);
    const { properties } = await c.expect('publish', { topic: `${base}/long` });
    const left_s = properties.messageExpiryInterval;
    assert.ok(left_s > 900 && left_s <= 997, `${left_s} s left`);
    await c.expectNothing();
  });

  test('an empty payload without RETAIN deletes nothing', async () => {
    const c = await RawClient.connect(broker.tcp);
    const topic = unique();
    await c.publish(topic, 'x', retain);
    await c.publish(topic, '', { qos: 1 });
    await c.subscribe(topic);
    await c.expect('publish', { topic, payload: 'x' });
  });

  test('a replaced subscription gets retained messages once more, without losing live ones', async () => {
    const c = await RawClient.connect(broker.tcp);
    const p = await RawClient.connect(broker.tcp);
    const topic = unique();
    await p.publish(topic, 'kept', retain);
    await c.subscribe(topic, { qos: 1 });
    await c.expect('publish', { payload: 'kept' });
    let stop = false;
    let sent = 0;
    const flood = (async () => {
      while (!stop) await p.publish(topic, `${(sent += 1)}`, { qos: 1 });
    })();
    for (let i = 0; i < 20; i += 1) await c.subscribe(topic, { qos: 1, retainHandling: 0 });
    stop = true;
    await flood;
    await c.settle(p);
    const all = c.inbox.filter((m) => m.topic === topic);
    assert.equal(all.filter((m) => m.retain).length, 20);
    assert.deepEqual(all.filter((m) => !m.retain).map((m) => Number(m.payload)), Array.from({ length: sent }, (_, i) => i + 1));
  });

  test('an unsubscribed filter no longer brings retained messages, a refused one neither', async () => {
    const c = await RawClient.connect(broker.tcp);
    const topic = unique();
    await c.subscribe(topic);
    await c.unsubscribe(topic);
    await c.publish(topic, 'x', retain);
    await c.expectNothing();
  });
});

describe('retained messages on disk', () => {
  test('what is acknowledged survives kill -9: messages, replacements, deletions, properties, expiry', async (t) => {
    const broker = await Broker.during(t);
    const base = unique();
    const c = await RawClient.connect(broker.tcp);
    const properties = { contentType: 'x', userProperties: [['k', '2'], ['k', '1']], correlationData: Buffer.from([0, 255]) };
    for (let i = 0; i < 200; i += 1) await c.publish(`${base}/${i}`, `value ${i}`, { qos: 1 + (i % 2), retain: true, properties });
    for (let i = 0; i < 200; i += 10) await c.publish(`${base}/${i}`, '', retain);
    for (let i = 5; i < 200; i += 10) await c.publish(`${base}/${i}`, 'replaced', { qos: 2, retain: true });
    await c.publish(`${base}/soon`, 'x', { ...retain, properties: { messageExpiryInterval: 1 } });
    await c.publish(`${base}/late`, 'x', { ...retain, properties: { messageExpiryInterval: 1000 } });
    await broker.kill();
    await delay(2500);
    await broker.start();

    const d = await RawClient.connect(broker.tcp);
    await d.subscribe(`${base}/+`, { qos: 2 });
    await d.settle();
    const got = new Map(d.inbox.filter((m) => m.type === 'publish').map((m) => [m.topic, m]));
    for (let i = 0; i < 200; i += 1) {
      const m = got.get(`${base}/${i}`);
      if (i % 10 === 0) assert.equal(m, undefined, `${i} was deleted`);
      else assert.equal(m?.payload.toString(), i % 10 === 5 ? 'replaced' : `value ${i}`, `message ${i}`);
      if (m && i % 10 !== 5) assert.deepEqual([m.properties, m.qos, m.retain], [properties, 1 + (i % 2), true]);
    }
    assert.equal(got.has(`${base}/soon`), false, 'an expired message came back');
    assert.ok(got.get(`${base}/late`).properties.messageExpiryInterval < 1000);
    assert.equal(got.size, 181);
    await broker.stop();
  });

  test('they survive a clean stop, QoS 0 ones included', async (t) => {
    const broker = await Broker.during(t);
    const c = await RawClient.connect(broker.tcp);
    const base = unique();
    for (let i = 0; i < 100; i += 1) await c.publish(`${base}/${i}`, `${i}`, { retain: true });
    await c.ping();
    await broker.stop({ keep: true });
    await broker.start();
    const d = await RawClient.connect(broker.tcp);
    await d.subscribe(`${base}/#`);
    await d.messages(100);
    await broker.stop();
  });
});

describe('retained messages with other settings', () => {
  test('retain: false is announced, and a retained publish refused', async (t) => {
    const broker = await Broker.during(t, { mqtt: { retain: false } });
    const c = await RawClient.connect(broker.tcp);
    assert.equal(c.connack.properties.retainAvailable, 0);
    c.publish(unique(), 'x', { retain: true });
    await c.expectRefusal(0x9a);
    const will = await RawClient.open(broker.tcp);
    assert.equal((await will.handshake({ will: { topic: 'w', retain: true } })).reason, 0x9a);
    await will.expectClose();
    await broker.stop();
  });

  test('max_messages and max_payload_bytes bound what is kept', async (t) => {
    const broker = await Broker.during(t, { retained: { max_messages: 3, max_payload_bytes: '1KiB' } });
    const c = await RawClient.connect(broker.tcp);
    const base = unique();
    await c.publish(`${base}/big`, 'x'.repeat(1025), retain);
    const answers = [];
    for (let i = 0; i < 5; i += 1) answers.push(await c.publish(`${base}/${i}`, `${i}`, retain));
    await c.publish(`${base}/0`, 'replaced', retain); // a topic that is kept may still change
    await c.subscribe(`${base}/#`);
    await c.settle();
    const got = c.inbox.filter((m) => m.type === 'publish').map((m) => m.payload.toString());
    assert.deepEqual(got.sort(), ['1', '2', 'replaced']);
    await c.publish(`${base}/1`, '', retain);
    await c.publish(`${base}/4`, 'room again', retain);
    await until(async () => {
      const d = await RawClient.connect(broker.tcp);
      await d.subscribe(`${base}/#`);
      await d.settle();
      return d.inbox.some((m) => m.payload?.toString() === 'room again');
    }, 'the freed place to be used');
    await broker.stop();
  });
});
