// Stations against the real broker: stored before it is acknowledged, read back, shared by groups, over kill -9 too.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

import { Broker } from './lib/broker.mjs';
import * as mqttjs from './lib/mqttjs.mjs';
import { PATIENCE_MS, unique, until } from './lib/wait.mjs';

const lasting = { sessionExpiryInterval: 3600 };
const range = (n, from = 0) => Array.from({ length: n }, (_, i) => `${from + i}`);
const userProperties = (message) => ({ ...message.packet.properties?.userProperties });

// Publishes all of these with QoS 1, some at a time: MQTT.js does not keep to the broker's receive maximum by itself.
async function publishAll(publisher, topic, texts) {
  for (let at = 0; at < texts.length; at += 100) {
    await Promise.all(texts.slice(at, at + 100).map((n) => publisher.publishAsync(topic, n, { qos: 1 })));
  }
}

// A broker with these stations.
async function withStations(t, stations, config = {}) {
  const broker = new Broker(config);
  t.after(() => {
    if (!broker.child) return;
    broker.child.kill('SIGKILL');
    if (broker.gone) assert.fail(`the broker has died: ${JSON.stringify(broker.gone)}\n${broker.tail()}`);
  });
  await broker.start();
  for (const [name, object] of Object.entries(stations)) {
    const { code, stderr } = await broker.cli('station', 'create', name, '--set', JSON.stringify(object));
    assert.equal(code, 0, stderr);
  }
  return broker;
}

async function killed(broker) {
  await broker.kill();
  await broker.start();
}

const reader = async (broker, filter, { qos = 1, options = {}, start } = {}) => {
  const client = await mqttjs.connect(broker.url(), { protocolVersion: 5, ...options });
  await client.subscribeAsync(filter, { qos, properties: start ? { userProperties: { start } } : undefined });
  return client;
};

// The offset at which the only persistent reader of a station would go on, as the catalog has it: behind what is acknowledged by some time.
const POSITION = `
import sqlite3, sys
rows = sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True).execute("SELECT value FROM positions WHERE station = ?", (sys.argv[2],))
print([int.from_bytes(row[0], "little") for row in rows])
`;
async function storedPosition(broker, station) {
  const { stdout } = await promisify(execFile)('/usr/bin/python3', ['-c', POSITION, path.join(broker.dir, 'data/catalog.db'), station]);
  return JSON.parse(stdout)[0];
}

// All payloads of a station from its beginning: `n` of them.
async function payloads(broker, station, n) {
  const client = await reader(broker, `$station/${station}@earliest`);
  await client.received(n);
  await client.endAsync();
  return client.inbox.map((m) => m.payload);
}

for (const { name, protocolVersion } of mqttjs.VERSIONS) {
  for (const qos of [1, 2]) {
    test(`MQTT.js ${name}, QoS ${qos}: what is acknowledged is there after kill -9`, async (t) => {
      const broker = await withStations(t, { x: { topics: ['t/#'] } });
      const publisher = await mqttjs.connect(broker.url(), { protocolVersion });
      await Promise.all(range(200).map((n) => publisher.publishAsync(`t/${n}`, n, { qos })));
      await killed(broker);
      const client = await reader(broker, '$station/x@earliest', { qos, options: { protocolVersion } });
      await client.received(200);
      assert.deepEqual(client.inbox.map((m) => m.payload), range(200));
      assert.deepEqual(client.inbox.map((m) => m.topic), range(200).map((n) => `t/${n}`));
      if (protocolVersion === 5) {
        assert.deepEqual(client.inbox.map((m) => userProperties(m)['varve-offset']), range(200));
        for (const m of client.inbox) assert.ok(Math.abs(Date.now() - userProperties(m)['varve-timestamp']) < 600_000);
      }
      await client.endAsync();
      await broker.stop();
    });
  }
}

test('kill -9 amid publishing: nothing acknowledged is missing, nothing is half there', async (t) => {
  const broker = await withStations(t, { x: { topics: ['t/#'] }, y: { topics: ['t/+'], sync: 'commit' } });
  const acknowledged = [];
  let sent = 0;
  for (let round = 0; round < 3; round++) {
    const publishers = await Promise.all(range(4).map(() => mqttjs.connect(broker.url(), { protocolVersion: 5 })));
    let going = true;
    const work = publishers.map(async (publisher, p) => {
      while (going) {
        const batch = range(20, sent);
        sent += 20;
        const done = batch.map((n) => publisher.publishAsync(`t/${p}`, n, { qos: 1 }).then(() => acknowledged.push(n)));
        await Promise.allSettled(done);
      }
    });
    await until(() => acknowledged.length >= 400 * (round + 1), 'acknowledgements');
    const gone = broker.kill();
    going = false;
    for (const publisher of publishers) publisher.end(true);
    await gone;
    await Promise.race([Promise.all(work), new Promise((resolve) => setTimeout(resolve, 1000))]);
    await broker.start();
  }
  for (const station of ['x', 'y']) {
    const client = await reader(broker, `$station/${station}@earliest`);
    const seen = () => new Set(client.inbox.map((m) => m.payload));
    const complete = (here) => acknowledged.every((n) => here.has(n));
    await until(() => complete(seen()), `all acknowledged in ${station}`, { step_ms: 200 });
    assert.equal(seen().size, client.inbox.length, 'a message is there twice');
    assert.deepEqual(client.inbox.map((m) => Number(userProperties(m)['varve-offset'])), client.inbox.map((_, i) => i));
    await client.endAsync();
  }
  await broker.stop();
});

