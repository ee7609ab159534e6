// The second tier: what retention expels settles in a table in the store, and is read back as if it had never left.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { Broker } from './lib/broker.mjs';
import { tickedPast } from './lib/clock.mjs';
import * as mqttjs from './lib/mqttjs.mjs';
import { StationApi, ndjson } from './lib/stations.mjs';
import { delay, unique, until } from './lib/wait.mjs';

const AVRO_DUMP = fileURLToPath(new URL('lib/avro_dump.py', import.meta.url));
const tier = (more = {}) => ({ enabled: true, upload_bytes: '64KiB', upload_interval: '1s', ...more });
// Nothing is uploaded but by a flush: so it is known what is in a file, and how many there are.
const BY_FLUSH = { upload_bytes: '1GiB', upload_interval: '1h' };

// A broker with one station that keeps `messages` on disk.
async function withStation(t, { messages = 100, object = {}, tier: more = {}, config } = {}) {
  const broker = await Broker.during(t, config);
  const api = new StationApi(broker);
  const name = unique('s');
  await api.ok('POST', '/stations', { name, topics: [`${name}/#`], retention: { messages }, tier: tier(more), ...object });
  return { broker, api, name };
}

const tierOf = (api, name) => api.ok('GET', `/stations/${name}/tier`);
const produce = (api, name, lines) => api.ok('POST', `/stations/${name}/messages`, ndjson(lines));
// Over HTTP nobody waits for ever: 503 says that nothing is stored yet, and it is asked again.
async function stubborn(api, name, lines) {
  for (;;) {
    const { status, text } = await api.call('POST', `/stations/${name}/messages`, ndjson(lines));
    if (status === 200) return;
    assert.equal(status, 503, text);
    assert.equal(JSON.parse(text).stored, 0, text);
  }
}
const numbered = (n, from = 0) => Array.from({ length: n }, (_, i) => ({ topic: `t/${(from + i) % 7}`, payload: `message ${from + i}` }));

// The job, once it has ended well.
async function job(api, started) {
  return until(async () => {
    const state = await api.ok('GET', `/jobs/${started.job}`);
    assert.notEqual(state.state, 'failed', JSON.stringify(state));
    return state.state === 'succeeded' && state;
  }, `job ${started.job}`);
}
const flush = async (api, name) => job(api, await api.ok('POST', `/stations/${name}/tier/flush`));

const objects = (broker) => path.join(broker.dir, 'data/objects/varve/stations');

test('what is expelled is in the table, leaves the disk, and is read from offset 0', async (t) => {
  const { broker, api, name } = await withStation(t);
  await produce(api, name, numbered(1000));
  await flush(api, name);
  const state = await tierOf(api, name);
  assert.equal(state.status, 'running');
  assert.equal(state.table.first_offset, 0);
  assert.equal(state.committed_offset, 899);
  assert.equal(state.table.messages, 900);
  assert.equal(state.complete, true);
  const metrics = (await api.call('GET', '//metrics')).text;
  assert.match(metrics, new RegExp(`varve_tier_rows\\{station="${name}"\\} 900`));
  assert.match(metrics, new RegExp(`varve_tier_complete\\{station="${name}"\\} 1`));
  assert.match(metrics, new RegExp(`varve_tier_requests_total\\{station="${name}",op="put",outcome="ok"\\} [1-9]`));
  assert.match(metrics, new RegExp(`varve_tier_retries_total\\{station="${name}",op="put"\\} 0`));
  await until(async () => (await tierOf(api, name)).disk.first_offset === 900, 'the log to be trimmed');
  assert.ok(fs.existsSync(path.join(objects(broker), name, 'metadata/v1.metadata.json')));

  const read = await api.lines(`/stations/${name}/messages?from=earliest`);
  assert.equal(read.length, 1000);
  read.forEach((message, i) => {
    assert.equal(message.offset, i);
    assert.equal(message.payload, `message ${i}`);
    assert.equal(message.topic, `t/${i % 7}`);
  });

  const client = await mqttjs.connect(broker.url(), { protocolVersion: 5 });
  await client.subscribeAsync(`$station/${name}@earliest`, { qos: 1 });
  await client.received(1000);
  assert.deepEqual(client.inbox.map((m) => m.payload), numbered(1000).map((m) => m.payload));
  await client.endAsync();
  await broker.stop();
});

