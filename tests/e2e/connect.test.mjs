// Coming and going: protocol versions, client ids, keep-alive, take-over.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Broker } from './lib/broker.mjs';
import * as mqttjs from './lib/mqttjs.mjs';
import * as packet from './lib/packet.mjs';
import { RawClient } from './lib/raw.mjs';
import { delay, unique, until } from './lib/wait.mjs';

describe('CONNECT', { concurrency: 4 }, () => {
  let broker;
  before(async () => {
    broker = await Broker.start();
  });
  after(() => broker.stop());

  for (const version of [3, 4, 5]) {
    const name = { 3: '3.1', 4: '3.1.1', 5: '5' }[version];

    test(`a client of MQTT ${name} is welcome`, async () => {
      const c = await RawClient.connect(broker.tcp, { version });
      assert.equal(c.connack.sessionPresent, false);
      await c.ping();
      await c.disconnect();
    });

    test(`MQTT.js connects in ${name}, publishes and subscribes`, async () => {
      const protocolId = version === 3 ? 'MQIsdp' : 'MQTT';
      const c = await mqttjs.connect(broker.url(), { protocolVersion: version, protocolId });
      const topic = unique();
      await c.subscribeAsync(topic, { qos: 2 });
      await c.publishAsync(topic, 'hello', { qos: 2 });
      const [message] = await c.received(1);
      assert.equal(message.payload, 'hello');
      await c.endAsync();
    });

    test(`${name}: CONNECT, SUBSCRIBE and PUBLISH in one segment are all answered`, async () => {
      const c = await RawClient.open(broker.tcp, { version });
      const topic = unique();
      c.send(
        packet.connect({ version, clientId: unique() }),
        packet.subscribe({ version, id: 1, filters: [{ filter: topic, qos: 1 }] }),
        packet.publish({ version, topic, payload: 'x', qos: 1, id: 2 }),
        packet.pingreq(),
      );
      assert.equal((await c.next()).type, 'connack');
      await c.expect('suback', { id: 1, reasons: [1] });
      await c.expect('puback', { id: 2 });
      await c.expect('publish', { topic, payload: 'x' });
      await c.expect('pingresp');
    });

    test(`${name}: packets that come byte by byte are understood`, async () => {
      const c = await RawClient.open(broker.tcp, { version });
      const topic = unique();
      const bytes = Buffer.concat([
        packet.connect({ version, clientId: unique(), username: 'u', password: 'p', will: { topic: 'w', payload: 'x' } }),
        packet.subscribe({ version, id: 1, filters: [{ filter: topic }] }),
        packet.publish({ version, topic, payload: 'slow' }),
      ]);
      for (const byte of bytes) {
        c.send(Buffer.from([byte]));
        await delay(0);
      }
      await c.expect('publish', { topic, payload: 'slow' });
    });
  }

  test('a client without an id is given one, and may come back with it', async () => {
    const options = { version: 5, clientId: '', properties: { sessionExpiryInterval: 60 } };
    const first = await RawClient.connect(broker.tcp, options);
    const second = await RawClient.connect(broker.tcp, options);
    const id = first.connack.properties.assignedClientIdentifier;
    assert.ok(id.length > 0);
    assert.notEqual(id, second.connack.properties.assignedClientIdentifier);
    await first.disconnect();
    const again = await RawClient.connect(broker.tcp, { version: 5, clientId: id, clean: false });
    assert.equal(again.connack.sessionPresent, true);
    assert.equal(again.connack.properties.assignedClientIdentifier, undefined);
  });

  test('MQTT 3.1.1 gives an id only to a clean session', async () => {
    await RawClient.connect(broker.tcp, { version: 4, clientId: '', clean: true });
    const refused = await RawClient.open(broker.tcp, { version: 4 });
    assert.equal((await refused.handshake({ clientId: '', clean: false })).reason, 2);
    await refused.expectClose();
  });

  test('MQTT 3.1 refuses an empty client id', async () => {
    const c = await RawClient.open(broker.tcp, { version: 3 });
    assert.equal((await c.handshake({ clientId: '' })).reason, 2);
    await c.expectClose();
  });

  test('client ids of 1 to 23 letters and digits, longer ones and any UTF-8 are allowed', async () => {
    const alphabet = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
    const ids = ['a', alphabet.slice(0, 23), alphabet.slice(23, 46), alphabet.slice(46), alphabet + unique(), 'ключ/+#$'];
    for (const version of [4, 5]) {
      for (const clientId of ids) {
        const c = await RawClient.connect(broker.tcp, { version, clientId });
        await c.disconnect();
      }
    }
  });

  test('a client id is compared to the byte: each of many similar ones has a session of its own', async () => {
    const base = unique();
    const ids = [base, `${base} `, base.toUpperCase(), `${base}/`, `${base}\u00e9`, `${base}e\u0301`];
    const properties = { sessionExpiryInterval: 60 };
    for (const clientId of ids) {
      const c = await RawClient.connect(broker.tcp, { clientId, clean: false, properties });
      assert.equal(c.connack.sessionPresent, false, clientId);
      await c.subscribe(`of/${clientId}`, { qos: 1 });
      await c.disconnect();
    }
    const p = await RawClient.connect(broker.tcp);
    for (const clientId of ids) await p.publish(`of/${clientId}`, clientId, { qos: 1 });
    for (const clientId of ids) {
      const c = await RawClient.connect(broker.tcp, { clientId, clean: false, properties });
      assert.equal(c.connack.sessionPresent, true);
      await c.expect('publish', { payload: clientId });
      await c.expectNothing(p);
    }
  });

  test('a hundred clients without an id get a hundred ids', async () => {
    const clients = await Promise.all(Array.from({ length: 100 }, () => RawClient.connect(broker.tcp, { clientId: '' })));
    assert.equal(new Set(clients.map((c) => c.connack.properties.assignedClientIdentifier)).size, 100);
    await Promise.all(clients.map((c) => c.ping()));
  });

  test('nothing follows DISCONNECT from the broker, not even in a flood of deliveries', async () => {
    const p = await RawClient.connect(broker.tcp);
    const topic = unique();
    for (let round = 0; round < 5; round += 1) {
      const c = await RawClient.connect(broker.tcp);
      await c.subscribe(topic);
      for (let i = 0; i < 300; i += 1) p.send(packet.publish({ topic, payload: `${i}` }));
      await c.expect('publish');
      c.send(Buffer.from([0, 0]), packet.pingreq());
      await c.expectClose();
      assert.equal(c.inbox.findIndex((one) => one.type === 'disconnect'), c.inbox.length - 1);
    }
  });

  test('a client id beyond max_client_id_bytes is refused as not valid', async () => {
    for (const [version, reason] of [[4, 2], [5, 0x85]]) {
      await (await RawClient.connect(broker.tcp, { version, clientId: 'x'.repeat(1024) })).disconnect();
      const c = await RawClient.open(broker.tcp, { version });
      assert.equal((await c.handshake({ clientId: 'x'.repeat(1025) })).reason, reason);
      await c.expectClose();
    }
  });

  test('CONNACK announces what the broker offers', async () => {
    const { connack } = await RawClient.connect(broker.tcp, { properties: { requestProblemInformation: 1 } });
    const p = connack.properties;
    assert.equal(p.topicAliasMaximum, 100);
    assert.equal(p.receiveMaximum, 1000);
    assert.equal(p.maximumPacketSize, 1024 * 1024);
    // Absent means: everything is available.
    for (const name of ['maximumQoS', 'retainAvailable', 'wildcardSubscriptionAvailable', 'subscriptionIdentifiersAvailable', 'sharedSubscriptionAvailable']) {
      assert.ok(p[name] === undefined || p[name] === 1, name);
    }
    assert.equal(p.serverKeepAlive, undefined);
  });

  test('a protocol version that does not exist is answered with 0x84 or 1, then closed', async () => {
    for (const level of [0, 1, 6, 255]) {
      const c = await RawClient.open(broker.tcp, { decode: false });
      c.send(packet.connect({ version: 5, level, clientId: unique() }));
      await c.expectClose();
      const answer = c.bytes.toString('hex');
      assert.match(answer, /^(20020001|20030084.*|20..0084.*)$/, `level ${level}`);
    }
  });

  test('the name of 3.1 with the level of 3.1.1 is no protocol', async () => {
    for (const [protocolName, level] of [['MQIsdp', 4], ['MQTT', 3], ['MQIsdp', 5]]) {
      const c = await RawClient.open(broker.tcp, { decode: false });
      c.send(packet.connect({ version: level, protocolName, clientId: unique() }));
      await c.expectClose();
      assert.match(c.bytes.toString('hex'), /^(|20020001|20..008[0-9a-f].*)$/, `${protocolName} ${level}`);
    }
  });

  test('keep-alive: a silent client is gone after one and a half times the interval', async () => {
    const watcher = await RawClient.connect(broker.tcp);
    const topic = unique();
    await watcher.subscribe(topic);
    const start_ms = performance.now();
    const c = await RawClient.connect(broker.tcp, { keepAlive: 2, will: { topic, payload: 'gone' } });
    await c.expectRefusal(0x8d);
    const took_ms = performance.now() - start_ms;
    assert.ok(took_ms >= 2900, `closed after ${took_ms} ms`);
    await watcher.expect('publish', { topic, payload: 'gone' });
  });

  test('keep-alive: MQTT 3.1.1 is closed without a packet', async () => {
    const c = await RawClient.connect(broker.tcp, { version: 4, keepAlive: 1 });
    await c.expectRefusal();
  });

  test('keep-alive: PINGREQ or any other packet keeps the connection', async () => {
    const pinging = await RawClient.connect(broker.tcp, { keepAlive: 4 });
    const publishing = await RawClient.connect(broker.tcp, { version: 4, keepAlive: 4 });
    for (let i = 0; i < 8; i += 1) { // longer than the time-out of six seconds
      await delay(1000);
      await pinging.ping();
      await publishing.publish(unique(), 'x');
    }
    await publishing.ping();
  });

  test('keep-alive: what the broker sends does not count as a sign of life', async () => {
    const c = await RawClient.connect(broker.tcp, { keepAlive: 1, auto: false });
    const topic = unique();
    await c.subscribe(topic);
    const p = await RawClient.connect(broker.tcp);
    const timer = setInterval(() => p.publish(topic, 'x'), 100);
    try {
      await c.expectRefusal(0x8d);
    } finally {
      clearInterval(timer);
    }
  });

  test('keep-alive: a large packet on a slow link is a sign of life while it comes', async () => {
    const c = await RawClient.connect(broker.tcp, { keepAlive: 4 });
    const bytes = packet.publish({ topic: unique(), qos: 1, id: 1, payload: Buffer.alloc(20_000) });
    for (let at = 0; at < bytes.length; at += 2000) { // ten seconds, the time-out is six
      c.send(bytes.subarray(at, at + 2000));
      await delay(1000);
    }
    await c.expect('puback', { id: 1 });
    await c.ping();
  });

  test('keep-alive: a trickle of bytes within a packet is none', async () => {
    const c = await RawClient.connect(broker.tcp, { keepAlive: 1 });
    const bytes = packet.publish({ topic: unique(), qos: 1, id: 1, payload: Buffer.alloc(20_000) });
    let at = 0;
    const trickle = setInterval(() => c.send(bytes.subarray(at, ++at)), 100);
    try {
      await c.expectRefusal(0x8d);
    } finally {
      clearInterval(trickle);
    }
  });

  test('keep-alive 0 means none', async () => {
    const c = await RawClient.connect(broker.tcp, { keepAlive: 0 });
    await delay(3000);
    await c.ping();
  });

  test('PINGREQ is answered by PINGRESP', async () => {
    const c = await RawClient.connect(broker.tcp);
    for (let i = 0; i < 5; i += 1) await c.ping();
    assert.equal(c.inbox.length, 0);
  });

  for (const version of [3, 4, 5]) {
    test(`take-over: the older connection of version ${version} ends, the session goes on`, async () => {
      const clientId = unique();
      const topic = unique();
      const properties = version === 5 ? { sessionExpiryInterval: 60 } : undefined;
      const first = await RawClient.connect(broker.tcp, { version, clientId, clean: false, properties });
      await first.subscribe(topic, { qos: 1 });
      const second = await RawClient.connect(broker.tcp, { version, clientId, clean: false, properties });
      await first.expectRefusal(0x8e);
      if (version > 3) assert.equal(second.connack.sessionPresent, true);
      await second.publish(topic, 'still here', { qos: 1 });
      await second.expect('publish', { topic, payload: 'still here' });
    });
  }

  test('take-over by a client of another version works both ways', async () => {
    const clientId = unique();
    let previous = null;
    for (const version of [4, 5, 3, 5, 4]) {
      const next = await RawClient.connect(broker.tcp, { version, clientId });
      if (previous) await previous.expectRefusal(0x8e);
      previous = next;
    }
    await previous.ping();
  });

  test('take-over with clean start leaves nothing of the old session', async () => {
    const clientId = unique();
    const topic = unique();
    const first = await RawClient.connect(broker.tcp, { clientId, properties: { sessionExpiryInterval: 60 } });
    await first.subscribe(topic, { qos: 1 });
    const second = await RawClient.connect(broker.tcp, { clientId, clean: true });
    assert.equal(second.connack.sessionPresent, false);
    await first.expectRefusal(0x8e);
    await second.publish(topic, 'x', { qos: 1 });
    await second.expectNothing();
  });

  test('take-over sends again what the older connection had not acknowledged', async () => {
    const clientId = unique();
    const topic = unique();
    const properties = { sessionExpiryInterval: 60 };
    const first = await RawClient.connect(broker.tcp, { clientId, clean: false, properties, auto: false });
    await first.subscribe(topic, { qos: 1 });
    const publisher = await RawClient.connect(broker.tcp);
    for (let i = 0; i < 10; i += 1) await publisher.publish(topic, `${i}`, { qos: 1 });
    await first.messages(10);
    const second = await RawClient.connect(broker.tcp, { clientId, clean: false, properties });
    const again = await second.messages(10);
    assert.deepEqual(again.map((m) => m.payload.toString()), [...'0123456789']);
    assert.ok(again.every((m) => m.dup));
    await second.expectNothing(publisher);
  });

  test('a storm of take-overs leaves exactly one connection, and no message is lost or doubled', async () => {
    const clientId = unique();
    const topic = unique();
    const properties = { sessionExpiryInterval: 60 };
    const publisher = await RawClient.connect(broker.tcp);
    const first = await RawClient.connect(broker.tcp, { clientId, clean: false, properties });
    await first.subscribe(topic, { qos: 2 });
    const all = [first];
    let sent = 0;
    for (let round = 0; round < 5; round += 1) {
      const storm = [];
      for (let i = 0; i < 20; i += 1) {
        const version = i % 4 === 3 ? 4 : 5;
        storm.push(
          RawClient.open(broker.tcp, { version, auto: true }).then((c) => {
            all.push(c);
            // The CONNACK may never come: a later one may have taken over before it was written.
            c.send(packet.connect({ version, clientId, clean: false, properties }));
          }),
        );
        publisher.send(packet.publish({ topic, payload: `${sent}`, qos: 2, id: (sent += 1) }));
      }
      await Promise.all(storm);
    }
    for (let id = 1; id <= sent; id += 1) {
      await publisher.expect('pubrec');
      publisher.ack('pubrel', id);
    }
    for (let id = 1; id <= sent; id += 1) await publisher.expect('pubcomp');
    await until(() => all.filter((c) => !c.closed).length === 1, 'all but one connection to end');
    const winner = all.find((c) => !c.closed);
    await winner.ping();
    for (const c of all.filter((one) => one !== winner && one.version === 5)) {
      const byes = c.inbox.filter((p) => p.type === 'disconnect').map((p) => p.reason);
      assert.ok(byes.length === 0 || (byes.length === 1 && byes[0] === 0x8e), `${byes}`);
    }
    // With QoS 2 a message may come again (with DUP) on a later connection as long as no PUBREC reached the broker;
    // the receiver tells them apart by DUP and packet identifier. So: none is lost, and without DUP none comes twice.
    await winner.settle(publisher);
    const seen = all.flatMap((c) => c.inbox.filter((p) => p.type === 'publish' && p.topic === topic));
    const distinct = new Set(seen.map((p) => p.payload.toString()));
    assert.equal(distinct.size, sent, 'messages lost');
    const original = seen.filter((p) => !p.dup).map((p) => p.payload.toString());
    assert.equal(new Set(original).size, original.length, 'a message came twice without DUP');
  });

  test('storms on many client ids at once do not disturb each other', async () => {
    const ids = Array.from({ length: 10 }, () => unique());
    const open = [];
    await Promise.all(
      ids.flatMap((clientId) =>
        Array.from({ length: 12 }, async () => {
          const c = await RawClient.open(broker.tcp);
          open.push(c);
          c.send(packet.connect({ clientId, clean: true }));
        }),
      ),
    );
    await until(() => open.filter((c) => !c.closed).length === ids.length, 'one connection for each client id');
    for (const c of open.filter((one) => !one.closed)) await c.ping();
  });

  test('a client that takes over itself a hundred times in a row stays connected', async () => {
    const clientId = unique();
    let current = await RawClient.connect(broker.tcp, { clientId });
    for (let i = 0; i < 100; i += 1) {
      const next = await RawClient.connect(broker.tcp, { clientId });
      await current.expectRefusal(0x8e);
      current = next;
    }
    await current.ping();
  });
});