test('a publisher that repeats its msg-id after kill -9 stores each message once', async (t) => {
  const broker = await withStations(t, { x: { topics: ['t'] } });
  const send = async (publisher, n) =>
    publisher.publishAsync('t', n, { qos: 1, properties: { userProperties: { 'msg-id': `id-${n}` } } });
  let publisher = await mqttjs.connect(broker.url(), { protocolVersion: 5 });
  await Promise.all(range(50).map((n) => send(publisher, n)));
  await killed(broker);
  publisher = await mqttjs.connect(broker.url(), { protocolVersion: 5 });
  await Promise.all(range(60).map((n) => send(publisher, n)));
  assert.deepEqual(await payloads(broker, 'x', 60), range(60));
  await publisher.endAsync();
  await broker.stop();
});

for (const { name, protocolVersion } of mqttjs.VERSIONS) {
  test(`MQTT.js ${name}: a persistent session goes on where it was after kill -9`, async (t) => {
    const broker = await withStations(t, { x: { topics: ['t'] } });
    const publisher = await mqttjs.connect(broker.url(), { protocolVersion });
    for (const n of range(30)) await publisher.publishAsync('t', n, { qos: 1 });
    const options = { protocolVersion, clientId: unique(), clean: false, properties: protocolVersion === 5 ? lasting : undefined };
    const first = await reader(broker, '$station/x@earliest', { options });
    await first.received(30);
    await until(async () => (await storedPosition(broker, 'x')) === 30, 'the position to be on disk');
    await killed(broker);
    const again = await mqttjs.connect(broker.url(), { protocolVersion });
    for (const n of range(5, 30)) await again.publishAsync('t', n, { qos: 1 });
    const second = await mqttjs.connect(broker.url(), options);
    assert.equal(second.connack.sessionPresent, true);
    await second.received(5);
    assert.deepEqual(second.inbox.map((m) => m.payload), range(5, 30));
    await second.endAsync();
    await again.endAsync();
    await broker.stop();
  });
}

test('a group of four members over two kills: each message is processed at least once, none is skipped', async (t) => {
  const broker = await withStations(t, { x: { topics: ['t'], ack_wait: '2s' } });
  const publisher = await mqttjs.connect(broker.url(), { protocolVersion: 5 });
  const total = 3000;
  await publishAll(publisher, 't', range(total));
  const processed = new Map();
  const join = async () => {
    const members = [];
    for (const protocolVersion of [5, 4, 5, 4]) {
      const member = await mqttjs.connect(broker.url(), { protocolVersion });
      member.handleMessage = (packet, done) => {
        const n = packet.payload.toString();
        processed.set(n, (processed.get(n) ?? 0) + 1);
        done();
      };
      await member.subscribeAsync('$share/g/$station/x@earliest', { qos: 1 });
      members.push(member);
    }
    return members;
  };
  for (let round = 1; round <= 2; round++) {
    const members = await join();
    await until(() => processed.size >= (total * round) / 3, 'some of them');
    const gone = broker.kill();
    for (const member of members) member.end(true);
    await gone;
    await broker.start();
  }
  const members = await join();
  await until(() => processed.size === total, 'all of them');
  const twice = [...processed.values()].filter((n) => n > 1).length;
  assert.ok(twice <= 2 * 2000, `${twice} were delivered again`); // at most 1,000 in flight and 1,000 behind at each kill
  for (const member of members) await member.endAsync();
  await broker.stop();
});