// Everything that is read from the beginning, as HTTP tells it.
const readAll = (api, name, query = '') => api.lines(`/stations/${name}/messages?from=earliest${query}`);
const objectsOf = (dir) => path.join(dir, 'data/objects');
const dataFiles = (root) =>
  fs.readdirSync(root, { recursive: true }).map((f) => path.join(root, f)).filter((f) => f.endsWith('.parquet'));
const emptied = (api, name, first) =>
  until(async () => (await tierOf(api, name)).disk.first_offset === first, `the log to begin at ${first}`);

test('MQTT 5 properties, binary payloads, publishers: a message comes back as it was', async (t) => {
  const { broker, api, name } = await withStation(t, { messages: 1000 });
  const client = await mqttjs.connect(broker.url(), { protocolVersion: 5, clientId: 'sender' });
  const messages = [
    ['plain', 'text', {}],
    ['empty', '', {}],
    ['binary', Buffer.from([0, 255, 254, 1]), {}],
    ['all', '{"a":1}', {
      payloadFormatIndicator: true, messageExpiryInterval: 3600, contentType: 'application/json',
      responseTopic: 'answers/here', correlationData: Buffer.from([9, 0, 8]),
      userProperties: { one: ['1', '2'], 'msg-id': 'id-1', grüße: 'ß' },
    }],
    ['some', 'x', { contentType: '', userProperties: { a: '' } }],
  ];
  for (const [topic, payload, properties] of messages)
    await client.publishAsync(`${name}/${topic}`, payload, { qos: 1, retain: topic === 'all', properties });
  await client.publishAsync(`${name}/two`, 'qos 2', { qos: 2 });
  await client.endAsync();
  const before = await readAll(api, name);
  assert.equal(before.length, messages.length + 1);
  await api.ok('PUT', `/stations/${name}`, { retention: { messages: 1 } });
  await flush(api, name);
  await emptied(api, name, messages.length);
  assert.deepEqual(await readAll(api, name), before);
  await broker.stop();
});

test('a group goes over the border between the tiers: each message once, in order', async (t) => {
  const { broker, api, name } = await withStation(t, { messages: 50 });
  await produce(api, name, numbered(500));
  await flush(api, name);
  await emptied(api, name, 450);
  const got = [];
  while (got.length < 500) {
    const { data } = await api.ok('POST', `/stations/${name}/groups/g/fetch`, { batch: 70, start: 'earliest', wait_ms: 10000 });
    assert.notEqual(data.length, 0, `${got.length} messages, and no more`);
    got.push(...data.map((m) => m.offset));
    await api.ok('POST', `/stations/${name}/groups/g/ack`, { offsets: data.map((m) => m.offset) });
  }
  assert.deepEqual(got, Array.from({ length: 500 }, (_, i) => i));
  const [group] = (await api.ok('GET', `/stations/${name}/groups`)).data;
  assert.deepEqual([group.lag, group.acked_offset], [0, 500]);
  await broker.stop();
});

test('starts of all kinds find their place in the table', async (t) => {
  const { broker, api, name } = await withStation(t, { messages: 10 });
  await produce(api, name, numbered(100));
  await tickedPast(api, (await readAll(api, name)).at(-1).timestamp);
  await produce(api, name, numbered(100, 100));
  await flush(api, name);
  await emptied(api, name, 190);
  const all = await readAll(api, name);
  const offsets = async (from) => (await api.lines(`/stations/${name}/messages?from=${from}`)).map((m) => m.offset);
  assert.deepEqual(await offsets('offset:150'), Array.from({ length: 50 }, (_, i) => 150 + i));
  assert.equal((await offsets('last:120'))[0], 80);
  assert.equal((await offsets('earliest')).length, 200);
  const second = all[100].timestamp;
  assert.equal((await offsets(`time:${Date.parse(second) || second}`))[0], 100);
  const described = await api.ok('GET', `/stations/${name}`);
  assert.deepEqual([described.state.first_offset, described.state.next_offset, described.state.messages], [0, 200, 200]);
  await broker.stop();
});

