// Durable sessions: what is queued or in flight for them survives the end of the broker, however it ends.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import mqtt from 'mqtt';

import { Broker } from './lib/broker.mjs';
import * as mqttjs from './lib/mqttjs.mjs';
import * as packet from './lib/packet.mjs';
import { RawClient } from './lib/raw.mjs';
import { delay, unique, until } from './lib/wait.mjs';

const lasting = (seconds = 600) => ({ sessionExpiryInterval: seconds });
const numbers = (n, from = 0) => Array.from({ length: n }, (_, i) => `${from + i}`);
const texts = (messages) => messages.map((m) => m.payload.toString());
const persistent = (version, clientId) => ({
  clientId,
  clean: false,
  protocolVersion: version,
  properties: version === 5 ? lasting() : undefined,
});

async function restart(broker, config = undefined) {
  await broker.kill();
  if (config) broker.configure(config);
  await broker.start();
}

// Makes a persistent session with subscriptions, whose client is away.
async function away(broker, filters, options = {}) {
  const clientId = options.clientId ?? unique();
  const c = await RawClient.connect(broker.tcp, { clientId, clean: false, properties: lasting(), ...options });
  await c.subscribe(filters, { qos: 2 });
  await c.disconnect();
  return clientId;
}

const back = (broker, clientId, options = {}) =>
  RawClient.connect(broker.tcp, { clientId, clean: false, properties: lasting(), ...options });

// Waits until all that the journal has been given is on disk; the broker has one reactor, which writes it in order: so that is where
// an acknowledged message for a session that lasts is behind the rest.
async function journalWritten(broker) {
  const topic = unique('written');
  await away(broker, topic);
  const publisher = await RawClient.connect(broker.tcp);
  await publisher.publish(topic, '', { qos: 1 });
  await publisher.disconnect();
}