test('a poison message goes to the dead letters; mosquitto_sub reads them', async (t) => {
  const broker = await withStations(t, { x: { topics: ['t/#'], max_deliveries: 2 } });
  let refused = 0;
  const member = await mqttjs.connect(broker.url(), {
    protocolVersion: 5,
    customHandleAcks: (topic, message, packet, done) => {
      const bad = message.toString() === 'bad';
      refused += bad;
      done(null, bad ? 0x80 : 0);
    },
  });
  await member.subscribeAsync('$share/g/$station/x', { qos: 1 });
  const publisher = await mqttjs.connect(broker.url(), { protocolVersion: 5 });
  for (const n of ['1', 'bad', '2']) await publisher.publishAsync(`t/${n}`, n, { qos: 1 });
  await until(() => refused === 2, 'two deliveries');
  const { host, port } = broker.tcp;
  const output = await until(async () => {
    const args = ['-h', host, '-p', port, '-V', '5', '-q', '1', '-t', '$station/x.dead@earliest', '-C', '1', '-W', '5', '-F', '%t %p %P'];
    return promisify(execFile)('mosquitto_sub', args.map(String)).then((r) => r.stdout, () => null);
  }, 'the dead letter');
  assert.match(output, /^t\/bad bad .*varve-dead-reason:refused varve-dead-group:g varve-dead-offset:1/);
  for (const client of [member, publisher]) await client.endAsync();
  await broker.stop();
});

test('mosquitto_pub and mosquitto_sub produce, replay and share', async (t) => {
  const broker = await withStations(t, { x: { topics: ['m/#'] } });
  const { host, port } = broker.tcp;
  const at = ['-h', host, '-p', `${port}`];
  const lines = (text) => text.split('\n').filter((l) => l !== '');
  const publish = spawn('mosquitto_pub', [...at, '-V', '311', '-q', '1', '-t', 'm/1', '-l']);
  publish.stdin.end(range(20).join('\n') + '\n');
  await new Promise((resolve) => publish.on('close', resolve));
  const sub = (...args) => promisify(execFile)('mosquitto_sub', [...at, ...args], { timeout: PATIENCE_MS }).then((r) => lines(r.stdout));
  assert.deepEqual(await sub('-V', '311', '-q', '1', '-t', '$station/x@earliest', '-C', '20'), range(20));
  assert.deepEqual(await sub('-V', '5', '-q', '1', '-t', '$station/x', '-C', '5', '-D', 'subscribe', 'user-property', 'start', 'last:5'), range(5, 15));
  assert.deepEqual(await sub('-V', '5', '-t', '$station/x@offset:3/m/+', '-C', '2', '-F', '%t %p'), ['m/1 3', 'm/1 4']);
  const half = await sub('-V', '5', '-q', '1', '-t', '$share/g/$station/x@earliest', '-C', '10');
  assert.deepEqual(half, range(10));
  await broker.stop();
});

test('retention by messages expels the oldest; a reader starts at what is held', async (t) => {
  const broker = await withStations(t, { x: { topics: ['t'], retention: { messages: 10, age: '0' } } });
  const publisher = await mqttjs.connect(broker.url(), { protocolVersion: 5 });
  for (const n of range(40)) await publisher.publishAsync('t', n, { qos: 1 });
  await until(async () => {
    const client = await reader(broker, '$station/x@earliest');
    await client.received(1);
    await client.endAsync();
    return client.inbox[0].payload === '30';
  }, 'retention');
  assert.deepEqual(await payloads(broker, 'x', 10), range(10, 30));
  await publisher.endAsync();
  await broker.stop();
});

test('a station is deleted and created again: its subscribers go on with the new one, over kill -9 too', async (t) => {
  const x = { topics: ['t'] };
  const broker = await withStations(t, { x });
  const station = async (...args) => {
    const { code, stderr } = await broker.cli('station', ...args);
    assert.equal(code, 0, stderr);
  };
  const remove = () => station('delete', 'x', '--force');
  const create = () => station('create', 'x', '--set', JSON.stringify(x));
  const session = { protocolVersion: 5, clientId: unique(), clean: false, properties: lasting };
  const away = await reader(broker, '$station/x', { options: session });
  await away.subscribeAsync('$share/h/$station/x', { qos: 1 });
  const here = await reader(broker, '$station/x@last:1');
  const member = await reader(broker, '$share/g/$station/x', { options: { protocolVersion: 4 } });
  const publisher = await mqttjs.connect(broker.url(), { protocolVersion: 5 });
  await publishAll(publisher, 't', range(20));
  for (const client of [here, member]) await client.received(20);
  await away.received(40);
  await away.endAsync();
  await remove();
  await create();
  await publishAll(publisher, 't', range(5, 100));
  for (const client of [here, member]) {
    await client.received(25);
    assert.deepEqual(client.inbox.map((m) => m.payload).slice(20), range(5, 100));
  }
  await remove();
  await killed(broker); // persistent sessions wait for the station over a start, too
  await create();
  const last = await mqttjs.connect(broker.url(), { protocolVersion: 5 });
  await publishAll(last, 't', range(3, 200));
  await killed(broker); // they have not got anything yet, and shall get it all the same
  const back = await mqttjs.connect(broker.url(), session);
  assert.equal(back.connack.sessionPresent, true);
  await back.received(6);
  assert.deepEqual(back.inbox.map((m) => m.payload).sort(), range(3, 200).flatMap((n) => [n, n]));
  await back.endAsync();
  await broker.stop();
});
