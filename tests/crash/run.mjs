// Kills the broker again and again under load, and counts what it had acknowledged.
//
//   node tests/crash/run.mjs [--kills N] [--seed N] [--point NAME] [--without PUBLISHER]
//
// Each life of the broker has the same data directory and the same publishers and consumers, who go on where they were.
// It ends with SIGKILL: after a random time, or (in every second life) at a fault point, a place in the broker where the
// environment variable VARVE_FAULT lets it kill itself (base/fault.h; debug and sanitizer builds have them). At the end:
//
// - every acknowledged message is in the station: once, where it has a message id or comes at QoS 2; in its publisher's order; byte for byte;
//   and nothing is there that nobody published;
// - the same holds for a second station, as far as its retention has not expelled it: the newest messages are all there;
// - and for a third one, whose retention expels into a second tier: all of them are there, and the table's sum is right;
// - what rules have handed to actions is stored, no message more often than it was sent;
// - the consumer group has seen every one of them at least once;
// - sessions that outlive their connection have got every one at least once, and exactly once at QoS 2: those whose client is always there,
//   and one whose client comes in some lives only, so that its messages go from snapshot to snapshot of the journal;
// - `varve log verify` finds nothing in the stations and the journal, and the journal has let go of what it has repeated;
// - in a run of 100 kills or more, every fault point has killed.
//
// Segments are as small as they may be, and the second station keeps little: so segments are sealed and removed all the
// time, and the points on the way are passed often.
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
import { checkSinks, createSinks, sinkPublishers } from './sinks.mjs';