test('after kill -9 nothing is missing and nothing is there twice', async (t) => {
  const { broker, api, name } = await withStation(t, { messages: 100 });
  for (let round = 0; round < 3; round++) {
    await produce(api, name, numbered(700, round * 700));
    await broker.kill();
    await broker.start();
  }
  await flush(api, name);
  const all = await readAll(api, name);
  assert.deepEqual(all.map((m) => m.payload), numbered(2100).map((m) => m.payload));
  assert.ok((await tierOf(api, name)).complete);
  await broker.stop();
});

test('an empty machine recovers a station from the store alone', async (t) => {
  const { broker, api, name } = await withStation(t, { messages: 1, object: { description: 'kept', max_deliveries: 3 } });
  await produce(api, name, numbered(1000));
  await flush(api, name);
  const before = (await readAll(api, name)).slice(0, 999);
  await broker.stop({ keep: true });

  const machine = new Broker({});
  fs.mkdirSync(path.join(machine.dir, 'data'));
  fs.renameSync(objectsOf(broker.dir), objectsOf(machine.dir));
  t.after(() => machine.child?.kill('SIGKILL'));
  await machine.start();
  const there = new StationApi(machine);
  const dry = await job(there, await there.ok('POST', '/stations/recover', { connector: 'directory:local', dry_run: true }));
  assert.deepEqual(dry.result.recovered.map((s) => [s.name, s.messages, s.next_offset]), [[name, 999, 999]]);
  await there.fails(404, 'GET', `/stations/${name}`);
  const done = await job(there, await there.ok('POST', '/stations/recover', { connector: 'directory:local' }));
  assert.equal(done.result.recovered[0].name, name);
  const station = await there.ok('GET', `/stations/${name}`);
  assert.deepEqual([station.description, station.max_deliveries, station.topics], ['kept', 3, [`${name}/#`]]);
  assert.deepEqual(await readAll(there, name), before);

  // Offsets go on, and so does the table.
  await produce(there, name, numbered(10, 999));
  await flush(there, name);
  assert.deepEqual((await readAll(there, name)).map((m) => m.offset), Array.from({ length: 1009 }, (_, i) => i));
  assert.ok((await tierOf(there, name)).complete);
  await machine.kill();
  await machine.start();
  assert.equal((await readAll(there, name)).length, 1009);
  await machine.stop();
});

test('a range is restored into a new station, byte by byte', async (t) => {
  const { broker, api, name } = await withStation(t, { messages: 10 });
  await produce(api, name, numbered(300));
  await flush(api, name);
  const wanted = await api.lines(`/stations/${name}/messages?from=offset:100&to=offset:295`);
  const dry = await job(api, await api.ok('POST', `/stations/${name}/restore`, { from: 'offset:100', to: 'offset:295', into: 'copy', dry_run: true }));
  assert.equal(dry.result.messages, 195);
  const done = await job(api, await api.ok('POST', `/stations/${name}/restore`, { from: 'offset:100', to: 'offset:295', into: 'copy' }));
  assert.equal(done.result.messages, 195);
  assert.deepEqual(await readAll(api, 'copy'), wanted);
  await broker.kill();
  await broker.start();
  assert.deepEqual(await readAll(api, 'copy'), wanted);
  await broker.stop();
});

test('what is restored in place is read without the store', async (t) => {
  const { broker, api, name } = await withStation(t, { messages: 10 });
  await produce(api, name, numbered(300));
  await flush(api, name);
  const all = await readAll(api, name);
  const done = await job(api, await api.ok('POST', `/stations/${name}/restore`, {}));
  assert.equal(done.result.messages, 290);
  await broker.stop({ keep: true });
  fs.rmSync(path.join(broker.dir, 'data/tier/-cache'), { recursive: true });
  for (const file of dataFiles(objectsOf(broker.dir))) fs.renameSync(file, `${file}.away`);
  await broker.start();
  assert.deepEqual(await readAll(api, name), all);
  const { released_bytes } = await api.ok('POST', `/stations/${name}/tier/release`);
  assert.ok(released_bytes > 0);
  await broker.stop();
});

