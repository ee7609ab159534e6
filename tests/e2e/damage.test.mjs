// Damage to the data directory of a stopped broker: one byte of one of its files is changed, at places that a seed decides.
// Either the broker starts, and whatever it serves is what was published, or what it does not serve is reported with the name of
// the file; or it does not start, and says which file is damaged and what to do. It never serves anything else, and never
// crashes.
//
//   DAMAGE_SEED=n    repeats a run; DAMAGE_ROUNDS=n runs so many rounds, however long it takes

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';

import { random as generator } from '../crash/payload.mjs';
import { Broker } from './lib/broker.mjs';
import { RawClient } from './lib/raw.mjs';
import { StationApi } from './lib/stations.mjs';
import { temporaryDirectory } from './lib/temporary.mjs';
import { until } from './lib/wait.mjs';

const SEED = Number(process.env.DAMAGE_SEED ?? Date.now() % 1_000_000);
const ROUNDS = Number(process.env.DAMAGE_ROUNDS ?? 0);
const LIMIT_MS = 25_000; // of the rounds, unless they are counted
const ROUNDS_MIN = 30; // however slow the machine is: fewer may end all alike
const AT_ONCE = 3;
const CONFIG = { stations: { segment_bytes: '64KiB' }, reactors: 2 };
const LASTING = { sessionExpiryInterval: 3600 };

const text = (name, n) => `${name} ${n} ${'.'.repeat((n * 37) % 700)}`;
const several = (n) => Array.from({ length: n }, (_, i) => i);

// ---- What was published --------------------------------------------------------------------------------------------

const STATIONS = {
  plain: { topics: ['p/#'], retention: { age: '0' }, count: 300, first: 0 }, // four segments
  short: { topics: ['s/#'], retention: { age: '0', messages: 100 }, count: 250, first: 150 }, // with a low-water mark
  ids: { topics: ['i/#'], retention: { age: '0' }, dedup_window: '1h', count: 40, first: 0 },
};
const RETAINED = 20;
const QUEUED = 60; // in a durable session, at QoS 1 and 2 in turn
const GROUP_ACKED = 25;
const READER_ACKED = 30;

const messageOf = (station, n) => ({ topic: `${station[0]}/${n % 7}`, payload: text(station, n) });
const queuedOf = (n) => ({ topic: `q/${n % 3}`, payload: text('queued', n) });
const retainedOf = (n) => ({ topic: `r/${n}`, payload: text('retained', n) });

async function publishAll(client, messages, qosOf) {
  for (const [i, { topic, payload }] of messages.entries()) {
    const properties = topic.startsWith('i/') ? { userProperties: [['msg-id', `id-${i}`]] } : undefined;
    const answer = await client.publish(topic, payload, { qos: qosOf(i), properties, retain: topic.startsWith('r/') });
    assert.ok(answer.reason < 0x80, `${topic}: ${answer.reason}`);
  }
}

// Takes n messages with QoS 1 and acknowledges them; the others stay unacknowledged.
async function takeSome(client, filter, n) {
  await client.subscribe(filter, { qos: 1 });
  for (let i = 0; i < n; i += 1) client.ack('puback', (await client.expect('publish')).id);
  await client.ping();
}

async function makeDirectory(t) {
  const broker = await Broker.during(t, CONFIG);
  const api = new StationApi(broker);
  for (const [name, { count, first, ...object }] of Object.entries(STATIONS)) await api.ok('POST', '/stations', { name, ...object });
  const durable = await RawClient.connect(broker.tcp, { clientId: 'durable', properties: LASTING });
  await durable.subscribe('q/#', { qos: 2 });
  await durable.disconnect();
  const publisher = await RawClient.connect(broker.tcp, { clientId: 'publisher', properties: LASTING });
  for (const [name, { count }] of Object.entries(STATIONS))
    await publishAll(publisher, several(count).map((n) => messageOf(name, n)), () => 1);
  await publishAll(publisher, several(QUEUED).map(queuedOf), (i) => 1 + (i % 2));
  await publishAll(publisher, several(RETAINED).map(retainedOf), () => 1);
  await publisher.disconnect();
  const reader = await RawClient.connect(broker.tcp, { clientId: 'reader', auto: false, properties: { ...LASTING, receiveMaximum: 5 } });
  await takeSome(reader, '$station/plain@earliest', READER_ACKED);
  await reader.disconnect();
  const member = await RawClient.connect(broker.tcp, { clientId: 'member', auto: false, properties: { receiveMaximum: 5 } });
  await takeSome(member, '$share/g/$station/plain@earliest', GROUP_ACKED);
  await member.disconnect();
  await until(async () => (await api.ok('GET', '/stations/short')).state.messages === 100, 'retention by messages');
  await broker.stop({ keep: true });
  return path.join(broker.dir, 'data');
}

// ---- Damage --------------------------------------------------------------------------------------------------------

const filesIn = (dir) =>
  fs.readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name))
    .filter((file) => fs.statSync(file).size > 0)
    .sort();

// Behind what is written, a segment is zeros, and long: so half of the places are in what is not zero.
function place(bytes, random) {
  const end = bytes.length - (random() < 0.5 ? 0 : [...bytes].reverse().findIndex((b) => b !== 0));
  return Math.floor(random() * Math.max(1, end));
}

