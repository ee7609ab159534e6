// Kills the broker again and again under load, and counts what it had acknowledged.
//
//   node tests/crash/run.mjs [--kills N] [--seed N] [--point NAME]
//
// Each life of the broker has the same data directory and the same publishers and consumers, who go on where they were.
// It ends with SIGKILL: after a random time, or (in every second life) at a fault point, a place in the broker where the
// environment variable VARVE_FAULT lets it kill itself (base/fault.h; debug and sanitizer builds have them). At the end:
//
// - every acknowledged message is in the station: once, where it has a message id or QoS 2; in its publisher's order; byte
//   for byte; and nothing is there that nobody published;
// - the consumer group has seen every one of them at least once;
// - sessions that outlive their connection have got every one at least once, and exactly once at QoS 2;
// - `varve log verify` finds nothing.
//
// The last line counts as a test runner's does. The seed is printed; it decides when and where the broker dies, while the
// interleaving of the processes stays the machine's.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { Broker, varve } from '../e2e/lib/broker.mjs';
import { RawClient } from '../e2e/lib/raw.mjs';
import { delay, until } from '../e2e/lib/wait.mjs';
import { DurableSubscriber, Member } from './consumers.mjs';
import { identify, random as generator } from './payload.mjs';
import { Publisher } from './publisher.mjs';