test('deleting a station keeps its table, unless it is asked for', async (t) => {
  const { broker, api, name } = await withStation(t, { messages: 1, tier: BY_FLUSH });
  await produce(api, name, numbered(100));
  await flush(api, name);
  await api.ok('DELETE', `/stations/${name}`);
  assert.equal(dataFiles(objectsOf(broker.dir)).length, 1);

  // Another station by this name does not write to it.
  await api.ok('POST', '/stations', { name, retention: { messages: 1 }, tier: tier() });
  const failed = await until(async () => {
    const state = await tierOf(api, name);
    return state.status === 'failed' && state;
  }, 'the tier to refuse the table');
  assert.match(failed.error, /former station/);
  assert.match(failed.hint, /recover/);
  await api.ok('DELETE', `/stations/${name}`);

  await job(api, await api.ok('POST', '/stations/recover', { connector: 'directory:local', stations: [name] }));
  assert.equal((await readAll(api, name)).length, 99);
  await api.fails(400, 'DELETE', `/stations/${name}?tier=perhaps`);
  await api.ok('DELETE', `/stations/${name}?tier=delete`);
  assert.deepEqual(dataFiles(objectsOf(broker.dir)), []);
  await broker.stop();
});

// The store does not answer: its directory is a file.
const cutOff = (broker) => {
  fs.renameSync(objectsOf(broker.dir), `${objectsOf(broker.dir)}.away`);
  fs.writeFileSync(objectsOf(broker.dir), '');
};
const heal = (broker) => {
  fs.rmSync(objectsOf(broker.dir));
  fs.renameSync(`${objectsOf(broker.dir)}.away`, objectsOf(broker.dir));
};

test('an outage is visible, publishers go on, and it heals by itself', async (t) => {
  const { broker, api, name } = await withStation(t, { messages: 1 });
  await produce(api, name, numbered(100));
  await flush(api, name);
  cutOff(broker);
  await produce(api, name, numbered(1000, 100));
  const state = await until(async () => {
    const now = await tierOf(api, name);
    return now.status === 'waiting' && now;
  }, 'the outage to be noticed');
  assert.ok(state.error && state.retry_at, JSON.stringify(state));
  assert.ok(state.lag.messages > 0);
  heal(broker);
  await until(async () => (await tierOf(api, name)).committed_offset === 1098, 'the tier to catch up');
  await until(async () => (await tierOf(api, name)).error === null, 'the error to be gone');
  assert.equal((await readAll(api, name)).length, 1100);
  await broker.stop();
});

test('a full disk budget withholds acknowledgements until the store is back', async (t) => {
  const { broker, api, name } = await withStation(t, { messages: 1, tier: { disk_budget: '100KB' } });
  await produce(api, name, numbered(10));
  await flush(api, name);
  cutOff(broker);
  const client = await mqttjs.connect(broker.url(), { protocolVersion: 5 });
  let acknowledged = 0;
  let sent = 0;
  let enough = false; // the budget is looked at now and then: it is overrun by what comes meanwhile
  const payload = 'x'.repeat(1000);
  const publish = async () => {
    while (!enough) { // MQTT.js does not keep to the broker's receive maximum by itself
      sent += 100;
      await Promise.all(Array.from({ length: 100 }, () =>
        client.publishAsync(`${name}/a`, payload, { qos: 1 }).then(() => (acknowledged += 1))));
    }
  };
  const published = publish();
  await until(async () => (await tierOf(api, name)).full, 'the budget to be used up');
  enough = true;
  // Whoever comes from here on waits: the store is back before they are answered.
  const other = await mqttjs.connect(broker.url(), { protocolVersion: 5 });
  let answered = 0;
  const late = [other.publishAsync(`${name}/a`, payload, { qos: 1 }), stubborn(api, name, numbered(1))].map((one) => one.then(() => (answered += 1)));
  await delay(1000);
  assert.equal(answered, 0);
  await until(async () => (await tierOf(api, name)).disk.next_offset === 10 + acknowledged, 'what is stored to be what is acknowledged');
  assert.equal(answered, 0);
  heal(broker);
  await Promise.all([published, ...late]);
  assert.deepEqual([acknowledged, answered], [sent, 2]);
  await client.endAsync();
  await other.endAsync();
  await flush(api, name);
  assert.equal((await readAll(api, name)).length, sent + 12);
  await broker.stop();
});

