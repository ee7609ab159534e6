// Signals: SIGTERM says good-bye and ends in bounded time, SIGHUP reads the configuration again.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';

import { Broker } from './lib/broker.mjs';
import * as mqttjs from './lib/mqttjs.mjs';
import * as packet from './lib/packet.mjs';
import { RawClient } from './lib/raw.mjs';
import { unique, until } from './lib/wait.mjs';

describe('SIGTERM', { concurrency: 2 }, () => {
  test('MQTT 5 clients get DISCONNECT 0x8B, older ones the end, and the exit code is 0', async (t) => {
    const broker = await Broker.during(t);
    const clients = await Promise.all([3, 4, 5, 5, 5].map((version) => RawClient.connect(broker.tcp, { version })));
    const stopped = broker.stop();
    for (const c of clients) await c.expectRefusal(0x8b);
    await stopped;
  });

  test('MQTT.js 5 sees why', async (t) => {
    const broker = await Broker.during(t);
    const c = await mqttjs.connect(broker.url(), { protocolVersion: 5 });
    const bye = new Promise((resolve) => c.once('disconnect', resolve));
    const stopped = broker.stop();
    assert.equal((await bye).reasonCode, 0x8b);
    await stopped;
  });

  test('what was acknowledged is delivered before the end', async (t) => {
    const broker = await Broker.during(t);
    const topic = unique();
    const s = await RawClient.connect(broker.tcp);
    await s.subscribe(topic, { qos: 1 });
    const p = await RawClient.connect(broker.tcp);
    for (let i = 0; i < 500; i += 1) p.send(packet.publish({ topic, payload: `${i}`, qos: 1, id: i + 1 }));
    await p.expect('puback', { id: 1 });
    const stopped = broker.stop();
    await p.expectClose();
    await s.expectClose();
    await stopped;
    const acknowledged = 1 + p.inbox.filter((one) => one.type === 'puback').length;
    const got = s.inbox.filter((m) => m.topic === topic).map((m) => Number(m.payload));
    assert.ok(got.length >= acknowledged, `${acknowledged} acknowledged, ${got.length} delivered`);
    assert.deepEqual(got, Array.from({ length: got.length }, (_, i) => i));
  });

  test('clients that do not read and half-done handshakes do not hold it up for long', async (t) => {
    const broker = await Broker.during(t);
    const topic = unique();
    const slow = await RawClient.connect(broker.tcp);
    await slow.subscribe(topic);
    slow.socket.pause();
    const p = await RawClient.connect(broker.tcp);
    for (let i = 0; i < 50; i += 1) await p.publish(topic, Buffer.alloc(100_000));
    await p.ping();
    const silent = await RawClient.open(broker.tcp);
    await broker.stop(); // its patience is the bound
    await slow.drop();
    await silent.drop();
  });

  test('wills of clients that are connected at the end are published for sessions that are still there', async (t) => {
    const broker = await Broker.during(t);
    const topic = unique();
    const c = await RawClient.connect(broker.tcp, { will: { topic, payload: 'ended', qos: 1, retain: true } });
    await broker.stop({ keep: true });
    await c.expectClose();
    await broker.start();
    const s = await RawClient.connect(broker.tcp);
    await s.subscribe(topic, { qos: 1 });
    await s.expect('publish', { topic, payload: 'ended', retain: true });
    await broker.stop();
  });

  test('SIGINT is the same; a second signal does no harm', async (t) => {
    const broker = await Broker.during(t);
    const c = await RawClient.connect(broker.tcp);
    broker.signal('SIGINT');
    await c.expectRefusal(0x8b);
    await broker.stop();
  });

  test('SIGTERM during a flood: exit 0, and the next start is fine', async (t) => {
    const broker = await Broker.during(t);
    const topic = unique();
    const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.connect(broker.tcp)));
    for (const c of clients) await c.subscribe(topic, { qos: 1 });
    const flood = clients.map(async (c, n) => {
      for (let i = 0; !c.closed; i += 1) await c.publish(topic, `${n}.${i}`, { qos: 1, retain: i % 3 === 0 }).catch(() => {});
    });
    await until(() => clients[0].inbox.length > 100, 'the flood');
    await broker.stop({ keep: true });
    await Promise.all(flood);
    await broker.start();
    await (await RawClient.connect(broker.tcp)).ping();
    await broker.stop();
  });

  test('run.json tells pid and addresses while it runs, and nothing else is left behind at the end', async (t) => {
    const broker = await Broker.during(t);
    const run = JSON.parse(fs.readFileSync(path.join(broker.dir, 'data/run.json')));
    assert.equal(run.pid, broker.pid);
    assert.deepEqual(Object.keys(run.listeners).sort(), ['http', 'tcp.default', 'ws.default']);
    for (const address of Object.values(run.listeners)) assert.match(address, /^127\.0\.0\.1:[1-9]\d*$/);
    for (const name of ['admin.key', 'secret.key']) assert.equal(fs.statSync(path.join(broker.dir, 'data', name)).mode & 0o777, 0o600, name);
    assert.match(fs.readFileSync(path.join(broker.dir, 'data/admin.key'), 'utf8'), /^[^:\n]+:[^:\n]+\n$/);
    await broker.stop({ keep: true });
    assert.ok(!fs.readdirSync(path.join(broker.dir, 'data')).some((name) => /run\.json|tmp/.test(name)));
    fs.rmSync(broker.dir, { recursive: true });
  });

  test('run.json of a broker that was killed does not mislead the next one', async (t) => {
    const broker = await Broker.during(t);
    const { pid } = broker;
    await broker.kill();
    await broker.start();
    assert.notEqual(broker.run.pid, pid);
    await (await RawClient.connect(broker.tcp)).ping();
    await broker.stop();
  });
});