describe('CONNECT with other settings', { concurrency: 3 }, () => {
  let broker;
  before(async () => {
    // Time enough for CONNECT itself on a busy machine.
    broker = await Broker.start({ mqtt: { server_keep_alive: '2s', connect_timeout: '4s' } });
  });
  after(() => broker.stop());

  test('server keep-alive is announced and replaces the client\'s', async () => {
    const c = await RawClient.connect(broker.tcp, { keepAlive: 600 });
    assert.equal(c.connack.properties.serverKeepAlive, 2);
    await c.expectRefusal(0x8d);
  });

  test('a connection that says nothing is closed after connect_timeout', async () => {
    const start_ms = performance.now();
    const c = await RawClient.open(broker.tcp);
    await c.expectClose();
    const took_ms = performance.now() - start_ms;
    assert.ok(took_ms >= 3900, `closed after ${took_ms} ms`);
    assert.equal(c.inbox.length, 0);
  });

  test('half a CONNECT does not hold the connection longer', async () => {
    const c = await RawClient.open(broker.tcp);
    // So long that it is never whole: only the broker ends this.
    const bytes = packet.connect({ clientId: unique().padEnd(1000, 'x') });
    let at = 0;
    const trickle = setInterval(() => c.send(bytes.subarray(at, ++at)), 100);
    try {
      await c.expectClose();
    } finally {
      clearInterval(trickle);
    }
    assert.equal(c.inbox.length, 0);
  });
});
