// Objects of many messages against a real S3 server: each message once and in order, whatever ends a range, whatever fails.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';

import { Broker } from './lib/broker.mjs';
import { connect } from './lib/mqttjs.mjs';
import { publishAll, Stage, upTo } from './lib/sinks.mjs';
import { StationApi } from './lib/stations.mjs';
import { unique, until } from './lib/wait.mjs';

let stage;
let broker;
let api;
before(async () => {
  stage = await Stage.start();
  ({ broker, api } = stage);
});
after(() => stage?.stop());

// All objects of a bucket in the order of their (unix) interval and sequence.
const objects = async (bucket) => {
  const place = ({ key }) => key.split('/').slice(-2).map(Number);
  return (await stage.objects(bucket)).sort((a, b) => place(a)[0] - place(b)[0] || place(a)[1] - place(b)[1]);
};
const lines = (object) => object.body.toString().split('\n').slice(0, -1);
const numbers = (found) => found.flatMap((object) => lines(object).map((line) => Number(JSON.parse(line).payload)));

const pipeline = (parameters, more) => stage.pipeline({
  mode: 'aggregated', key: '${action}/${node}/${datetime.unix}/${sequence}',
  container: { type: 'json_lines' }, aggregation: { time_interval: '2s' }, ...parameters,
}, more);
const { metrics, settled, empty, publisher } = Object.fromEntries(
  ['metrics', 'settled', 'empty', 'publisher'].map((name) => [name, (...args) => stage[name](...args)]));

describe('aggregated mode', () => {
  test('JSON Lines: each message once, in order, at most max_records in an object', async (t) => {
    const bucket = await stage.bucket();
    const { topic, id } = await pipeline({ bucket, aggregation: { time_interval: '3s', max_records: 40 } });
    await publishAll(await publisher(t), topic, 0, 100);
    await settled(id, 100);
    const found = await objects(bucket);
    assert.deepEqual(numbers(found), upTo(100));
    for (const object of found) {
      assert.ok(lines(object).length <= 40);
      assert.equal(object.type, 'application/jsonl');
      assert.match(object.key, new RegExp(`^${id.slice(3)}/varve@127\\.0\\.0\\.1/\\d+/\\d+$`));
    }
    assert.equal((await metrics(id))['aggregated_upload.success'], found.length);
  });

  test('CSV: the columns of the first row, compressed with gzip', async (t) => {
    const bucket = await stage.bucket();
    const { topic, id } = await pipeline(
      { bucket, container: { type: 'csv', column_order: ['n'], compression: 'gzip' }, aggregation: { time_interval: '1h', max_records: 3 } },
      { sql: (from) => `SELECT payload.n as n, payload.text as text, clientid FROM "${from}/#"` },
    );
    const it = await publisher(t);
    for (const [n, text] of ['plain', 'a,"b"', [1, 2]].entries()) await it.publishAsync(`${topic}/1`, JSON.stringify({ n, text }), { qos: 1 });
    await settled(id, 3);
    const [object] = await objects(bucket);
    const client = it.options.clientId;
    assert.equal(gunzipSync(object.body).toString(), `n,clientid,text\n0,${client},plain\n1,${client},"a,""b"""\n2,${client},"[1,2]"\n`);
    assert.deepEqual([object.type, object.encoding], ['text/csv', 'gzip']);
  });

  test('an object ends once it has max_bytes', async (t) => {
    const bucket = await stage.bucket();
    const { topic, id } = await pipeline({ bucket, aggregation: { time_interval: '1h', max_bytes: 1000 } }, { sql: (from) => `SELECT payload FROM "${from}/#"` });
    const it = await publisher(t);
    for (let n = 0; n < 10; n++) await it.publishAsync(`${topic}/1`, 'x'.repeat(485), { qos: 1 }); // 500 bytes a line
    await settled(id, 10);
    assert.deepEqual((await objects(bucket)).map(({ body }) => body.length), [1000, 1000, 1000, 1000, 1000]);
  });

  test('an object ends with its interval, also when nothing more comes', async (t) => {
    const bucket = await stage.bucket();
    const { topic, id } = await pipeline({ bucket, aggregation: { time_interval: '1s' } });
    const it = await publisher(t);
    await publishAll(it, topic, 0, 1);
    await settled(id, 1);
    await publishAll(it, topic, 1, 3);
    await settled(id, 3);
    const found = await objects(bucket);
    assert.ok(found.length >= 2);
    assert.deepEqual(numbers(found), upTo(3));
  });

  test('with query_mode sync the acknowledgement waits for the store', async (t) => {
    const bucket = await stage.bucket();
    const { topic } = await pipeline({ bucket, aggregation: { time_interval: '1s' } }, { resource_opts: { query_mode: 'sync' } });
    await publishAll(await publisher(t), topic, 0, 2);
    assert.deepEqual(numbers(await objects(bucket)), [0, 1]);
  });

  test('an action made anew goes on with the numbers of the former one', async (t) => {
    const bucket = await stage.bucket();
    const { topic, id } = await pipeline({ bucket, key: 'd/${action}/${node}/${datetime.YYYY}/${sequence}', aggregation: { time_interval: '1h', max_records: 1 } });
    const it = await publisher(t);
    await publishAll(it, topic, 0, 3);
    await settled(id, 3);
    const { type, name, connector, parameters } = await api.ok('GET', `/actions/${id}`);
    await api.ok('DELETE', `/actions/${id}?force=true`);
    await api.ok('POST', '/actions', { type, name, connector, parameters });
    await publishAll(it, topic, 3, 5);
    await until(async () => (await objects(bucket)).length === 5, 'five objects');
    assert.deepEqual(numbers(await objects(bucket)), upTo(5));
  });

  test('placeholders of messages in the key, and another mode later, are refused', async () => {
    const { id } = await pipeline({ bucket: 'any' });
    const refused = (parameters) => api.fails(400, 'PUT', `/actions/${id}`, { parameters });
    assert.match((await refused({ key: '${clientid}' })).message, /clientid/);
    assert.match((await refused({ mode: 'direct' })).message, /mode/);
  });
});