describe('queued messages survive kill -9', () => {
  for (const { name, protocolVersion } of mqttjs.VERSIONS) {
    for (const qos of [1, 2]) {
      test(`MQTT.js ${name}, QoS ${qos}: all of them, in their order`, async (t) => {
        const broker = await Broker.during(t);
        const options = persistent(protocolVersion, unique());
        const first = await mqttjs.connect(broker.url(), options);
        await first.subscribeAsync('a/#', { qos });
        await first.endAsync();
        const publisher = await mqttjs.connect(broker.url());
        await Promise.all(numbers(200).map((n) => publisher.publishAsync(`a/${n % 3}`, n, { qos })));
        publisher.end(true);
        await restart(broker);
        const second = await mqttjs.connect(broker.url(), options);
        assert.equal(second.connack.sessionPresent, true);
        await second.received(200);
        assert.deepEqual(second.inbox.map((m) => m.payload), numbers(200));
        assert.deepEqual([...new Set(second.inbox.map((m) => m.packet.qos))], [qos]);
        await second.endAsync();
        await broker.stop();
      });
    }
  }

  test('once, although the broker is killed again before the client comes', async (t) => {
    const broker = await Broker.during(t);
    const clientId = await away(broker, 'a');
    const publisher = await RawClient.connect(broker.tcp);
    for (const n of numbers(5)) await publisher.publish('a', n, { qos: 2 });
    for (let i = 0; i < 3; i += 1) await restart(broker);
    const c = await back(broker, clientId);
    assert.deepEqual(texts(await c.messages(5)), numbers(5));
    await c.expectNothing();
    await c.disconnect();
    await restart(broker);
    await (await back(broker, clientId)).expectNothing();
    await broker.stop();
  });

  test('with their properties, retain flag, subscription identifiers and what is left of their expiry', async (t) => {
    const broker = await Broker.during(t);
    const clientId = unique();
    const c = await RawClient.connect(broker.tcp, { clientId, properties: lasting() });
    await c.subscribe([{ filter: 'a/#', qos: 2, retainAsPublished: true }], {}, { subscriptionIdentifier: 7 });
    await c.subscribe([{ filter: 'a/+', qos: 1 }], {}, { subscriptionIdentifier: 9 });
    await c.disconnect();
    const publisher = await RawClient.connect(broker.tcp);
    const properties = { contentType: 'text', correlationData: Buffer.from('c'), responseTopic: 'r', messageExpiryInterval: 300, userProperties: [['k', 'v']] };
    await publisher.publish('a/1', 'x', { qos: 2, retain: true, properties });
    await publisher.publish('a/1', 'short', { qos: 1, properties: { messageExpiryInterval: 1 } });
    await restart(broker);
    await delay(2500);
    const again = await back(broker, clientId);
    const m = await again.expect('publish', { topic: 'a/1', payload: 'x', qos: 2, retain: true });
    assert.equal(m.properties.contentType, 'text');
    assert.equal(m.properties.responseTopic, 'r');
    assert.ok(m.properties.messageExpiryInterval > 200 && m.properties.messageExpiryInterval < 300);
    assert.deepEqual([].concat(m.properties.subscriptionIdentifier).sort(), [7, 9]);
    await again.expectNothing();
    await broker.stop();
  });

  test('of a payload of 900 KiB, and of none', async (t) => {
    const broker = await Broker.during(t);
    const clientId = await away(broker, 'a');
    const publisher = await RawClient.connect(broker.tcp);
    const large = Buffer.alloc(900 << 10, 'x');
    await publisher.publish('a', large, { qos: 1 });
    await publisher.publish('a', '', { qos: 1 });
    await restart(broker);
    const got = await (await back(broker, clientId)).messages(2);
    assert.ok(got[0].payload.equals(large));
    assert.equal(got[1].payload.length, 0);
    await broker.stop();
  });

  test('on other reactors than before', async (t) => {
    const broker = await Broker.during(t, { reactors: 2 });
    const ids = [];
    for (let i = 0; i < 8; i += 1) ids.push(await away(broker, 'a'));
    const publisher = await RawClient.connect(broker.tcp);
    for (const n of numbers(10)) await publisher.publish('a', n, { qos: 1 });
    for (const reactors of [3, 1]) await restart(broker, { reactors });
    for (const clientId of ids) {
      const c = await back(broker, clientId);
      assert.deepEqual(texts(await c.messages(10)), numbers(10));
      await c.disconnect();
    }
    await broker.stop();
  });

  test('retained messages of a subscription, and wills', async (t) => {
    const broker = await Broker.during(t, { reactors: 1 });
    const publisher = await RawClient.connect(broker.tcp);
    await publisher.publish('r/1', 'kept', { qos: 1, retain: true });
    const clientId = unique();
    const c = await RawClient.connect(broker.tcp, { clientId, auto: false, properties: lasting() });
    await c.subscribe(['r/#', 'w'], { qos: 1 });
    await c.expect('publish', { payload: 'kept' });
    await c.drop();
    const watcher = await RawClient.connect(broker.tcp);
    await watcher.subscribe('w', { qos: 0 });
    const doomed = await RawClient.connect(broker.tcp, { will: { topic: 'w', payload: 'gone', qos: 1 } });
    await doomed.drop();
    await watcher.expect('publish', { payload: 'gone' });
    await journalWritten(broker); // nobody is told when a will is on disk
    await restart(broker);
    const got = texts(await (await back(broker, clientId)).messages(2)).sort();
    assert.deepEqual(got, ['gone', 'kept']);
    await broker.stop();
  });

  test('of a shared subscription: each for the member that was chosen', async (t) => {
    const broker = await Broker.during(t, { reactors: 2 });
    const ids = [];
    for (let i = 0; i < 4; i += 1) ids.push(await away(broker, '$share/g/a'));
    const publisher = await RawClient.connect(broker.tcp);
    for (const n of numbers(40)) await publisher.publish('a', n, { qos: 1 + (n % 2) });
    await restart(broker);
    const got = [];
    for (const clientId of ids) {
      const c = await back(broker, clientId);
      const own = await c.messages(10);
      got.push(...own.map((m) => Number(m.payload)));
      await c.expectNothing();
    }
    assert.deepEqual(got.sort((a, b) => a - b), numbers(40).map(Number));
    await broker.stop();
  });

  for (const sync of ['none', '50ms']) {
    test(`with sessions.sync ${sync}, too: the system has them`, async (t) => {
      const broker = await Broker.during(t, { sessions: { sync } });
      const clientId = await away(broker, 'a');
      const publisher = await RawClient.connect(broker.tcp);
      for (const n of numbers(50)) await publisher.publish('a', n, { qos: 1 });
      await restart(broker);
      assert.deepEqual(texts(await (await back(broker, clientId)).messages(50)), numbers(50));
      await broker.stop();
    });
  }

  test('as far as the limits of the queue go, though these have become lower', async (t) => {
    const broker = await Broker.during(t);
    const clientId = await away(broker, 'a');
    const publisher = await RawClient.connect(broker.tcp);
    for (const n of numbers(30)) await publisher.publish('a', n, { qos: 1 });
    // Five of them have room in flight, where they may have been.
    await restart(broker, { sessions: { max_queued_messages: 10, max_inflight: 5 } });
    await restart(broker);
    const c = await back(broker, clientId);
    assert.deepEqual(texts(await c.messages(15)), [...numbers(5), ...numbers(10, 20)]);
    await c.expectNothing();
    await broker.stop();
  });
});