const { values: options } = parseArgs({
  options: {
    kills: { type: 'string', default: '40' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    point: { type: 'string' },
  },
});
const kills = Number(options.kills);
const seed = Number(options.seed);
const random = generator(seed);
const STATION = 'crash';
const LIFE_MS = [20, 400];

// The fault points that are compiled in, as the source has them.
function faultPoints() {
  const src = path.join(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '../../src');
  const names = new Set();
  for (const file of fs.readdirSync(src, { recursive: true })) {
    if (!String(file).endsWith('.c')) continue;
    const text = fs.readFileSync(path.join(src, String(file)), 'utf8');
    for (const [, name] of text.matchAll(/FAULT_POINT\("([^"]+)"\)/g)) names.add(name);
  }
  return [...names].sort();
}

async function createStation(broker) {
  const key = fs.readFileSync(path.join(broker.dir, 'data/admin.key'), 'utf8').trim();
  const { host, port } = broker.listener('http');
  const answer = await fetch(`http://${host}:${port}/api/v5/stations`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(key).toString('base64')}`, 'content-type': 'application/json' },
    // Small enough a window for copies of the last life, and no retention: everything is to be there at the end.
    body: JSON.stringify({ name: STATION, topics: ['c/#'], dedup_window: '1h', ack_wait: '1s', max_deliveries: 1000,
      retention: { age: '0', bytes: '0', messages: 0 } }),
  });
  assert.equal(answer.status, 201, await answer.text());
}

function makeActors() {
  const seen = new Map();
  const filter = `$share/workers/$station/${STATION}@earliest`;
  return {
    publishers: [
      new Publisher({ name: 'five-a', topic: 'c/five', qos: 1, messageId: true }),
      new Publisher({ name: 'five-b', topic: 'c/five', qos: 1, messageId: true }),
      new Publisher({ name: 'three', topic: 'c/three', qos: 1, version: 4 }),
      new Publisher({ name: 'twice', topic: 'c/two', qos: 2 }),
    ],
    members: ['one', 'two'].map((name) => new Member({ name: `member-${name}`, filter, random, seen })),
    subscribers: [1, 2].map((qos) => new DurableSubscriber({ name: `durable-${qos}`, filter: 'c/#', qos })),
    seen,
  };
}

const everyone = ({ publishers, members, subscribers }) => [...subscribers, ...members, ...publishers];

// A connection that cannot be made because the broker has died is part of the game.
async function act(actor, broker, stopped) {
  try {
    await actor.run(broker.tcp, stopped);
  } catch (error) {
    if (!broker.gone && !stopped()) await delay(20);
    if (!broker.gone) throw error;
  }
}

async function startOrDie(broker, fault) {
  broker.options.env = fault ? { VARVE_FAULT: fault } : {};
  try {
    await broker.start();
    return true;
  } catch (error) {
    if (fault && broker.gone?.signal === 'SIGKILL') return false; // at a point that the start passes
    throw error;
  }
}

// One life. Returns how it ended.
async function live(broker, actors, fault) {
  if (!(await startOrDie(broker, fault))) return 'at the start';
  const { exited } = broker;
  const acting = Promise.all(everyone(actors).map((actor) => act(actor, broker, () => false)));
  acting.catch(() => {});
  const life_ms = LIFE_MS[0] + random() * (LIFE_MS[1] - LIFE_MS[0]);
  const died = await Promise.race([exited.then(() => true), delay(fault ? 3000 : life_ms).then(() => false)]);
  if (!died) broker.child.kill('SIGKILL');
  await exited;
  await acting;
  broker.assertClean();
  return died ? 'at the point' : 'by time';
}

// ---- The reckoning -------------------------------------------------------------------------------------------------

async function readStation(broker) {
  const reader = await RawClient.connect(broker.tcp, { clientId: 'reader', properties: { receiveMaximum: 1000 } });
  const publisher = await RawClient.connect(broker.tcp, { clientId: 'marker' });
  await publisher.publish('c/end', 'end', { qos: 1 });
  await reader.subscribe(`$station/${STATION}@earliest`, { qos: 1 });
  const messages = [];
  for (;;) {
    const message = await reader.expect('publish');
    const offset = Number(Object.fromEntries(message.properties.userProperties)['varve-offset']);
    if (message.topic === 'c/end') break;
    messages.push({ offset, ...identify(message.payload) });
  }
  await reader.disconnect();
  await publisher.disconnect();
  return messages;
}

function checkStation(messages, publishers) {
  for (const [i, { offset }] of messages.entries())
    assert.equal(offset, messages[0].offset + i, 'offsets have a gap');
  for (const { name, acknowledged, sent, messageId, qos } of publishers) {
    const numbers = messages.filter((m) => m.publisher === name).map((m) => m.number);
    const first = [...new Set(numbers)];
    const lost = [...acknowledged].filter((n) => !first.includes(n));
    assert.deepEqual(lost.slice(0, 10), [], `${name}: ${lost.length} acknowledged messages are lost`);
    assert.deepEqual(first, [...first].sort((a, b) => a - b), `${name}: out of order`);
    assert.ok(first.at(-1) <= sent);
    if (messageId || qos === 2) assert.equal(numbers.length, first.length, `${name}: copies in the station`);
  }
}

const missing = (seen, publishers) =>
  publishers.flatMap((p) => [...p.acknowledged].map((n) => `${p.name}:${n}`).filter((key) => !seen.has(key)));

function checkOnce(subscriber, publishers) {
  const exactly = publishers.filter((p) => Math.min(p.qos, subscriber.qos) === 2).map((p) => p.name);
  const copies = [...subscriber.seen].filter(([key, times]) => times > 1 && exactly.includes(key.split(':')[0]));
  assert.deepEqual(copies.slice(0, 10), [], `${subscriber.name}: ${copies.length} QoS 2 messages came more than once`);
}

// The last life: everybody finishes.
async function finish(broker, actors) {
  await startOrDie(broker, null);
  let over = false;
  const consumers = [...actors.members, ...actors.subscribers].map((actor) => actor.run(broker.tcp, () => over));
  await Promise.all(actors.publishers.map((p) => p.run(broker.tcp, () => true)));
  for (const [name, seen] of [['the group', actors.seen], ...actors.subscribers.map((s) => [s.name, s.seen])]) {
    await until(() => missing(seen, actors.publishers).length === 0, `everything acknowledged to reach ${name}`, {
      timeout_ms: 60_000, step_ms: 100,
    }).catch((error) => {
      const lost = missing(seen, actors.publishers);
      throw new Error(`${error.message}: ${lost.length} missing, ${lost.slice(0, 10)}`);
    });
  }
  over = true;
  await Promise.all(consumers);
}

async function main() {
  const points = options.point ? [options.point] : faultPoints();
  console.log(`seed ${seed}, ${kills} kills, ${points.length} fault points`);
  const broker = new Broker({ sessions: { max_queued_messages: 1_000_000 } });
  const actors = makeActors();
  await broker.start();
  await createStation(broker);
  await broker.kill();
  const ends = {};
  let reached = new Set();
  for (let i = 0; i < kills; i += 1) {
    const point = options.point || i % 2 === 1 ? points[Math.floor(i / (options.point ? 1 : 2)) % points.length] : null;
    const fault = point ? `${point}:${1 + Math.floor(random() ** 3 * 60)}` : null;
    const how = await live(broker, actors, fault);
    ends[how] = (ends[how] ?? 0) + 1;
    if (point && how !== 'by time') reached.add(point);
    if (process.stdout.isTTY) process.stdout.write(`\r${i + 1} kills`);
  }
  await finish(broker, actors);
  const messages = await readStation(broker);
  checkStation(messages, actors.publishers);
  for (const subscriber of actors.subscribers) checkOnce(subscriber, actors.publishers);
  await broker.stop({ keep: true });
  const verified = await varve(['log', 'verify', path.join(broker.dir, 'data/stations', STATION)]);
  assert.equal(verified.code, 0, `log verify:\n${verified.stdout}${verified.stderr}`);
  const acknowledged = actors.publishers.reduce((sum, p) => sum + p.acknowledged.size, 0);
  console.log(`\nended ${JSON.stringify(ends)}; points reached ${reached.size} of ${points.length}; ` +
    `acknowledged ${acknowledged}, stored ${messages.length}`);
  assert.ok(acknowledged > kills, 'hardly anything was published');
}

try {
  await main();
  console.log(`${kills} passed, 0 failed`);
  process.exit(0);
} catch (error) {
  console.log(`seed ${seed}\n${error.stack}\n0 passed, 1 failed`);
  process.exit(1);
}