describe('SIGHUP', { concurrency: 2 }, () => {
  test('authorization rules change, for those who are connected, too', async (t) => {
    const config = { authorization: { rules: [{ permission: 'deny', action: 'publish', topics: ['gate'] }] } };
    const broker = await Broker.during(t, config);
    const c = await RawClient.connect(broker.tcp);
    assert.equal((await c.publish('gate', 'x', { qos: 1 })).reason, 0x87);
    broker.reload({ authorization: { rules: [{ permission: 'deny', action: 'publish', topics: ['door'] }] } });
    await until(async () => (await c.publish('door', 'x', { qos: 1 })).reason === 0x87, 'the new rule');
    assert.notEqual((await c.publish('gate', 'x', { qos: 1 })).reason, 0x87);
    await broker.stop();
  });

  test('the log level changes', async (t) => {
    const broker = await Broker.during(t, { log: { level: 'error' } });
    const quiet = unique('quiet');
    const lines = () => broker.stderr.split('\n').slice(0, -1); // whole ones
    await RawClient.connect(broker.tcp, { clientId: quiet });
    broker.reload({ log: { level: 'info' } });
    await until(async () => {
      await RawClient.connect(broker.tcp, { clientId: unique('loud') });
      return lines().some((line) => line.includes('loud-'));
    }, 'lines of level info');
    assert.ok(!broker.stderr.includes(quiet));
    broker.reload({ log: { level: 'info', format: 'json' } });
    await until(async () => {
      await RawClient.connect(broker.tcp, { clientId: unique('json') });
      return lines().some((line) => line.startsWith('{') && JSON.parse(line).client_id?.startsWith('json-'));
    }, 'lines of JSON');
    await broker.stop();
  });

  test('limits for new clients and messages change', async (t) => {
    const broker = await Broker.during(t, { mqtt: { max_packet_bytes: 1000 } });
    broker.reload({ mqtt: { max_packet_bytes: 2000 } });
    await until(async () => {
      const c = await RawClient.connect(broker.tcp);
      return c.connack.properties.maximumPacketSize === 2000;
    }, 'the new packet size');
    await broker.stop();
  });

  test('a configuration that is wrong changes nothing and is said in the log', async (t) => {
    const broker = await Broker.during(t);
    const c = await RawClient.connect(broker.tcp);
    broker.reload({ mqtt: { max_packet_bites: 3 } });
    await until(() => broker.stderr.includes('mqtt.max_packet_bites'), 'the error in the log');
    await c.ping();
    fs.writeFileSync(path.join(broker.dir, 'varve.yaml'), '{ not yaml: [');
    broker.signal('SIGHUP');
    await until(() => (broker.stderr.match(/not reloaded/g) ?? []).length >= 2, 'the second error in the log');
    await c.ping();
    await broker.stop();
  });

  test('many reloads under traffic lose nothing', async (t) => {
    const broker = await Broker.during(t);
    const topic = unique();
    const c = await RawClient.connect(broker.tcp);
    await c.subscribe(topic, { qos: 1 });
    for (let i = 0; i < 300; i += 1) {
      await c.publish(topic, `${i}`, { qos: 1 });
      if (i % 10 === 0) broker.reload({ authorization: { rules: [{ permission: 'allow', topics: [`x/${i}`] }] } });
    }
    assert.deepEqual((await c.messages(300)).map((m) => Number(m.payload)), Array.from({ length: 300 }, (_, i) => i));
    await broker.stop();
  });
});