describe('what ends a session ends what waits in it', () => {
  test('clean start, expiry, and DISCONNECT with expiry 0', async (t) => {
    const broker = await Broker.during(t);
    const [clean, expired, ended] = [unique(), unique(), unique()];
    for (const clientId of [clean, expired, ended]) await away(broker, 'a', { clientId });
    await (await back(broker, expired, { properties: lasting(1) })).disconnect();
    const publisher = await RawClient.connect(broker.tcp);
    for (const n of numbers(5)) await publisher.publish('a', n, { qos: 1 });
    await RawClient.connect(broker.tcp, { clientId: clean, clean: true, properties: lasting() });
    const last = await back(broker, ended, { auto: false });
    await last.disconnect(0, { sessionExpiryInterval: 0 });
    await delay(2500);
    await restart(broker);
    const c = await back(broker, clean);
    assert.equal(c.connack.sessionPresent, true);
    await c.expectNothing();
    for (const clientId of [expired, ended]) {
      const other = await back(broker, clientId);
      assert.equal(other.connack.sessionPresent, false);
      await other.expectNothing();
    }
    await broker.stop();
  });
});

describe('in flight to a client when the broker is killed', () => {
  test('QoS 1: comes again; what was acknowledged does not', async (t) => {
    const broker = await Broker.during(t, { reactors: 1 });
    const clientId = unique();
    const c = await RawClient.connect(broker.tcp, { clientId, auto: false, properties: lasting() });
    await c.subscribe('a', { qos: 1 });
    const publisher = await RawClient.connect(broker.tcp);
    for (const n of numbers(6)) await publisher.publish('a', n, { qos: 1 });
    const got = await c.messages(6);
    for (const m of got.slice(0, 3)) c.ack('puback', m.id);
    await c.ping();
    await journalWritten(broker); // nobody is told when the acknowledgement of a client is on disk
    await restart(broker);
    assert.deepEqual(texts(await (await back(broker, clientId)).messages(3)), ['3', '4', '5']);
    await broker.stop();
  });

  test('QoS 2: under the same packet identifier; after PUBREC only PUBREL', async (t) => {
    const broker = await Broker.during(t, { reactors: 1 });
    const clientId = unique();
    const c = await RawClient.connect(broker.tcp, { clientId, auto: false, properties: lasting() });
    await c.subscribe('a', { qos: 2 });
    const publisher = await RawClient.connect(broker.tcp);
    for (const n of numbers(3)) await publisher.publish('a', n, { qos: 2 });
    const [one, two, three] = await c.messages(3);
    c.ack('pubrec', one.id);
    await c.expect('pubrel', { id: one.id });
    await restart(broker);
    const again = await back(broker, clientId, { auto: false });
    const rel = await again.expect('pubrel');
    assert.equal(rel.id, one.id);
    const rest = await again.messages(2);
    assert.deepEqual(rest.map((m) => [m.id, m.payload.toString(), m.dup]), [[two.id, '1', true], [three.id, '2', true]]);
    again.ack('pubcomp', one.id);
    again.ack('pubrec', two.id);
    await again.expect('pubrel', { id: two.id });
    again.ack('pubcomp', two.id);
    await again.ping();
    await publisher.drop();
    await journalWritten(broker); // nobody is told when PUBCOMP of a client is on disk
    await restart(broker);
    const last = await back(broker, clientId, { auto: false });
    await last.expect('publish', { id: three.id, payload: '2', dup: true });
    await last.expectNothing();
    await broker.stop();
  });
});