const { values: options } = parseArgs({
  options: {
    kills: { type: 'string', default: '40' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    point: { type: 'string' },
    without: { type: 'string', multiple: true, default: [] },
  },
});
const kills = Number(options.kills);
const seed = Number(options.seed);
const random = generator(seed);
const STATION = 'crash';
const SHORT = 'short';
const SHORT_MESSAGES = 100;
const TIERED = 'tiered';
const SELDOM_TOPIC = 'c/two';
// What takes hours as a rule, within the lives of this run (base/tune.h): compaction, expiry, removal, rewriting the ledger of the second
// tier; and snapshots of the sessions' journal, of which a life of some tenths of a second has one or more.
const TUNE = [
  ...['compact_files=2', 'snapshots_min=2', 'expire_at_least=1', 'snapshot_age_ms=1000', 'grace_ms=1000', 'dead_after_ms=5000', 'ledger_bytes=4096',
    'period_ms=300'].map((one) => `tier.${one}`),
  'journal.compact_bytes=65536', 'broker.housekeeping_ms=50',
].join();
const RESTORED = 'tier.before_restored'; // only who asks for it passes there
const LIFE_MS = [20, 200];
const DEATH_KNOWN_MS = 10_000;
const FAULT_LIFE_MS = 1500; // a point that is not passed so often by then kills nobody
const TRIES_FIRST = 4;
const TIER_LIFE_MS = 5000; // a migration begins a second after something has been expelled
const SETTINGS = { sessions: { max_queued_messages: 1_000_000 }, stations: { segment_bytes: '64KiB' } };

// How often a point may be passed before it kills: with every group of batches, with every segment, or with every trim.
const PASSES = [[/^tier\.(after_compacted|before_(expiry|ledger_rewrite|remove|restored))$/, 1], [/_(write|sync)$/, 60], [/_(seal|index|rename)$/, 6], [/^catalog\./, 20], [/./, 2]];
const passes = (point) => 1 + Math.floor(random() ** 2 * PASSES.find(([name]) => name.test(point))[1]);

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

async function ask(broker, method, where, body) {
  const key = fs.readFileSync(path.join(broker.dir, 'data/admin.key'), 'utf8').trim();
  const { host, port } = broker.listener('http');
  const answer = await fetch(`http://${host}:${port}/api/v5${where}`, {
    method,
    headers: { authorization: `Basic ${Buffer.from(key).toString('base64')}`, 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${where}: ${answer.status} ${text}`);
  return JSON.parse(text);
}

const createStation = (broker, object) =>
  ask(broker, 'POST', '/stations', { dedup_window: '1h', ack_wait: '1s', max_deliveries: 1000, ...object });

const STATIONS = [
  { name: STATION, topics: ['c/#'], retention: { age: '0', bytes: '0', messages: 0 } }, // all of it is to be there at the end
  { name: SHORT, topics: ['s/#'], retention: { age: '0', bytes: '0', messages: SHORT_MESSAGES } },
  {
    name: TIERED,
    topics: ['d/#'],
    retention: { age: '0', bytes: '0', messages: 10 },
    tier: { enabled: true, upload_bytes: '64KiB', upload_interval: '1s' },
  },
];

function makeActors() {
  const seen = new Map();
  const filter = `$share/workers/$station/${STATION}@earliest`;
  return {
    publishers: [
      new Publisher({ name: 'five-a', topic: 'c/five', qos: 1, messageId: true }),
      new Publisher({ name: 'five-b', topic: 'c/five', qos: 1, messageId: true }),
      new Publisher({ name: 'three', topic: 'c/three', qos: 1, version: 4 }),
      new Publisher({ name: 'twice', topic: 'c/two', qos: 2 }),
      new Publisher({ name: 'twice-id', topic: 'c/two', qos: 2, messageId: true }),
    ].filter(({ name }) => !options.without.includes(name)),
    short: new Publisher({ name: 'short', topic: 's/one', qos: 1, messageId: true }),
    tiered: new Publisher({ name: 'tiered', topic: 'd/one', qos: 1, messageId: true }),
    sinks: sinkPublishers(),
    members: ['one', 'two'].map((name) => new Member({ name: `member-${name}`, filter, random, seen })),
    subscribers: [
      ...[1, 2].map((qos) => new DurableSubscriber({ name: `durable-${qos}`, filter: 'c/#', qos })),
      new DurableSubscriber({ name: 'seldom', filter: SELDOM_TOPIC, qos: 2, there: 0.2 }),
    ],
    seen,
  };
}

const everyone = ({ publishers, short, tiered, sinks, members, subscribers }) =>
  [...subscribers, ...members, ...publishers, short, tiered, ...sinks];

// A connection that breaks, or cannot be made, because the broker has died is part of the game. That it has died may become known some
// time after the connection has ended.
async function unlessDead(broker, doing) {
  try {
    await doing;
  } catch (error) {
    if (!broker.gone) await Promise.race([broker.exited, delay(DEATH_KNOWN_MS)]);
    if (!broker.gone) throw error;
  }
}

async function startOrDie(broker, fault) {
  broker.options.env = { VARVE_TUNE: TUNE, ...(fault && { VARVE_FAULT: fault }) };
  try {
    await broker.start();
    return true;
  } catch (error) {
    if (fault && broker.gone?.signal === 'SIGKILL') return false; // at a point that the start passes
    throw error;
  }
}

// A point that nobody has seen yet is waited for longer each time: where the machine is busy, it comes later.
const faultLife = (point, patience) => (point.startsWith('tier.') ? TIER_LIFE_MS : FAULT_LIFE_MS) * patience;

// Brings what is in the second tier to local disk, and gives the space back: the next time there is something to bring again.
async function restore(broker) {
  await ask(broker, 'POST', `/stations/${TIERED}/tier/release`);
  await ask(broker, 'POST', `/stations/${TIERED}/restore`, {});
}

// One life, of this many milliseconds, or with a fault of so many at most. Returns how it ended.
async function live(broker, actors, fault, life_ms) {
  if (!(await startOrDie(broker, fault))) return 'at the start';
  const { exited } = broker;
  const here = everyone(actors).filter(({ there = 1 }) => there === 1 || random() < there);
  const acting = Promise.all(here.map((actor) => unlessDead(broker, actor.run(broker.tcp, () => false))));
  acting.catch(() => {});
  if (fault?.startsWith(RESTORED)) await unlessDead(broker, restore(broker));
  const died = await Promise.race([exited.then(() => true), delay(life_ms).then(() => false)]);
  if (!died) broker.child.kill('SIGKILL');
  await exited;
  await acting;
  broker.assertClean();
  return died ? 'at the point' : 'by time';
}

// ---- The reckoning -------------------------------------------------------------------------------------------------

async function readStation(broker, name, end) {
  const reader = await RawClient.connect(broker.tcp, { clientId: 'reader', properties: { receiveMaximum: 1000 } });
  const publisher = await RawClient.connect(broker.tcp, { clientId: 'marker' });
  await publisher.publish(end, 'end', { qos: 1 });
  await reader.subscribe(`$station/${name}@earliest`, { qos: 1 });
  const messages = [];
  for (;;) {
    const message = await reader.expect('publish');
    const offset = Number(Object.fromEntries(message.properties.userProperties)['varve-offset']);
    if (message.topic === end) break;
    messages.push({ offset, ...identify(message.payload) });
  }
  await reader.disconnect();
  await publisher.disconnect();
  return messages;
}

// `from`: the number from which on the publisher's messages are to be there.
function checkPublisher(messages, { name, acknowledged, sent, messageId, qos }, from = 1) {
  const numbers = messages.filter((m) => m.publisher === name).map((m) => m.number);
  const first = [...new Set(numbers)];
  const there = new Set(numbers);
  const lost = [...acknowledged].filter((n) => n >= from && !there.has(n));
  assert.deepEqual(lost.slice(0, 10), [], `${name}: ${lost.length} acknowledged messages are lost`);
  const late = first.findIndex((n, i) => n < first[i - 1]);
  const at = numbers.indexOf(first[late]);
  assert.equal(late, -1, `${name}: out of order: ${numbers.slice(Math.max(0, at - 40), at + 20)}`);
  assert.ok(first.at(-1) <= sent);
  if (messageId || qos === 2) assert.equal(numbers.length, first.length, `${name}: copies in the station`);
}

function checkStation(messages, publishers) {
  for (const [i, { offset }] of messages.entries())
    assert.equal(offset, messages[0].offset + i, 'offsets have a gap');
  for (const publisher of publishers) checkPublisher(messages, publisher);
}

function checkShort(messages, publisher) {
  for (const [i, { offset }] of messages.entries())
    assert.equal(offset, messages[0].offset + i, 'offsets have a gap');
  // One less: the marker at the end is a message, too.
  assert.ok(messages.length >= Math.min(SHORT_MESSAGES - 1, publisher.acknowledged.size), 'retention has expelled too much');
  checkPublisher(messages, publisher, messages[0].number);
}

async function checkTiered(broker, publisher) {
  const { job } = await ask(broker, 'POST', `/stations/${TIERED}/tier/flush`);
  await until(async () => (await ask(broker, 'GET', `/jobs/${job}`)).state === 'succeeded', 'the second tier to be flushed');
  const state = await ask(broker, 'GET', `/stations/${TIERED}/tier`);
  assert.ok(state.complete && state.missing === 0, JSON.stringify(state));
  assert.equal(state.status, 'running', JSON.stringify(state));
  const messages = await readStation(broker, TIERED, 'd/end');
  assert.equal(messages[0].offset, 0);
  checkStation(messages, [publisher]);
  return state.table.messages;
}

const wantedBy = ({ filter }, publishers) => publishers.filter(({ topic }) => filter.endsWith('#') || filter === topic);

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
  await Promise.all([...actors.publishers, actors.short, actors.tiered, ...actors.sinks].map((p) => p.run(broker.tcp, () => true)));
  const readers = actors.subscribers.map((s) => [s.name, s.seen, wantedBy(s, actors.publishers)]);
  for (const [name, seen, publishers] of [['the group', actors.seen, actors.publishers], ...readers]) {
    await until(() => missing(seen, publishers).length === 0, `everything acknowledged to reach ${name}`, {
      timeout_ms: 60_000, step_ms: 100,
    }).catch((error) => {
      const lost = missing(seen, publishers);
      throw new Error(`${error.message}: ${lost.length} missing, ${lost.slice(0, 10)}`);
    });
  }
  over = true;
  await Promise.all(consumers);
}

async function verify(broker, directory) {
  const verified = await varve(['log', 'verify', path.join(broker.dir, 'data', directory), '--json']);
  assert.equal(verified.code, 0, `log verify ${directory}:\n${verified.stdout}${verified.stderr}`);
  return JSON.parse(verified.stdout);
}

// Kills the broker so often. Returns how its lives ended, and which points have killed how often.
async function killAll(broker, actors, points) {
  const ends = {};
  const reached = Object.fromEntries(points.map((point) => [point, 0]));
  const tried = { ...reached };
  // Those that have not killed yet come first, unless they were tried often; then those that were tried least.
  const wanting = (point) => reached[point] === 0 && tried[point] < TRIES_FIRST;
  const next = () => [...points].sort((a, b) => wanting(b) - wanting(a) || tried[a] - tried[b])[0];
  for (let i = 0; i < kills; i += 1) {
    const point = options.point || i % 2 === 1 ? next() : null;
    const life_ms = LIFE_MS[0] + random() * (LIFE_MS[1] - LIFE_MS[0]);
    const patience = reached[point] === 0 ? 1 + tried[point] : 1;
    const how = point
      ? await live(broker, actors, `${point}:${passes(point)}`, faultLife(point, patience))
      : await live(broker, actors, null, life_ms);
    ends[how] = (ends[how] ?? 0) + 1;
    if (point) tried[point] += 1;
    if (point && how !== 'by time') reached[point] += 1;
    if (process.stdout.isTTY) process.stdout.write(`\r${i + 1} kills`);
  }
  return { ends, reached };
}

async function main() {
  const points = options.point ? [options.point] : faultPoints();
  console.log(`seed ${seed}, ${kills} kills, ${points.length} fault points`);
  const broker = new Broker(SETTINGS);
  const actors = makeActors();
  await broker.start();
  for (const station of STATIONS) await createStation(broker, station);
  const asked = (...question) => ask(broker, ...question);
  await createSinks(asked);
  // Nothing is published before those are subscribed who are to get all of it.
  for (const subscriber of actors.subscribers) await subscriber.run(broker.tcp, () => true);
  await broker.kill();
  const { ends, reached } = await killAll(broker, actors, points);
  await finish(broker, actors);
  const messages = await readStation(broker, STATION, 'c/end');
  checkStation(messages, actors.publishers);
  checkShort(await readStation(broker, SHORT, 's/end'), actors.short);
  const migrated = await checkTiered(broker, actors.tiered);
  const delivered = await checkSinks(asked, path.join(broker.dir, 'data'), actors.sinks);
  for (const subscriber of actors.subscribers) checkOnce(subscriber, actors.publishers);
  await broker.stop({ keep: true });
  for (const { name } of STATIONS) await verify(broker, `stations/${name}`);
  const journal = await verify(broker, 'sessions');
  if (kills >= 100) assert.ok(journal.first_offset > 0, `the journal of sessions: ${JSON.stringify(journal)}`);
  const acknowledged = actors.publishers.reduce((sum, p) => sum + p.acknowledged.size, 0);
  const never = points.filter((point) => reached[point] === 0);
  console.log(`\nended ${JSON.stringify(ends)}; points reached ${points.length - never.length} of ${points.length}; ` +
    `acknowledged ${acknowledged}, stored ${messages.length}, in the second tier ${migrated}, by actions ${delivered}`);
  assert.ok(acknowledged > kills, 'hardly anything was published');
  if (kills >= 100) assert.deepEqual(never, [], 'points that were never reached');
  fs.rmSync(broker.dir, { recursive: true, force: true });
}

try {
  await main();
  console.log(`${kills} passed, 0 failed`);
  process.exit(0);
} catch (error) {
  console.log(`seed ${seed}\n${error.stack}\n0 passed, 1 failed`);
  process.exit(1);
}
