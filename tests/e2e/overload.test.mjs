// Overload: slow readers, exhausted file descriptors, thousands of connections, half-open ones. Whoever misbehaves
// pays; the others do not notice.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import net from 'node:net';
import { describe, test } from 'node:test';

import { Broker } from './lib/broker.mjs';
import * as packet from './lib/packet.mjs';
import { RawClient } from './lib/raw.mjs';
import { delay, unique, until } from './lib/wait.mjs';

const MIB = 1024 * 1024;

describe('slow readers', { concurrency: 1 }, () => {
  for (const qos of [0, 1]) {
    test(`QoS ${qos}: a reader that stops costs itself, not the publisher and not the other readers`, async (t) => {
      const broker = await Broker.during(t, { sessions: { max_queued_messages: 500, max_queued_bytes: '2MiB' } });
      const topic = unique();
      const slow = await RawClient.connect(broker.tcp, { clientId: 'slow' });
      const fast = await RawClient.connect(broker.tcp, { clientId: 'fast' });
      const publisher = await RawClient.connect(broker.tcp);
      await slow.subscribe(topic, { qos });
      await fast.subscribe(topic, { qos });
      slow.socket.pause();
      const before_bytes = broker.memory_bytes();
      const payload = Buffer.alloc(16_384, 'x');
      const batches = 300;
      for (let batch = 0; batch < batches; batch += 1) {
        for (let i = 0; i < 20; i += 1) publisher.send(packet.publish({ topic, payload, qos, id: qos ? i + 1 : undefined }));
        for (let i = 0; i < 20 && qos > 0; i += 1) await publisher.expect('puback');
        await publisher.ping();
        await fast.messages(20);
      }
      // 98 MB were published; what may wait for the slow one is 2 MiB, the socket buffers and a margin
      // for the sanitizer.
      const grown_bytes = broker.memory_bytes() - before_bytes;
      assert.ok(grown_bytes < 60 * MIB, `${(grown_bytes / MIB).toFixed(1)} MiB more memory`);
      slow.socket.resume();
      if (!slow.closed) await slow.settle(publisher).catch(() => {});
      const got = slow.inbox.filter((p) => p.topic === topic).length;
      assert.ok(got > 0 && got < batches * 20, `the slow reader got ${got}`);
      await fast.ping();
      await broker.stop();
    });
  }

  test('a reader that never reads its PINGRESPs and SUBACKs does not make the broker grow', async (t) => {
    const broker = await Broker.during(t);
    const c = await RawClient.connect(broker.tcp);
    c.socket.pause();
    const before_bytes = broker.memory_bytes();
    const many = Buffer.concat(Array.from({ length: 20_000 }, () => packet.pingreq()));
    let stuck = false;
    for (let i = 0; i < 300 && !stuck && !c.closed; i += 1) {
      stuck = !(await new Promise((resolve) => {
        const timer = setTimeout(() => resolve(false), 2000);
        c.socket.write(many, () => (clearTimeout(timer), resolve(true)));
      }));
    }
    const grown_bytes = broker.memory_bytes() - before_bytes;
    assert.ok(grown_bytes < 32 * MIB, `${(grown_bytes / MIB).toFixed(1)} MiB more memory`);
    const other = await RawClient.connect(broker.tcp);
    await other.ping();
    await c.drop();
    await broker.stop();
  });

  test('a reader that is slow but reads gets QoS 1 messages in order and without a gap', async (t) => {
    const broker = await Broker.during(t);
    const topic = unique();
    const slow = await RawClient.connect(broker.tcp, { auto: false, properties: { receiveMaximum: 20 } });
    await slow.subscribe(topic, { qos: 1 });
    const publisher = await RawClient.connect(broker.tcp);
    for (let i = 0; i < 2000; i += 1) {
      publisher.send(packet.publish({ topic, payload: `${i}`, qos: 1, id: (i % 500) + 1 }));
      if (i % 500 === 499) for (let n = 0; n < 500; n += 1) await publisher.expect('puback');
    }
    for (let i = 0; i < 2000; i += 1) {
      const m = await slow.expect('publish');
      assert.equal(Number(m.payload), i);
      slow.ack('puback', m.id);
      if (i % 400 === 0) await delay(20);
    }
    await broker.stop();
  });

  test('fan-out to many readers, a third of which do not read', async (t) => {
    const broker = await Broker.during(t, { sessions: { max_queued_bytes: '1MiB' } });
    const topic = unique();
    const readers = await Promise.all(Array.from({ length: 30 }, () => RawClient.connect(broker.tcp)));
    for (const c of readers) await c.subscribe(topic);
    readers.forEach((c, i) => i % 3 === 0 && c.socket.pause());
    const publisher = await RawClient.connect(broker.tcp);
    const good = readers.filter((_, i) => i % 3 !== 0);
    for (let batch = 0; batch < 30; batch += 1) {
      for (let i = 0; i < 10; i += 1) await publisher.publish(topic, Buffer.alloc(20_000));
      await Promise.all(good.map((c) => c.messages(10)));
    }
    await Promise.all(good.map((c) => c.ping()));
    await Promise.all(readers.map((c) => c.drop()));
    await broker.stop();
  });
});