describe('QoS 2 from a client when the broker is killed', () => {
  test('a repetition is known, and PUBREL frees the identifier for good', async (t) => {
    const broker = await Broker.during(t, { reactors: 2 });
    const ids = [];
    for (let i = 0; i < 4; i += 1) ids.push(await away(broker, 'a'));
    const clientId = unique();
    const first = await RawClient.connect(broker.tcp, { clientId, properties: lasting() });
    first.send(packet.publish({ topic: 'a', payload: 'one', qos: 2, id: 5 }));
    await first.expect('pubrec', { id: 5 });
    await restart(broker);
    const second = await back(broker, clientId);
    second.send(packet.publish({ topic: 'a', payload: 'one', qos: 2, id: 5, dup: true }));
    await second.expect('pubrec', { id: 5, reason: 0 });
    second.ack('pubrel', 5);
    await second.expect('pubcomp', { id: 5, reason: 0 });
    await restart(broker);
    const third = await back(broker, clientId);
    await third.publish('a', 'two', { qos: 2, id: 5 });
    for (const id of ids) {
      const c = await back(broker, id);
      assert.deepEqual(texts(await c.messages(2)), ['one', 'two']);
      await c.expectNothing();
    }
    await broker.stop();
  });
});

describe('the journal', () => {
  test('keeps one copy of a message for 10,000 sessions, and is empty when they have it', async (t) => {
    const broker = await Broker.during(t, { reactors: 2 }, { nofile: 20_000 });
    const ids = numbers(10_000).map((n) => `many-${n}`);
    for (let i = 0; i < ids.length; i += 200) {
      await Promise.all(ids.slice(i, i + 200).map((clientId) => away(broker, 'shared/topic', { clientId })));
    }
    const directory = path.join(broker.dir, 'data/sessions');
    const written = () => payloadBytes(directory);
    const before_bytes = written();
    const publisher = await RawClient.connect(broker.tcp);
    const rounds = 20;
    // Bytes that do not compress, so that the journal's size says how often they are there.
    const payloads = Array.from({ length: rounds }, () => Buffer.from(Array.from({ length: 20_000 }, () => Math.floor(Math.random() * 256))));
    for (const payload of payloads) await publisher.publish('shared/topic', payload, { qos: 1 });
    const each = (written() - before_bytes) / rounds;
    assert.ok(each < 20_000 + 10_000 * 4, `${each} bytes of journal for a message of 20,000 bytes for 10,000 sessions`);
    await restart(broker);
    for (const clientId of [ids[0], ids[4999], ids[9999]]) {
      const c = await back(broker, clientId);
      const got = await c.messages(rounds);
      got.forEach((m, i) => assert.ok(m.payload.equals(payloads[i])));
      await c.disconnect();
    }
    await broker.stop();
  });

  test('that is damaged stops the start, which says what to do', async (t) => {
    const broker = await Broker.during(t);
    const clientId = await away(broker, 'a');
    const publisher = await RawClient.connect(broker.tcp);
    for (const n of numbers(50)) await publisher.publish('a', `${n} ${'x'.repeat(500)}`, { qos: 1 });
    await broker.kill();
    const directory = path.join(broker.dir, 'data/sessions');
    const segment = path.join(directory, fs.readdirSync(directory).find((name) => name.endsWith('.seg')));
    const bytes = fs.readFileSync(segment);
    bytes[bytes.length > 4000 ? 2000 : bytes.length >> 1] ^= 0xff;
    fs.writeFileSync(segment, bytes);
    await assert.rejects(broker.start(), /journal of sessions|sessions/);
    assert.match(broker.stderr, /move|restore|verify/);
    fs.renameSync(directory, `${directory}.damaged`);
    await broker.start();
    await (await back(broker, clientId)).expectNothing();
    await broker.stop();
  });
});

// Bytes of the records on disk: segments may be allocated ahead.
function payloadBytes(directory) {
  let sum = 0;
  for (const name of fs.readdirSync(directory)) {
    if (!name.endsWith('.seg')) continue;
    const bytes = fs.readFileSync(path.join(directory, name));
    let end = bytes.length;
    while (end > 0 && bytes[end - 1] === 0) end -= 1;
    sum += end;
  }
  return sum;
}