test('drop_oldest gives up the oldest, and the table says which', async (t) => {
  const { broker, api, name } = await withStation(t, { messages: 1, tier: { disk_budget: '100KB', when_full: 'drop_oldest' } });
  await produce(api, name, numbered(10));
  await flush(api, name);
  cutOff(broker);
  const payload = 'x'.repeat(1000);
  for (let i = 0; i < 5; i++) await produce(api, name, Array.from({ length: 100 }, () => ({ topic: 't', payload })));
  await until(async () => {
    const now = await tierOf(api, name);
    return now.given_up > 0 && now.lag.bytes <= 110_000;
  }, 'messages to be given up');
  heal(broker);
  await flush(api, name);
  // What an upload under way had already is in the table, though the disk has given it up.
  const state = await tierOf(api, name);
  assert.ok(state.missing > 0 && state.missing <= state.given_up, JSON.stringify(state));
  assert.ok(state.complete, JSON.stringify(state));
  const offsets = (await readAll(api, name)).map((m) => m.offset);
  assert.equal(offsets.length, 510 - state.missing);
  assert.deepEqual(offsets.slice(0, 9), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  assert.equal(offsets.at(-1), 509);
  await broker.stop();
});

test('a second broker on the same table stops the first, and harms nothing', async (t) => {
  const { broker, api, name } = await withStation(t, { messages: 1 });
  await produce(api, name, numbered(100));
  await flush(api, name);

  const other = await Broker.during(t);
  const there = new StationApi(other);
  await there.ok('POST', '/connectors', { type: 'directory', name: 'shared', path: objectsOf(broker.dir) });
  await job(there, await there.ok('POST', '/stations/recover', { connector: 'directory:shared', stations: [name] }));
  await produce(there, name, numbered(50, 99));
  await flush(there, name);

  await produce(api, name, numbered(50, 100));
  const fenced = await until(async () => {
    const now = await tierOf(api, name);
    return now.status === 'fenced' && now;
  }, 'the first broker to be fenced');
  assert.match(fenced.error, /another broker writes the table/);
  assert.equal((await readAll(there, name)).length, 149);
  assert.ok((await tierOf(there, name)).complete);
  await broker.stop();
  await other.stop();
});

test('a scrub finds a data file that does not check', async (t) => {
  const { broker, api, name } = await withStation(t, { messages: 1, tier: BY_FLUSH });
  await produce(api, name, numbered(1000));
  await flush(api, name);
  const good = await job(api, await api.ok('POST', `/stations/${name}/tier/scrub`));
  assert.deepEqual([good.result.messages, good.result.findings], [999, 0]);
  const [file] = dataFiles(objectsOf(broker.dir));
  const bytes = fs.readFileSync(file);
  bytes[200] ^= 1;
  fs.chmodSync(file, 0o600);
  fs.writeFileSync(file, bytes);
  const { job: id } = await api.ok('POST', `/stations/${name}/tier/scrub`);
  const bad = await until(async () => {
    const now = await api.ok('GET', `/jobs/${id}`);
    return now.state === 'failed' && now;
  }, 'the scrub to find it');
  assert.match(bad.error, /parquet/);
  assert.equal(bad.result.findings, 1);
  const state = await until(async () => {
    const now = await tierOf(api, name);
    return !now.scrub.running && now;
  }, 'the scrub to end');
  assert.equal(state.findings, 1);
  assert.deepEqual([state.scrub.running, state.scrub.last_files, state.scrub.last_findings], [false, 1, 1]);
  assert.ok(Date.parse(state.scrub.next_time) - Date.parse(state.scrub.last_time) === 7 * 24 * 3600 * 1000);
  assert.match((await api.call('GET', '//metrics')).text, new RegExp(`varve_tier_scrub_findings\\{station="${name}"\\} 1`));
  await broker.stop();
});

test('retention_age takes whole files out of the table', async (t) => {
  const { broker, api, name } = await withStation(t, { messages: 1, tier: { retention_age: '1s' } });
  await produce(api, name, numbered(100));
  await flush(api, name);
  await until(async () => (await tierOf(api, name)).table.messages === 0, 'the rows to leave', { timeout_ms: 90_000 });
  assert.deepEqual((await readAll(api, name)).map((m) => m.offset), [99]);
  await broker.stop();
});

test('the command line flushes, shows, restores, scrubs and recovers', async (t) => {
  const { broker, api, name } = await withStation(t, { messages: 10, tier: BY_FLUSH });
  await produce(api, name, numbered(100));
  const cli = async (...args) => {
    const { code, stdout, stderr } = await broker.cli('station', ...args);
    assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  assert.match(await cli('flush', name), /what is expelled is committed/);
  const shown = JSON.parse(await cli('tier', name, '--json'));
  assert.deepEqual([shown.status, shown.table.messages], ['running', 90]);
  assert.match(await cli('restore', name, '--from', 'offset:5', '--to', 'offset:20', '--into', 'copy', '--dry-run'), /would restore 15 messages/);
  assert.match(await cli('restore', name, '--from', 'offset:5', '--to', 'offset:20', '--into', 'copy'), /restored 15 messages, offsets 5 to 19/);
  assert.match(await cli('restore', name), /restored 90 messages.*1 files/);
  assert.match(await cli('release', name), /bytes released/);
  assert.match(await cli('scrub', name), /90 messages checked, 0 findings/);
  assert.equal((await cli('read', name, '--from', 'offset:7', '--limit', '2')).split('\n').filter(Boolean).length, 2);
  await cli('delete', name);
  assert.match(await cli('recover', name, '--connector', 'directory:local'), new RegExp(`recovered ${name}: 90 messages`));
  await cli('delete', name, '--tier', 'delete');
  const { code, stderr } = await broker.cli('station', 'recover', name, '--connector', 'directory:local');
  assert.equal(code, 1);
  assert.match(stderr, /there is no table/);
  await broker.stop();
});

test('DuckDB reads the table in place: every row as it was published', async (t) => {
  const { broker, api, name } = await withStation(t, { messages: 1 });
  const lines = Array.from({ length: 5000 }, (_, i) => ({
    topic: `t/${i % 13}`, payload: `${i}`, qos: i % 3, headers: i % 4 ? {} : { k: `v${i}` },
    properties: i % 5 ? {} : { content_type: 'text/plain', correlation_data: `c${i}` },
  }));
  await produce(api, name, lines);
  await flush(api, name);
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const files = dataFiles(objectsOf(broker.dir)).map((f) => `'${f}'`).join(',');
  const read = async (sql) => (await connection.runAndReadAll(sql)).getRowObjectsJson();
  const rows = await read(`SELECT "offset", topic, payload, qos, headers, content_type, correlation_data::VARCHAR AS correlation
    FROM read_parquet([${files}], hive_partitioning = false) ORDER BY "offset"`);
  assert.equal(rows.length, 4999);
  rows.forEach((row, i) => {
    assert.deepEqual([Number(row.offset), row.topic, row.payload, row.qos], [i, lines[i].topic, lines[i].payload, lines[i].qos]);
    assert.deepEqual(row.headers ?? [], i % 4 ? [] : [{ key: 'k', value: `v${i}` }]);
    assert.equal(row.content_type, i % 5 ? null : 'text/plain');
    assert.equal(row.correlation, i % 5 ? null : `c${i}`);
  });
  connection.closeSync();
  await broker.stop();
});

// icebird fetches; what lies in files is given to it so.
function fetchFiles(t) {
  const { fetch } = globalThis;
  t.after(() => { globalThis.fetch = fetch; });
  globalThis.fetch = async (url, { method, headers } = {}) => {
    const file = decodeURIComponent(String(url).replace(/^file:\/\//, ''));
    if (!fs.existsSync(file)) return new Response(null, { status: 404 });
    const bytes = fs.readFileSync(file);
    const range = /^bytes=(\d+)-(\d*)$/.exec(new Headers(headers).get('range') ?? '');
    const part = range ? bytes.subarray(Number(range[1]), range[2] ? Number(range[2]) + 1 : undefined) : bytes;
    return new Response(method === 'HEAD' ? null : part, { status: range ? 206 : 200, headers: { 'content-length': String(part.length) } });
  };
}

test('icebird reads the whole table from its metadata, python3-avro every manifest: what was published', async (t) => {
  const { broker, api, name } = await withStation(t, { messages: 1 });
  const lines = Array.from({ length: 600 }, (_, i) => ({
    topic: `t/${i % 13}`, payload: `message ${i} ü`, qos: i % 3, retain: i % 11 === 0, headers: i % 4 ? {} : { k: `v${i}`, '': 'ö' },
    properties: i % 5 ? {} : { content_type: 'text/plain', correlation_data: `c${i}`, response_topic: `r/${i}`, message_expiry_interval: 1000 + i, payload_format_indicator: 1 },
  }));
  for (let i = 0; i < 3; i += 1) {
    await produce(api, name, lines.slice(i * 200, (i + 1) * 200));
    await flush(api, name);
  }
  const state = await tierOf(api, name);
  const table = path.join(objects(broker), name);
  const metadataFileName = `v${state.table.metadata_version}.metadata.json`;
  const { icebergRead } = await import('icebird');
  fetchFiles(t);
  const rows = await icebergRead({ tableUrl: `file://${table}`, metadataFileName });
  assert.equal(rows.length, 599);
  rows.sort((a, b) => Number(a.offset - b.offset)).forEach((row, i) => {
    const { topic, payload, qos, retain } = lines[i];
    assert.deepEqual([Number(row.offset), row.topic, row.payload, row.qos, row.retain], [i, topic, payload, qos, retain]);
    assert.deepEqual(row.headers ?? [], Object.entries(lines[i].headers).map(([key, value]) => ({ key, value })));
    const full = i % 5 === 0;
    assert.deepEqual([row.content_type ?? null, row.response_topic ?? null, Number(row.expiry_interval ?? 0), row.payload_format ?? null],
      full ? ['text/plain', `r/${i}`, 1000 + i, 1] : [null, null, 0, null]);
  });

  const avro = fs.readdirSync(path.join(table, 'metadata')).filter((file) => file.endsWith('.avro')).map((file) => path.join(table, 'metadata', file));
  const { stdout } = await promisify(execFile)('/usr/bin/python3', [AVRO_DUMP, ...avro], { maxBuffer: 1 << 30 });
  const files = JSON.parse(stdout);
  const metadata = JSON.parse(fs.readFileSync(path.join(table, 'metadata', metadataFileName), 'utf8'));
  const local = (uri) => uri.replace(/^file:\/\//, '');
  for (const snapshot of metadata.snapshots) {
    const entries = files[local(snapshot['manifest-list'])].records.flatMap((line) => files[local(line.manifest_path)].records);
    assert.equal(String(entries.reduce((sum, entry) => sum + entry.data_file.record_count, 0)), snapshot.summary['total-records']);
    for (const { data_file: file } of entries) assert.equal(fs.statSync(local(file.file_path)).size, file.file_size_in_bytes);
  }
  await broker.stop();
});

test('a connector that is not there is told at once, and one in use is not deleted', async (t) => {
  const { broker, api } = await withStation(t);
  const none = await api.fails(404, 'POST', '/stations', { name: 'x', tier: tier({ connector: 's3:none' }) });
  assert.match(none.message, /none/);
  await api.fails(404, 'GET', '/stations/x');
  await api.ok('POST', '/connectors', { type: 'directory', name: 'other', path: 'elsewhere' });
  await api.ok('POST', '/stations', { name: 'y', tier: tier({ connector: 'directory:other' }) });
  const used = await api.call('DELETE', '/connectors/directory:other');
  assert.ok(used.status >= 400 && /station:y/.test(used.text), used.text);
  await api.ok('DELETE', '/stations/y');
  const gone = await api.call('DELETE', '/connectors/directory:other');
  assert.ok(gone.status < 300, gone.text);
  await broker.stop();
});
