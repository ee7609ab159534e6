// QoS 0, 1 and 2 in both directions: nothing lost, nothing doubled at QoS 2, in order, proven by counting.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Broker } from './lib/broker.mjs';
import * as mqttjs from './lib/mqttjs.mjs';
import * as packet from './lib/packet.mjs';
import { RawClient } from './lib/raw.mjs';
import { unique, until } from './lib/wait.mjs';

const DAY = { sessionExpiryInterval: 86_400 };

// A generator whose sequence a seed repeats.
function dice(seed) {
  let state = seed >>> 0;
  return (sides) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

describe('QoS', { concurrency: 2 }, () => {
  let broker;
  before(async () => {
    broker = await Broker.start();
  });
  after(() => broker.stop());

  for (const { name, protocolVersion } of mqttjs.VERSIONS) {
    test(`MQTT.js ${name}: every pair of QoS delivers once, at the lower of both`, async () => {
      const subscriber = await mqttjs.connect(broker.url(), { protocolVersion });
      const publisher = await mqttjs.connect(broker.url(), { protocolVersion });
      const base = unique();
      for (const granted of [0, 1, 2]) await subscriber.subscribeAsync(`${base}/${granted}/+`, { qos: granted });
      for (const granted of [0, 1, 2]) {
        for (const sent of [0, 1, 2]) {
          await publisher.publishAsync(`${base}/${granted}/${sent}`, `${granted}${sent}`, { qos: sent });
        }
      }
      const inbox = await subscriber.received(9);
      for (const { topic, packet: p } of inbox) {
        const [, granted, sent] = topic.split('/').map(Number);
        assert.equal(p.qos, Math.min(granted, sent), topic);
      }
      await publisher.endAsync();
      await subscriber.endAsync();
      assert.equal(new Set(inbox.map((m) => m.topic)).size, 9);
      assert.equal(inbox.length, 9);
    });
  }

  test('payloads of any length and any byte arrive unchanged', async () => {
    const c = await RawClient.connect(broker.tcp);
    const topic = unique();
    await c.subscribe(topic, { qos: 1 });
    for (const length of [0, 1, 100, 127, 128, 16_383, 16_384, 65_536, 1_000_000]) {
      const payload = Buffer.from(Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 255));
      await c.publish(topic, payload, { qos: 1 });
      const got = await c.expect('publish', { topic });
      assert.ok(got.payload.equals(payload), `${length} bytes`);
    }
  });

  for (const version of [4, 5]) {
    test(`v${version}: QoS 2 sent twice before PUBREL is one message`, async () => {
      const c = await RawClient.connect(broker.tcp, { version });
      const s = await RawClient.connect(broker.tcp, { version });
      const topic = unique();
      await s.subscribe(topic, { qos: 2 });
      const send = (dup) => c.send(packet.publish({ version, topic, payload: 'once', qos: 2, id: 5, dup }));
      for (const dup of [false, true, true]) {
        send(dup);
        await c.expect('pubrec', { id: 5, reason: 0 });
      }
      for (let i = 0; i < 2; i += 1) {
        c.ack('pubrel', 5);
        await c.expect('pubcomp', { id: 5 });
      }
      await s.expect('publish', { topic, payload: 'once', qos: 2, dup: false });
      await s.expectNothing(c);
    });

    test(`v${version}: after PUBCOMP the same packet identifier is another message`, async () => {
      const c = await RawClient.connect(broker.tcp, { version });
      const topic = unique();
      await c.subscribe(topic, { qos: 2 });
      for (const payload of ['1', '2', '3']) await c.publish(topic, payload, { qos: 2, id: 9 });
      assert.deepEqual((await c.messages(3)).map((m) => m.payload.toString()), ['1', '2', '3']);
      await c.expectNothing();
    });

    test(`v${version}: after PUBACK the same packet identifier is another message, DUP or not`, async () => {
      const c = await RawClient.connect(broker.tcp, { version });
      const topic = unique();
      await c.subscribe(topic, { qos: 1 });
      await c.publish(topic, 'a', { qos: 1, id: 9 });
      await c.publish(topic, 'a', { qos: 1, id: 9, dup: true });
      for (const m of await c.messages(2)) assert.equal(m.dup, false, 'DUP is not passed on');
    });

    test(`v${version}: QoS 2 goes on after a reconnect between PUBREC and PUBREL`, async () => {
      const options = { version, clientId: unique(), clean: false, properties: version === 5 ? DAY : undefined };
      const topic = unique();
      const s = await RawClient.connect(broker.tcp, { version });
      await s.subscribe(topic, { qos: 2 });
      const first = await RawClient.connect(broker.tcp, options);
      first.send(packet.publish({ version, topic, payload: 'once', qos: 2, id: 3 }));
      await first.expect('pubrec', { id: 3 });
      await first.drop();
      const second = await RawClient.connect(broker.tcp, options);
      assert.equal(second.connack.sessionPresent, true);
      second.send(packet.publish({ version, topic, payload: 'once', qos: 2, id: 3, dup: true }));
      await second.expect('pubrec', { id: 3, reason: 0 });
      second.ack('pubrel', 3);
      await second.expect('pubcomp', { id: 3, reason: 0 });
      await s.expect('publish', { topic, payload: 'once' });
      await s.expectNothing(second);
    });

    test(`v${version}: unacknowledged deliveries come again after a reconnect, with DUP and their identifier`, async () => {
      const options = { version, clientId: unique(), clean: false, auto: false, properties: version === 5 ? DAY : undefined };
      const publisher = await RawClient.connect(broker.tcp, { version });
      const topic = unique();
      const first = await RawClient.connect(broker.tcp, options);
      await first.subscribe(topic, { qos: 2 });
      await publisher.publish(topic, 'one', { qos: 1 });
      await publisher.publish(topic, 'two', { qos: 2 });
      await publisher.publish(topic, 'three', { qos: 2 });
      const [one, two, three] = await first.messages(3);
      assert.deepEqual([one, two, three].map((m) => [m.qos, m.dup]), [[1, false], [2, false], [2, false]]);
      first.ack('pubrec', three.id);
      await first.expect('pubrel', { id: three.id });
      await first.drop();

      const second = await RawClient.connect(broker.tcp, options);
      const again = await second.messages(2);
      assert.deepEqual(again.map((m) => [m.payload.toString(), m.id, m.dup]), [['one', one.id, true], ['two', two.id, true]]);
      await second.expect('pubrel', { id: three.id }); // and not its PUBLISH
      second.ack('puback', one.id);
      second.ack('pubrec', two.id);
      await second.expect('pubrel', { id: two.id });
      second.ack('pubcomp', two.id);
      second.ack('pubcomp', three.id);
      await second.ping();
      await second.drop();

      const third = await RawClient.connect(broker.tcp, { ...options, auto: true });
      await third.expectNothing(publisher);
    });

    test(`v${version}: nothing is sent again while the connection lasts`, async () => {
      const c = await RawClient.connect(broker.tcp, { version, auto: false });
      const topic = unique();
      await c.subscribe(topic, { qos: 1 });
      await c.publish(topic, 'x', { qos: 1 });
      const m = await c.expect('publish');
      c.auto = true;
      await c.expectNothing();
      c.ack('puback', m.id);
      await c.expectNothing();
    });
  }

  test('PUBREL for an unknown identifier is answered with 0x92', async () => {
    const c = await RawClient.connect(broker.tcp);
    c.ack('pubrel', 77);
    await c.expect('pubcomp', { id: 77, reason: 0x92 });
    const old = await RawClient.connect(broker.tcp, { version: 4 });
    old.ack('pubrel', 77);
    await old.expect('pubcomp', { id: 77 });
  });

  test('PUBREC for an unknown identifier is answered with PUBREL 0x92', async () => {
    const c = await RawClient.connect(broker.tcp, { auto: false });
    c.ack('pubrec', 78);
    await c.expect('pubrel', { id: 78, reason: 0x92 });
  });

  test('QoS 2 deliveries in flight have different identifiers', async () => {
    const c = await RawClient.connect(broker.tcp, { auto: false });
    const topic = unique();
    await c.subscribe(topic, { qos: 2 });
    for (let i = 0; i < 50; i += 1) await c.publish(topic, `${i}`, { qos: 2 });
    const ids = (await c.messages(50)).map((m) => m.id);
    assert.equal(new Set(ids).size, 50);
  });

  test('PUBACK and PUBCOMP for unknown identifiers are harmless', async () => {
    const c = await RawClient.connect(broker.tcp);
    c.ack('puback', 79);
    c.ack('pubcomp', 80);
    await c.ping();
  });

  test('a delivery that the client refuses counts as acknowledged', async () => {
    const options = { clientId: unique(), clean: false, auto: false, properties: DAY };
    const topic = unique();
    const c = await RawClient.connect(broker.tcp, options);
    await c.subscribe(topic, { qos: 2 });
    const publisher = await RawClient.connect(broker.tcp);
    await publisher.publish(topic, '1', { qos: 1 });
    await publisher.publish(topic, '2', { qos: 2 });
    const [one, two] = await c.messages(2);
    c.ack('puback', one.id, 0x80);
    c.ack('pubrec', two.id, 0x97);
    await c.ping();
    await c.drop();
    const again = await RawClient.connect(broker.tcp, { ...options, auto: true });
    assert.equal(again.connack.sessionPresent, true);
    await again.expectNothing(publisher);
    assert.equal(again.inbox.length, 0);
  });

  test('packet identifiers of deliveries are never 0 and never in use', async () => {
    const c = await RawClient.connect(broker.tcp, { auto: false, properties: { receiveMaximum: 200 } });
    const topic = unique();
    await c.subscribe(topic, { qos: 1 });
    const publisher = await RawClient.connect(broker.tcp);
    const open = new Set();
    // More messages than there are identifiers, with one that stays unacknowledged over the wrap.
    const total = 66_500;
    let received = 0;
    const stuck = (async () => {
      let keep = null;
      while (received < total) {
        const m = await c.expect('publish');
        received += 1;
        assert.ok(m.id > 0 && !open.has(m.id), `identifier ${m.id}`);
        open.add(m.id);
        if (keep === null) keep = m.id;
        else {
          c.ack('puback', m.id);
          open.delete(m.id);
        }
      }
    })();
    const batch = 500;
    for (let sent = 0; sent < total; sent += batch) {
      for (let i = 0; i < batch; i += 1) publisher.send(packet.publish({ topic, payload: '', qos: 1, id: i + 1 }));
      for (let i = 0; i < batch; i += 1) await publisher.expect('puback');
      await until(() => received > sent - 2000, 'the subscriber to follow'); // its queue is bounded
    }
    await stuck;
    assert.equal(received, total);
  });

  for (const qos of [0, 1, 2]) {
    test(`QoS ${qos}: many publishers, many topics: each subscriber counts all, in order`, async () => {
      const base = unique();
      const publishers = 4;
      const each = 1500;
      const subscribers = await Promise.all([4, 5, 5].map((version) => RawClient.connect(broker.tcp, { version })));
      await subscribers[0].subscribe(`${base}/+/+`, { qos });
      await subscribers[1].subscribe(`${base}/#`, { qos });
      for (let i = 0; i < publishers; i += 1) await subscribers[2].subscribe([`${base}/${i}/0`, `${base}/${i}/1`], { qos });

      await Promise.all(
        Array.from({ length: publishers }, async (_, n) => {
          const p = await RawClient.connect(broker.tcp, { version: n % 2 ? 4 : 5 });
          const window = 100;
          for (let sent = 0; sent < each; sent += window) {
            const burst = [];
            for (let i = sent; i < sent + window; i += 1) {
              const topic = `${base}/${n}/${i % 2}`;
              burst.push(packet.publish({ version: p.version, topic, payload: `${i}`, qos, id: qos ? i + 1 : undefined }));
            }
            p.send(...burst);
            for (let i = sent; qos > 0 && i < sent + window; i += 1) {
              await p.expect(qos === 1 ? 'puback' : 'pubrec', { id: i + 1 });
              if (qos === 2) p.ack('pubrel', i + 1);
            }
            for (let i = sent; qos === 2 && i < sent + window; i += 1) await p.expect('pubcomp', { id: i + 1 });
            await p.ping(); // at QoS 0: the broker has read them, so its queues are not asked too much
          }
          await p.disconnect();
        }),
      );
      for (const s of subscribers) {
        const seen = new Map();
        for (const m of await s.messages(publishers * each)) {
          const last = seen.get(m.topic) ?? -2 + Number(m.topic.slice(-1));
          assert.equal(Number(m.payload), last + 2, `order on ${m.topic}`);
          seen.set(m.topic, Number(m.payload));
        }
        assert.equal(seen.size, publishers * 2);
        await s.ping();
        assert.equal(s.inbox.length, 0, 'more than was published');
      }
    });
  }

  test('MQTT.js: a thousand QoS 2 messages in flight arrive once and in order', async () => {
    const subscriber = await mqttjs.connect(broker.url(), { protocolVersion: 5 });
    const publisher = await mqttjs.connect(broker.url(), { protocolVersion: 4 });
    const topic = unique();
    await subscriber.subscribeAsync(topic, { qos: 2 });
    await Promise.all(Array.from({ length: 1000 }, (_, i) => publisher.publishAsync(topic, `${i}`, { qos: 2 })));
    await subscriber.received(1000);
    assert.deepEqual(subscriber.inbox.map((m) => Number(m.payload)), Array.from({ length: 1000 }, (_, i) => i));
    await publisher.endAsync();
    await subscriber.endAsync();
    assert.equal(subscriber.inbox.length, 1000);
  });
});

