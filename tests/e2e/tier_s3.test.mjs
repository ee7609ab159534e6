// The second tier in a real S3 server: the same as in a directory, and what only a server can do: go away, refuse, come back.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Broker } from './lib/broker.mjs';
import * as mqttjs from './lib/mqttjs.mjs';
import { S3Server } from './lib/s3.mjs';
import { StationApi, ndjson } from './lib/stations.mjs';
import { unique, until } from './lib/wait.mjs';

const BUCKET = 'varve-test';

// Two implementations that have nothing in common; what each honours is told.
const KINDS = { ceph: 'exactly_once', swift: 'single_writer' };
const servers = {};
let s3;
before(async () => {
  for (const kind of Object.keys(KINDS)) servers[kind] = await S3Server.start(kind);
  s3 = servers.ceph;
});
after(() => Promise.all(Object.values(servers).map((server) => server.stop())));

async function withBroker(t, server = s3) {
  const broker = await Broker.during(t);
  const api = new StationApi(broker);
  await api.ok('POST', '/connectors', { ...server.connector, name: 'store', bucket: BUCKET });
  return { broker, api };
}
const tierOf = (api, name) => api.ok('GET', `/stations/${name}/tier`);
const numbered = (n, from = 0) => Array.from({ length: n }, (_, i) => ({ topic: `t/${(from + i) % 7}`, payload: `message ${from + i}` }));
const produce = (api, name, lines) => api.ok('POST', `/stations/${name}/messages`, ndjson(lines));
const readAll = (api, name) => api.lines(`/stations/${name}/messages?from=earliest`);
async function job(api, started) {
  return until(async () => {
    const state = await api.ok('GET', `/jobs/${started.job}`);
    assert.notEqual(state.state, 'failed', JSON.stringify(state));
    return state.state === 'succeeded' && state;
  }, `job ${started.job}`, { timeout_ms: 60_000 });
}
const station = (api, name, more = {}) => api.ok('POST', '/stations', {
  name, topics: [`${name}/#`], retention: { messages: 10 },
  tier: { enabled: true, connector: 's3:store', bucket: BUCKET, prefix: 'a prefix/with ü', upload_bytes: '64KiB', upload_interval: '1s', ...more },
});

for (const [kind, guarantee] of Object.entries(KINDS)) test(`migrated, read back over MQTT, recovered on an empty machine: ${kind}`, async (t) => {
  const { broker, api } = await withBroker(t, servers[kind]);
  const name = unique('s');
  await station(api, name);
  await produce(api, name, numbered(2000));
  await job(api, await api.ok('POST', `/stations/${name}/tier/flush`));
  const state = await tierOf(api, name);
  assert.deepEqual([state.status, state.guarantee, state.committed_offset, state.complete], ['running', guarantee, 1989, true]);
  assert.ok(state.puts <= 6 * state.commits, `${state.puts} puts for ${state.commits} commits`);
  assert.deepEqual(Object.keys(state.requests), ['put', 'get', 'head', 'delete_many', 'list']);
  assert.deepEqual([state.requests.put.ok + state.requests.put.failed, state.requests.put.failed], [state.puts, 0]);
  const all = await readAll(api, name);
  assert.deepEqual(all.map((m) => m.payload), numbered(2000).map((m) => m.payload));
  const client = await mqttjs.connect(broker.url(), { protocolVersion: 5 });
  await client.subscribeAsync(`$station/${name}@earliest`, { qos: 1 });
  await client.received(2000);
  await client.endAsync();
  await broker.stop();

  const { broker: machine, api: there } = await withBroker(t, servers[kind]);
  await job(there, await there.ok('POST', '/stations/recover', { connector: 's3:store', bucket: BUCKET, prefix: 'a prefix/with ü' }));
  assert.deepEqual(await readAll(there, name), all.slice(0, 1990));
  await there.ok('DELETE', `/stations/${name}?tier=delete`);
  const none = await job(there, await there.ok('POST', '/stations/recover', { connector: 's3:store', bucket: BUCKET, prefix: 'a prefix/with ü', dry_run: true }));
  assert.deepEqual(none.result, { recovered: [], failed: [] });
  await machine.stop();
});

test('a server that hangs does not keep the broker from stopping, and loses nothing', async (t) => {
  const { broker, api } = await withBroker(t);
  const name = unique('s');
  await station(api, name);
  await produce(api, name, numbered(500));
  await job(api, await api.ok('POST', `/stations/${name}/tier/flush`));
  s3.hang();
  t.after(() => s3.resume());
  await produce(api, name, numbered(1500, 500));
  await until(async () => (await tierOf(api, name)).lag.seconds > 1.5, 'the migration to hang');
  await broker.stop({ keep: true });
  s3.resume();
  await broker.start();
  await until(async () => (await tierOf(api, name)).committed_offset === 1989, 'the tier to catch up', { timeout_ms: 60_000 });
  assert.ok((await tierOf(api, name)).complete);
  assert.deepEqual((await readAll(api, name)).map((m) => m.payload), numbered(2000).map((m) => m.payload));
  await broker.stop();
});