describe('connections', { concurrency: 1 }, () => {
  test('file descriptors run out: accepting pauses, connections go on, no spinning, and it recovers', async (t) => {
    const broker = await Broker.during(t, {}, { nofile: 64 });
    const first = await RawClient.connect(broker.tcp);
    const sockets = [];
    for (let i = 0; i < 100; i += 1) {
      const socket = net.connect(broker.tcp);
      socket.on('error', () => {});
      sockets.push(socket);
    }
    await until(() => /file descriptors|too many open files|descriptor/i.test(broker.stderr), 'a warning in the log');
    const before_ms = broker.cpu_ms();
    for (let i = 0; i < 10; i += 1) {
      await first.ping();
      await delay(100);
    }
    const used_ms = broker.cpu_ms() - before_ms; // its own: others do not count
    assert.ok(used_ms < 500, `${used_ms} ms of processor time in one second`);
    const lines = broker.stderr.split('\n').filter((l) => /descriptor|too many open files/i.test(l)).length;
    assert.ok(lines < 20, `${lines} warnings`);
    const topic = unique();
    await first.subscribe(topic, { qos: 1 });
    await first.publish(topic, 'still here', { qos: 1, retain: true });
    await first.expect('publish', { topic });
    for (const socket of sockets) socket.destroy();
    await until(() => RawClient.connect(broker.tcp).then((c) => c.ping().then(() => true), () => false), 'new connections');
    await broker.stop();
  });

  const limit = Number(execFileSync('sh', ['-c', 'ulimit -Hn']).toString().replace('unlimited', '1000000'));
  test('5,000 connections: each one works', { skip: limit < 11_000 && `only ${limit} file descriptors` }, async (t) => {
    const broker = await Broker.during(t, {}, { log_level: 'warning' });
    const count = 5000;
    const group = 250;
    const clients = [];
    for (let i = 0; i < count; i += group) {
      const some = Array.from({ length: group }, (_, n) =>
        RawClient.connect(broker.tcp, { version: n % 2 ? 4 : 5, clientId: `c${i + n}`, keepAlive: 300 }),
      );
      clients.push(...(await Promise.all(some)));
    }
    assert.equal(clients.length, count);
    const everyone = unique();
    for (let i = 0; i < count; i += group) {
      await Promise.all(clients.slice(i, i + group).map((c, n) => c.subscribe([{ filter: everyone }, { filter: `one/${i + n}` }])));
    }
    const publisher = await RawClient.connect(broker.tcp);
    await publisher.publish(everyone, 'hello', { qos: 1 });
    await Promise.all(clients.map((c) => c.expect('publish', { topic: everyone, payload: 'hello' })));
    for (let i = 0; i < count; i += 1) publisher.send(packet.publish({ topic: `one/${i}`, payload: `${i}` }));
    await Promise.all(clients.map((c, i) => c.expect('publish', { topic: `one/${i}`, payload: `${i}` })));
    await publisher.ping();
    for (const c of clients) assert.equal(c.inbox.length, 0);
    await broker.stop(); // with all of them connected
  });

  test('connections that come and go quickly leave nothing behind', async (t) => {
    const broker = await Broker.during(t, {}, { log_level: 'warning' });
    const descriptors = () => Number(execFileSync('sh', ['-c', `ls /proc/${broker.pid}/fd | wc -l`]).toString());
    const idle = descriptors();
    for (let round = 0; round < 20; round += 1) {
      const some = Array.from({ length: 50 }, async (_, i) => {
        const c = await RawClient.open(broker.tcp);
        if (i % 5 !== 0) {
          c.send(packet.connect({ clientId: unique(), keepAlive: 10 }));
          if (i % 3 !== 0) await c.expect('connack');
        }
        if (i % 2 === 0) c.send(packet.disconnect());
        await c.drop();
      });
      await Promise.all(some);
    }
    await until(() => descriptors() <= idle + 2, 'all descriptors to be closed');
    await broker.stop();
  });

  test('half-open connections: a peer that vanished is found by keep-alive, its will is published', async (t) => {
    const broker = await Broker.during(t);
    const watcher = await RawClient.connect(broker.tcp);
    const topic = unique();
    await watcher.subscribe(`${topic}/#`, { qos: 1 });
    // The client ends its own side of the connection only by not answering: nothing is read, nothing is sent.
    const gone = [];
    for (let i = 0; i < 20; i += 1) {
      const c = await RawClient.connect(broker.tcp, { keepAlive: 1, will: { topic: `${topic}/${i}`, payload: 'gone', qos: 1 } });
      c.socket.pause();
      gone.push(c);
    }
    const wills = await watcher.messages(20);
    assert.equal(new Set(wills.map((m) => m.topic)).size, 20);
    for (const c of gone) await c.drop();
    await broker.stop();
  });

  test('a client that has shut down its sending side is treated as gone', async (t) => {
    const broker = await Broker.during(t);
    const watcher = await RawClient.connect(broker.tcp);
    const topic = unique();
    await watcher.subscribe(topic);
    const c = await RawClient.connect(broker.tcp, { allowHalfOpen: true, will: { topic, payload: 'gone' } });
    c.socket.end();
    await watcher.expect('publish', { topic, payload: 'gone' });
    await c.drop();
    await broker.stop();
  });

  test('a publisher and its last bytes: what was sent before the end of the stream is taken', async (t) => {
    const broker = await Broker.during(t);
    const watcher = await RawClient.connect(broker.tcp);
    const topic = unique();
    await watcher.subscribe(topic);
    const c = await RawClient.connect(broker.tcp, { version: 4 });
    for (let i = 0; i < 100; i += 1) c.send(packet.publish({ version: 4, topic, payload: `${i}` }));
    c.send(packet.disconnect({ version: 4 }));
    c.socket.end();
    assert.equal((await watcher.messages(100)).length, 100);
    await broker.stop();
  });

  test('a burst of 300 publishers at once loses nothing at QoS 1', async (t) => {
    const broker = await Broker.during(t);
    const watcher = await RawClient.connect(broker.tcp);
    const topic = unique();
    await watcher.subscribe(`${topic}/#`, { qos: 1 });
    const clients = await Promise.all(Array.from({ length: 300 }, () => RawClient.connect(broker.tcp)));
    await Promise.all(clients.map(async (c, n) => {
      for (let i = 0; i < 10; i += 1) await c.publish(`${topic}/${n}`, `${i}`, { qos: 1 });
    }));
    const next = new Map();
    for (const m of await watcher.messages(3000)) {
      assert.equal(Number(m.payload), next.get(m.topic) ?? 0, m.topic);
      next.set(m.topic, Number(m.payload) + 1);
    }
    assert.ok([...next.values()].every((n) => n === 10));
    await broker.stop();
  });
});