describe('outages lose nothing', () => {
  const allThere = async (bucket, id, count) => {
    await empty(id);
    const found = await objects(bucket);
    assert.deepEqual(numbers(found), upTo(count));
  };

  test('a bucket that is made later', async (t) => {
    const bucket = unique('later').toLowerCase();
    const { topic, id } = await pipeline({ bucket, aggregation: { time_interval: '1s', max_records: 20 } });
    await publishAll(await publisher(t), topic, 0, 50);
    assert.match((await stage.status(id, 'disconnected')).status_reason, /bucket/);
    await until(async () => (await metrics(id))['aggregated_upload.failure'] > 0, 'the failure to be counted');
    await stage.createBucket(bucket);
    await allThere(bucket, id, 50);
    await stage.status(id, 'connected');
  });

  test('a bucket that is corrected', async (t) => {
    const bucket = await stage.bucket();
    const { topic, id } = await pipeline({ bucket: unique('wrong').toLowerCase(), aggregation: { time_interval: '1h', max_records: 20 } });
    await publishAll(await publisher(t), topic, 0, 40);
    await stage.status(id, 'disconnected');
    await api.ok('PUT', `/actions/${id}`, { parameters: { bucket } });
    await allThere(bucket, id, 40);
  });

  test('a store that hangs, and a broker that is killed meanwhile', async (t) => {
    const bucket = await stage.bucket();
    const { topic, id } = await pipeline({ bucket, aggregation: { time_interval: '1s', max_records: 10 } });
    await stage.publishThroughHangAndKill(t, topic);
    await allThere(bucket, id, 80);
  });

  test('kill -9 again and again: no message is missing, none is twice', async (t) => {
    const bucket = await stage.bucket();
    const { topic, id } = await pipeline({ bucket, aggregation: { time_interval: '1s', max_records: 7 } });
    for (let round = 0; round < 4; round++) {
      const it = await connect(broker.url(), {});
      it.on('error', () => {});
      await publishAll(it, topic, round * 50, round * 50 + 50);
      await broker.kill();
      it.end(true);
      await broker.start();
    }
    await publishAll(await publisher(t), topic, 200, 210);
    await allThere(bucket, id, 210);
  });

  // The process ends by itself at its third object: stored, but not remembered; remembered, but still in the buffer.
  for (const point of ['sink.stored', 'sink.remembered']) {
    test(`a crash at ${point}`, async (t) => {
      const bucket = await stage.bucket();
      const own = await Broker.during(t, {}, { env: { VARVE_FAULT: `${point}:3` } });
      const { topic, id } = await pipeline({ bucket, aggregation: { time_interval: '1h', max_records: 5 } }, { api: new StationApi(own) });
      const it = await connect(own.url(), {});
      it.on('error', () => {});
      for (let n = 0; n < 13; n++) await it.publishAsync(`${topic}/1`, `${n}`, { qos: 1 });
      for (let n = 13; n < 20; n++) it.publish(`${topic}/1`, `${n}`, { qos: 0 }); // some of them get through
      assert.equal((await own.exited).signal, 'SIGKILL');
      it.end(true);
      own.options.env = {};
      await own.start();
      const left = new StationApi(own);
      await until(async () => (await metrics(id, left)).buffered < 5, 'the whole objects');
      const found = await objects(bucket);
      const stored = numbers(found);
      assert.deepEqual(stored, upTo(stored.length));
      assert.ok(stored.length >= 15);
      assert.deepEqual(found.map((object) => Number(object.key.split('/').at(-1))), upTo(stored.length / 5));
      await own.stop();
    });
  }

  test('the oldest messages are dropped and counted when the buffer is full', async (t) => {
    const bucket = unique('never').toLowerCase();
    const { topic, id } = await pipeline({ bucket, aggregation: { time_interval: '1s' } }, { resource_opts: { max_buffer_bytes: '1MiB' } });
    const it = await publisher(t);
    for (let n = 0; n < 40; n++) await it.publishAsync(`${topic}/1`, `${n}`.padEnd(65536, ' '), { qos: 1 });
    await until(async () => (await metrics(id))['dropped.queue_full'] >= 24, 'the drops');
    await stage.createBucket(bucket);
    await empty(id);
    const { dropped } = await metrics(id);
    assert.deepEqual(numbers(await objects(bucket)), upTo(40).slice(dropped));
  });

  test('too old messages are dropped and counted where request_ttl says so', async (t) => {
    const { topic, id } = await pipeline({ bucket: unique('never').toLowerCase(), aggregation: { time_interval: '1s' } }, { resource_opts: { request_ttl: '1s' } });
    await publishAll(await publisher(t), topic, 0, 5);
    await until(async () => (await metrics(id))['dropped.expired'] === 5, 'the drops');
  });
});