// A publisher and a subscriber that keep to the protocol over connections that break at any point.
describe('exactly once over broken connections', { concurrency: 2 }, () => {
  let broker;
  before(async () => {
    broker = await Broker.start();
  });
  after(() => broker.stop());

  // Sends payloads 0 … total-1 with QoS 2, one at a time; the connection breaks now and then before an answer is read.
  async function publishBreaking({ version, topic, total, roll }) {
    const options = { version, clientId: unique(), clean: false, properties: version === 5 ? DAY : undefined };
    let c = await RawClient.connect(broker.tcp, options);
    let breaks = 0;
    const reconnect = async () => {
      breaks += 1;
      await c.drop();
      c = await RawClient.connect(broker.tcp, options);
      assert.equal(c.connack.sessionPresent, true);
    };
    for (let i = 0; i < total; i += 1) {
      const id = (i % 10) + 1;
      const message = { version, topic, payload: `${i}`, qos: 2, id };
      c.send(packet.publish(message));
      while (roll(4) === 0) {
        await reconnect();
        c.send(packet.publish({ ...message, dup: true }));
      }
      await c.expect('pubrec', { id });
      c.ack('pubrel', id);
      while (roll(4) === 0) {
        await reconnect();
        c.ack('pubrel', id);
      }
      await c.expect('pubcomp', { id });
    }
    return breaks;
  }

  // Receives QoS 2 as the specification's method B says: stores the identifier at PUBLISH, forgets it at PUBREL.
  async function receiveBreaking({ version, topic, total, roll, ready }) {
    const options = { version, clientId: unique(), clean: false, auto: false, properties: version === 5 ? { ...DAY, receiveMaximum: 5 } : undefined };
    const open = new Set();
    const unanswered = new Set();
    const got = [];
    let c = await RawClient.connect(broker.tcp, options);
    await c.subscribe(topic, { qos: 2 });
    ready();
    while (got.length < total || open.size > 0) {
      const p = await c.next();
      if (p.type === 'publish') {
        if (!open.has(p.id)) {
          open.add(p.id);
          got.push(Number(p.payload));
        } else {
          assert.ok(p.dup, 'an identifier in use without DUP');
        }
        if (roll(8) > 0) c.ack('pubrec', p.id);
        else unanswered.add(p.id);
      } else {
        assert.equal(p.type, 'pubrel');
        open.delete(p.id);
        if (roll(8) > 0) c.ack('pubcomp', p.id);
        else unanswered.add(p.id);
      }
      // What was left unanswered is only sent again on the next connection: nothing else may come on this one, if that is all that the
      // window has room for, or all that there is.
      const stuck = unanswered.size >= 5 || (unanswered.size > 0 && got.length === total);
      if (roll(3) === 0 || stuck) {
        await c.drop();
        unanswered.clear();
        c = await RawClient.connect(broker.tcp, options);
        assert.equal(c.connack.sessionPresent, true);
      }
    }
    await c.drop();
    return got;
  }

  for (const [seed, version] of [[1, 5], [2, 4], [3, 5], [4, 4]]) {
    test(`seed ${seed}, v${version}: 150 messages arrive once and in order`, async () => {
      const topic = unique();
      const total = 150;
      let ready;
      const subscribed = new Promise((resolve) => (ready = resolve));
      const receiving = receiveBreaking({ version, topic, total, roll: dice(seed), ready });
      receiving.catch(() => {});
      await subscribed;
      const breaks = await publishBreaking({ version, topic, total, roll: dice(seed + 100) });
      assert.ok(breaks > 10, 'the test must break connections');
      assert.deepEqual(await receiving, Array.from({ length: total }, (_, i) => i));
    });
  }

  test('QoS 1 over broken connections: every message at least once, first copies in order', async () => {
    const topic = unique();
    const roll = dice(7);
    const total = 300;
    const s = await RawClient.connect(broker.tcp);
    await s.subscribe(topic, { qos: 1 });
    const options = { clientId: unique(), clean: false, properties: DAY };
    let c = await RawClient.connect(broker.tcp, options);
    for (let i = 0; i < total; i += 1) {
      c.send(packet.publish({ topic, payload: `${i}`, qos: 1, id: 1 }));
      while (roll(3) === 0) {
        await c.drop();
        c = await RawClient.connect(broker.tcp, options);
        c.send(packet.publish({ topic, payload: `${i}`, qos: 1, id: 1, dup: true }));
      }
      await c.expect('puback', { id: 1 });
    }
    await s.settle(c);
    const payloads = s.inbox.filter((p) => p.topic === topic).map((p) => Number(p.payload));
    assert.deepEqual([...new Set(payloads)], Array.from({ length: total }, (_, i) => i));
  });

  test('what is acknowledged to a publisher is delivered even if the publisher breaks off at once', async () => {
    const topic = unique();
    const s = await RawClient.connect(broker.tcp);
    await s.subscribe(topic, { qos: 2 });
    let acknowledged = 0;
    for (let round = 0; round < 20; round += 1) {
      const c = await RawClient.connect(broker.tcp);
      for (let i = 1; i <= 50; i += 1) c.send(packet.publish({ topic, payload: `${round}.${i}`, qos: 1, id: i }));
      await c.expect('puback'); // some are acknowledged, some not
      await c.drop();
      acknowledged += 1 + c.inbox.filter((p) => p.type === 'puback').length;
    }
    await until(() => s.inbox.length >= acknowledged, `${acknowledged} messages`);
    await s.settle();
    const payloads = s.inbox.filter((p) => p.topic === topic).map((p) => p.payload.toString());
    assert.equal(new Set(payloads).size, payloads.length, 'a message came twice');
    for (let round = 0; round < 20; round += 1) {
      const numbers = payloads.filter((p) => p.startsWith(`${round}.`)).map((p) => Number(p.split('.')[1]));
      assert.deepEqual(numbers, Array.from({ length: numbers.length }, (_, i) => i + 1), `round ${round} has a gap`);
    }
  });
});