// Changes one byte of a copy of the directory. Files count by their number, not by their size: most are small.
function damage(template, random) {
  const dir = temporaryDirectory();
  fs.cpSync(template, path.join(dir, 'data'), { recursive: true });
  const files = filesIn(template);
  const file = path.relative(template, files[Math.floor(random() * files.length)]);
  const bytes = fs.readFileSync(path.join(template, file));
  const at = place(bytes, random);
  const former = bytes[at];
  bytes[at] ^= 1 + Math.floor(random() * 255);
  fs.writeFileSync(path.join(dir, 'data', file), bytes);
  return { dir, file, what: `seed ${SEED}: byte ${at} of ${file}: ${former} is ${bytes[at]}` };
}

// ---- What is served ------------------------------------------------------------------------------------------------

// What an answer brings until it ends or is cut off, in lines.
function lines(api, where) {
  return new Promise((resolve, reject) => {
    const request = http.get(api.url(where), { headers: api.headers, agent: false }, (answer) => {
      let body = '';
      answer.on('data', (chunk) => (body += chunk));
      answer.on('error', () => {}); // cut off
      answer.on('close', () => resolve({
        status: answer.statusCode,
        whole: answer.complete,
        lines: answer.statusCode === 200 ? body.split('\n').slice(0, -1).map((line) => JSON.parse(line)) : [],
      }));
    });
    request.on('error', reject);
  });
}

// True: all of it is there.
async function checkStation(api, name) {
  const { count, first } = STATIONS[name];
  const { status, whole, lines: got } = await lines(api, `/stations/${name}/messages`);
  for (const [i, { offset, topic, payload }] of got.entries()) {
    assert.equal(offset, first + i, `${name}: offset`);
    assert.deepEqual({ topic, payload }, messageOf(name, first + i), `${name}: offset ${offset}`);
  }
  return status === 200 && whole && got.length === count - first;
}

const withoutCopies = (list) => list.filter((one, i) => list.findIndex((other) => other.payload === one.payload) === i);

async function checkQueued(broker) {
  const client = await RawClient.connect(broker.tcp, { clientId: 'durable', clean: false, properties: LASTING });
  assert.equal(client.connack.sessionPresent, true, 'the durable session is there');
  const got = (await client.messages(QUEUED)).map(({ topic, payload }) => ({ topic, payload: payload.toString() }));
  assert.deepEqual(withoutCopies(got), several(QUEUED).map(queuedOf), 'what was queued');
  await client.disconnect();
}

async function checkRetained(broker) {
  const client = await RawClient.connect(broker.tcp);
  await client.subscribe('r/#', { qos: 0 });
  const got = (await client.messages(RETAINED)).map(({ topic, payload }) => ({ topic, payload: payload.toString() }));
  const byTopic = (a, b) => (a.topic < b.topic ? -1 : 1);
  assert.deepEqual(got.sort(byTopic), several(RETAINED).map(retainedOf).sort(byTopic), 'retained messages');
  await client.disconnect();
}

async function checkPositions(broker, api) {
  const [group] = (await api.ok('GET', '/stations/plain/groups')).data;
  assert.ok(group?.acked_offset <= GROUP_ACKED, `the group has acknowledged less than ${group?.acked_offset}`);
  const reader = await RawClient.connect(broker.tcp, { clientId: 'reader', clean: false, properties: LASTING });
  const { payload } = await reader.expect('publish');
  const at = Number(payload.toString().split(' ')[1]);
  assert.ok(at <= READER_ACKED, `the reader goes on at ${at}`);
  await reader.disconnect();
}

// One round. Returns how it ended.
async function round(template, random) {
  const { dir, file, what } = damage(template, random);
  const broker = new Broker(CONFIG, { dir, log_level: 'warning' });
  const reported = () => broker.stderr.includes(path.basename(file));
  try {
    await broker.start().catch((error) => assert.ok(broker.gone, error.message));
    if (broker.gone) {
      assert.deepEqual(broker.gone, { code: 1, signal: null });
      broker.assertClean();
      assert.ok(reported(), 'the error does not name the file');
      assert.match(broker.stderr, /\n.*(restore|bring|remove|delete|move|repair)/s, 'the error does not say what to do');
      return 'refused';
    }
    const api = new StationApi(broker);
    const whole = {};
    for (const name of Object.keys(STATIONS)) whole[name] = await checkStation(api, name);
    await checkQueued(broker);
    await checkRetained(broker);
    if (whole.plain) await checkPositions(broker, api);
    await broker.stop({ keep: true });
    const lacking = Object.keys(whole).filter((name) => !whole[name]);
    if (lacking.length === 0) return 'served';
    assert.deepEqual(lacking, [path.basename(path.dirname(file))], 'another station is not served either');
    assert.ok(reported(), 'what is not served is not reported');
    return 'reported';
  } catch (error) {
    error.message = `${what}\n${error.message}\n${broker.tail()}`;
    throw error;
  } finally {
    broker.child?.kill('SIGKILL');
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

test('a byte of any file of a stopped broker is changed: it serves what was published, or reports the file', async (t) => {
  const template = await makeDirectory(t);
  const random = generator(SEED);
  const end_ms = performance.now() + LIMIT_MS;
  const ends = { refused: 0, served: 0, reported: 0 };
  let begun = 0;
  const more = () => (ROUNDS > 0 ? begun < ROUNDS : begun < ROUNDS_MIN || performance.now() < end_ms);
  const work = async () => {
    while (more()) {
      begun += 1;
      ends[await round(template, random)] += 1;
    }
  };
  await Promise.all(several(AT_ONCE).map(work));
  t.diagnostic(`seed ${SEED}: ${begun} rounds, ${JSON.stringify(ends)}`);
  assert.ok(ends.refused > 0 && ends.served + ends.reported > 0, 'hardly anything was tried');
});