describe('killed again and again under load', () => {
  // Publishers send numbers; what they were acknowledged must arrive, at QoS 2 once, in order.
  async function storm(t, { reactors, kills, qos, config = {} }) {
    const seed = Number(process.env.VARVE_SEED ?? Math.floor(Math.random() * 2 ** 31));
    t.diagnostic(`VARVE_SEED=${seed}`);
    let state = seed;
    const random = (below) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    const broker = await Broker.during(t, { reactors: reactors[0], ...config });
    const settings = (count) => ({ reactors: count, ...config });
    // Each life of the broker has a port of its own. While there is no life, nobody listens where the clients try.
    const dial = () => net.connect(broker.run?.pid === broker.child?.pid ? broker.tcp : { host: '127.0.0.1', port: 1 });
    const options = (clientId) => ({ ...persistent(5, clientId), reconnectPeriod: 20, connectTimeout: 5000, properties: { ...lasting(), receiveMaximum: 50 } });
    const open = (clientId) =>
      new Promise((resolve) => {
        const client = new mqtt.MqttClient(dial, options(clientId));
        t.after(() => client.end(true));
        client.on('error', () => {});
        client.once('connect', () => resolve(client));
      });

    const subscribers = [];
    for (let i = 0; i < 4; i += 1) {
      const client = await open(unique(`sub${i}`));
      client.got = new Map();
      client.on('message', (topic, payload) => {
        const list = client.got.get(topic) ?? [];
        client.got.set(topic, list);
        list.push(Number(payload));
      });
      await client.subscribeAsync('storm/#', { qos });
      subscribers.push(client);
    }

    let stopping = false;
    const publishers = [];
    for (let i = 0; i < 3; i += 1) {
      const client = await open(unique(`pub${i}`));
      publishers.push({ client, topic: `storm/${i}`, next: 0, acknowledged: 0, unsent: new Set() });
    }
    const run = async (one) => {
      const failures = [];
      const outstanding = new Set();
      while (!stopping) {
        const n = (one.next += 1);
        const sent = one.client.publishAsync(one.topic, `${n}`, { qos }).then(
          () => (one.acknowledged += 1),
          // 0x92: PUBREL had been taken before the end of the broker (MQTT 5, 3.7.2.1: no error during recovery).
          (error) => {
            if (error.code === 0x92) return;
            // MQTT.js gives up what it was about to send when it loses the connection while it repeats former messages.
            if (error.message === 'Connection closed') one.unsent.add(n);
            else failures.push(error);
          },
        );
        outstanding.add(sent);
        sent.finally(() => outstanding.delete(sent));
        if (outstanding.size >= 10) await Promise.race(outstanding);
      }
      await Promise.all(outstanding);
      assert.deepEqual(failures, []);
    };
    const runs = publishers.map(run);
    for (let k = 0; k < kills; k += 1) {
      await delay(50 + random(700));
      await restart(broker, settings(reactors[(k + 1) % reactors.length]));
    }
    const by_then = publishers.map((p) => p.acknowledged);
    await until(() => publishers.every((p, i) => p.acknowledged >= by_then[i] + 20), 'the publishers to go on');
    stopping = true;
    await Promise.all(runs);
    const wanted = (p) => numbers(p.next, 1).map(Number).filter((n) => !p.unsent.has(n));
    const received = (s, p) => (s.got.get(p.topic) ?? []).filter((n) => !p.unsent.has(n));
    const complete = () =>
      subscribers.every((s) => publishers.every((p) => new Set(received(s, p)).size === wanted(p).length));
    await until(complete, 'all messages at all subscribers', { timeout_ms: 30_000 }).catch((error) => {
      for (const s of subscribers) {
        for (const p of publishers) {
          const got = new Set(received(s, p));
          const missing = wanted(p).filter((n) => !got.has(n));
          if (missing.length > 0) t.diagnostic(`${p.topic}: ${missing.length} missing: ${missing.slice(0, 10)}`);
        }
      }
      throw error;
    });
    for (const p of publishers) {
      for (const s of subscribers) {
        const got = received(s, p);
        if (qos === 2) {
          assert.deepEqual(got, wanted(p), 'each once and in order');
        } else {
          const seen = new Set();
          const first = got.filter((n) => !seen.has(n) && seen.add(n));
          assert.deepEqual(first, wanted(p), 'each, in order of the first arrival');
        }
      }
    }
    for (const client of [...subscribers, ...publishers.map((p) => p.client)]) client.end(true);
    await broker.stop();
  }

  for (const qos of [1, 2]) {
    test(`QoS ${qos}, 2 reactors`, { timeout: 120_000 }, (t) => storm(t, { reactors: [2], kills: 8, qos }));
    test(`QoS ${qos}, the number of reactors changes`, { timeout: 120_000 }, (t) => storm(t, { reactors: [2, 1, 3], kills: 6, qos }));
  }
});
