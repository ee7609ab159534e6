// The S3 sink against a real S3 server: EMQX's manual page followed step by step; outages of all kinds, and kill -9 in between.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { connect } from './lib/mqttjs.mjs';
import { publishAll, Stage } from './lib/sinks.mjs';
import { unique, until } from './lib/wait.mjs';

let stage;
let broker;
let api;
before(async () => {
  stage = await Stage.start();
  ({ broker, api } = stage);
});
after(() => stage?.stop());

// Everything in a bucket: key → bytes.
const objects = async (bucket) => new Map((await stage.objects(bucket)).map(({ key, body }) => [key, body]));
// A rule whose action writes n.json for each message with payload n.
const pipeline = (parameters, more) => stage.pipeline({ mode: 'direct', key: 'n/${payload}.json', content: '${.}', ...parameters }, more);
const { connector, metrics, publisher } = Object.fromEntries(
  ['connector', 'metrics', 'publisher'].map((name) => [name, (...args) => stage[name](...args)]));

describe("EMQX's manual page for S3", () => {
  test('connector, rule, sink, publish: the object is there', async (t) => {
    const bucket = await stage.bucket();
    await api.ok('POST', '/connectors', {
      type: 's3', name: 'my-s3', host: '127.0.0.1', port: Number(stage.s3.port), access_key_id: stage.s3.access_key, secret_access_key: stage.s3.secret_key,
      access_method: 'path', transport_options: { ssl: { enable: false } },
    });
    const sink = await api.ok('POST', '/actions', {
      type: 's3', name: 'my_sink', connector: 'my-s3',
      parameters: { mode: 'direct', bucket, key: 'msgs/${clientid}_${timestamp}.json', content: '${payload}' },
    });
    assert.deepEqual([sink.status, sink.parameters.mode, sink.resource_opts.worker_pool_size], ['connected', 'direct', 16]);
    await api.ok('POST', '/rules', { id: 'my_rule', sql: 'SELECT * FROM "t/#"', actions: ['s3:my_sink'] });
    assert.deepEqual((await api.ok('GET', '/actions/s3:my_sink')).rules, ['my_rule']);
    const it = await connect(broker.url(), { clientId: 'emqx_c' });
    t.after(() => it.endAsync(true));
    await it.publishAsync('t/1', JSON.stringify({ msg: 'Hello S3' }), { qos: 1 });
    await until(async () => (await metrics('s3:my_sink')).success === 1, 'the upload');
    const [[key, body]] = [...(await objects(bucket))];
    assert.match(key, /^msgs\/emqx_c_\d{13}\.json$/);
    assert.equal(body.toString(), '{"msg":"Hello S3"}');
  });
});

describe('direct mode', () => {
  test('keeps bytes as they are, and sends headers and content type', async (t) => {
    const bucket = await stage.bucket();
    const { topic, id } = await pipeline({ bucket, key: 'raw', content: '${payload}', content_type: 'application/octet-stream', headers: { 'x-amz-meta-from': '${clientid}' } });
    const it = await publisher(t);
    const bytes = Buffer.from([0, 255, 1, 254, 10, 13, 128]);
    await it.publishAsync(`${topic}/1`, bytes, { qos: 1 });
    await until(async () => (await metrics(id)).success === 1, 'the upload');
    const got = await stage.object(bucket, 'raw');
    assert.deepEqual(got.body, bytes);
    assert.deepEqual([got.type, got.metadata.from], ['application/octet-stream', it.options.clientId]);
  });

  test('an undefined variable in the key fails that message alone', async (t) => {
    const bucket = await stage.bucket();
    const { topic, id } = await pipeline({ bucket, key: '${payload.name}' });
    const it = await publisher(t);
    await it.publishAsync(`${topic}/1`, '{}', { qos: 1 });
    await it.publishAsync(`${topic}/1`, '{"name":"a"}', { qos: 1 });
    await until(async () => (await metrics(id)).success === 1, 'the upload');
    assert.deepEqual([...(await objects(bucket)).keys()], ['a']);
  });

  test('a key names the time of the message, and its place in a station that a rule reads', async (t) => {
    const bucket = await stage.bucket();
    const station = unique('s');
    await api.ok('POST', '/stations', { name: station, topics: [`${station}/#`] });
    const { id } = await pipeline({ bucket, key: '${station}/${datetime.YYYY}/${offset}', content: '${payload}' },
      { sql: () => `SELECT payload FROM "$station/${station}"` });
    await publishAll(await publisher(t), station, 0, 3);
    await until(async () => (await metrics(id)).success === 3, 'the uploads');
    const year = new Date().getUTCFullYear();
    assert.deepEqual([...(await objects(bucket))].map(([key, body]) => [key, body.toString()]),
      [0, 1, 2].map((n) => [`${station}/${year}/${n}`, `${n}`]));
  });

  test('the last message under a key stays', async (t) => {
    const bucket = await stage.bucket();
    const { topic, id } = await pipeline({ bucket, key: 'latest', content: '${payload}' });
    const it = await publisher(t);
    for (let n = 1; n <= 50; n++) await it.publishAsync(`${topic}/1`, `${n}`, { qos: 1 });
    await until(async () => (await metrics(id)).success === 50, 'the uploads');
    assert.equal((await objects(bucket)).get('latest').toString(), '50');
  });

  test('with query_mode sync the acknowledgement waits for the store', async (t) => {
    const bucket = await stage.bucket();
    const { topic } = await pipeline({ bucket }, { resource_opts: { query_mode: 'sync' } });
    const it = await publisher(t);
    await it.publishAsync(`${topic}/1`, '7', { qos: 1 });
    assert.deepEqual([...(await objects(bucket)).keys()], ['n/7.json']);
  });
});

describe('outages lose nothing', () => {
  const allThere = async (bucket, id, count) => {
    await stage.empty(id);
    const found = await objects(bucket);
    assert.deepEqual([...found.keys()].sort(), Array.from({ length: count }, (_, n) => `n/${n}.json`).sort());
    for (const [key, body] of found) assert.equal(JSON.parse(body).payload, key.slice(2, -5));
  };

  test('a bucket that is made later', async (t) => {
    const bucket = unique('later').toLowerCase();
    const { topic, id } = await pipeline({ bucket });
    const it = await publisher(t);
    await publishAll(it, topic, 0, 10);
    assert.match((await stage.status(id, 'disconnected')).status_reason, /bucket/);
    await stage.createBucket(bucket);
    await allThere(bucket, id, 10);
    await stage.status(id, 'connected');
  });

  test('a wrong secret that is corrected', async (t) => {
    const bucket = await stage.bucket();
    const name = await connector({ secret_access_key: 'wrong' });
    const { topic, id } = await pipeline({ bucket }, { connector: name });
    const it = await publisher(t);
    await publishAll(it, topic, 0, 10);
    assert.match((await stage.status(id, 'disconnected')).status_reason, /secret/);
    await api.ok('PUT', `/connectors/s3:${name}`, { secret_access_key: stage.s3.secret_key });
    await allThere(bucket, id, 10);
  });

  test('a store that hangs, and a broker that is killed meanwhile', async (t) => {
    const bucket = await stage.bucket();
    const { topic, id } = await pipeline({ bucket });
    await stage.publishThroughHangAndKill(t, topic);
    await allThere(bucket, id, 80);
  });

  test('kill -9 in the middle of uploads', async (t) => {
    const bucket = await stage.bucket();
    const { topic, id } = await pipeline({ bucket });
    const it = await connect(broker.url(), {});
    it.on('error', () => {});
    await publishAll(it, topic, 0, 200);
    await broker.kill();
    it.end(true);
    await broker.start();
    await allThere(bucket, id, 200);
    const after_restart = await publisher(t);
    await publishAll(after_restart, topic, 200, 220);
    await allThere(bucket, id, 220);
  });

  test('too old messages are dropped and counted where request_ttl says so', async (t) => {
    const bucket = unique('never').toLowerCase();
    const { topic, id } = await pipeline({ bucket }, { resource_opts: { request_ttl: '1s' } });
    const it = await publisher(t);
    await publishAll(it, topic, 0, 5);
    await until(async () => (await metrics(id))['dropped.expired'] === 5, 'the drops');
  });
});
