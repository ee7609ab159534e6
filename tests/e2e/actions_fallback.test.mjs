// What becomes of messages that an action gives up, and of requests that nobody waits for any more, against a real S3 server.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { publishAll, Stage, upTo } from './lib/sinks.mjs';
import { unique, until, untilEqual } from './lib/wait.mjs';

let stage;
let broker;
let api;
before(async () => {
  stage = await Stage.start();
  ({ broker, api } = stage);
});
after(() => stage?.stop());

const never = () => unique('never').toLowerCase(); // a bucket that is not there
const direct = (parameters, more) => stage.pipeline({ mode: 'direct', key: 'n/${payload}.json', content: '${payload}', ...parameters }, more);
// An action by itself, to fall back to: its id.
const action = async (parameters, more = {}) => {
  const made = await api.ok('POST', '/actions', {
    type: 's3', name: unique('b'), connector: await stage.connector(), resource_opts: { resume_interval: '200ms' },
    parameters: { mode: 'direct', key: 'fallback/${payload}', content: '${clientid}', ...parameters }, ...more,
  });
  return made.name;
};
const reference = (name) => ({ kind: 'reference', type: 's3', name });
const bodies = async (bucket) => Object.fromEntries((await stage.objects(bucket)).map(({ key, body }) => [key, body.toString()]));

describe('fallback actions', () => {
  test('get what has expired, rendered by their own templates', async (t) => {
    const bucket = await stage.bucket();
    const name = await action({ bucket });
    const { topic, id } = await direct({ bucket: never() }, { resource_opts: { request_ttl: '1s' }, fallback_actions: [reference(name)] });
    const it = await stage.publisher(t);
    await publishAll(it, topic, 0, 5);
    await stage.settled(`s3:${name}`, 5);
    assert.deepEqual(await bodies(bucket), Object.fromEntries(upTo(5).map((n) => [`fallback/${n}`, it.options.clientId])));
    await stage.figures(id, { 'dropped.expired': 5, 'fallback.success': 5, 'fallback.failed': 0 });
    assert.deepEqual((await api.ok('GET', `/actions/${id}`)).fallback_actions, [reference(name)]);
  });

  test('get what has expired in aggregated mode, and what a full buffer drops', async (t) => {
    const bucket = await stage.bucket();
    const name = await action({ bucket, content: '' });
    const parameters = { mode: 'aggregated', key: 'k', bucket: never(), aggregation: { time_interval: '1s' }, container: { type: 'json_lines' } };
    const old = await stage.pipeline(parameters, { resource_opts: { request_ttl: '1s' }, fallback_actions: [reference(name)] });
    const full = await stage.pipeline(parameters, {
      resource_opts: { max_buffer_bytes: '1MiB' }, fallback_actions: [reference(name)],
      sql: (from) => `SELECT payload as filler, topic(2) as payload FROM "${from}/#"`,
    });
    const it = await stage.publisher(t);
    await publishAll(it, old.topic, 0, 5);
    for (let n = 5; n < 45; n++) await it.publishAsync(`${full.topic}/${n}`, 'x'.repeat(65536), { qos: 1 });
    await until(async () => (await stage.metrics(old.id))['dropped.expired'] === 5, 'what is too old');
    await until(async () => (await stage.metrics(full.id))['dropped.queue_full'] >= 24, 'what is too much');
    // One more may be dropped meanwhile, and may be in the bucket before those of now.
    const { 'dropped.queue_full': dropped } = await stage.metrics(full.id);
    const missing = async () => {
      const there = new Set((await stage.keys(bucket)).map((key) => Number(key.split('/')[1])));
      return upTo(5 + dropped).filter((n) => !there.has(n));
    };
    await untilEqual(missing, [], 'the fallback');
  });

  test('get at once what a template cannot be made of', async (t) => {
    const bucket = await stage.bucket();
    const name = await action({ bucket });
    const { topic } = await direct({ bucket, key: '${payload.key}' }, { fallback_actions: [reference(name)] });
    await (await stage.publisher(t)).publishAsync(`${topic}/1`, 'x', { qos: 1 });
    assert.deepEqual(Object.keys(await until(async () => {
      const found = await bodies(bucket);
      return Object.keys(found).length > 0 && found;
    }, 'the fallback')), ['fallback/x']);
  });

  test('get at once what comes while the action is disabled; what it has buffered waits', async (t) => {
    const [bucket, own] = [await stage.bucket(), never()];
    const name = await action({ bucket });
    const { topic, id } = await direct({ bucket: own }, { fallback_actions: [reference(name)] });
    const it = await stage.publisher(t);
    await publishAll(it, topic, 0, 2);
    await api.ok('PUT', `/actions/${id}/enable/false`);
    await publishAll(it, topic, 2, 5);
    await stage.settled(`s3:${name}`, 3);
    assert.deepEqual(Object.keys(await bodies(bucket)).sort(), ['fallback/2', 'fallback/3', 'fallback/4']);
    await stage.figures(id, { buffered: 2, 'fallback.success': 3 });
    await api.ok('PUT', `/actions/${id}/enable/true`);
    await stage.createBucket(own);
    await stage.settled(id, 2);
  });

  test('get what a full buffer refuses and nobody sends again; publishers who can are refused', async (t) => {
    const bucket = await stage.bucket();
    const name = await action({ bucket, key: 'fallback/${topic}', content: '' });
    const { topic, id } = await direct({ bucket: never(), key: '${topic}' }, {
      resource_opts: { max_buffer_bytes: '1MiB', buffer_full: 'block' }, fallback_actions: [reference(name)],
      sql: (from) => `SELECT payload, topic FROM "${from}/#"`,
    });
    const it = await stage.publisher(t);
    const refused = async (n) => (await it.publishAsync(`${topic}/${n}`, 'x'.repeat(200_000), { qos: 1 }).then(() => null, ({ code }) => code));
    let n = 0;
    while ((await refused(n)) === null) n += 1;
    assert.equal(await refused(n), 0x97);
    await it.publishAsync(`${topic}/qos0`, 'x', { qos: 0 });
    await stage.settled(`s3:${name}`, 1);
    assert.deepEqual(await stage.keys(bucket), [`fallback/${topic}/qos0`]);
    await stage.figures(id, { buffered: n, 'fallback.success': 1 });
  });

  test('publish; the rule whose action has given up does not hear of it', async (t) => {
    const { topic, id } = await direct({ bucket: never() }, {
      resource_opts: { request_ttl: '1s' },
      fallback_actions: [{ kind: 'republish', args: { topic: '${topic}/lost', payload: 'lost ${payload}', qos: 1 } }],
      sql: (from) => `SELECT payload, topic FROM "${from}/#"`,
    });
    const it = await stage.publisher(t);
    const got = [];
    it.on('message', (from, payload) => got.push([from, payload.toString()]));
    await it.subscribeAsync(`${topic}/+/lost`, { qos: 1 });
    await publishAll(it, topic, 0, 3);
    await until(() => got.length === 3, 'what is published');
    assert.deepEqual(got, upTo(3).map((n) => [`${topic}/1/lost`, `lost ${n}`]));
    await stage.figures(id, { matched: 3, 'fallback.success': 3 });
  });

  test('are not chained', async (t) => {
    const bucket = await stage.bucket();
    const last = await action({ bucket });
    const middle = await action({ bucket: never() }, { resource_opts: { request_ttl: '1s' }, fallback_actions: [reference(last)] });
    const { topic } = await direct({ bucket: never() }, { resource_opts: { request_ttl: '1s' }, fallback_actions: [reference(middle)] });
    await publishAll(await stage.publisher(t), topic, 0, 2);
    await until(async () => (await stage.metrics(`s3:${middle}`))['dropped.expired'] === 2, 'the end of both');
    assert.deepEqual([(await stage.metrics(`s3:${last}`)).matched, (await stage.keys(bucket)).length], [0, 0]);
  });

  test('wait on disk for a broker that is killed', async (t) => {
    const bucket = await stage.bucket();
    const name = await action({ bucket, content: '' });
    const { topic, id } = await direct({ bucket: never() }, { resource_opts: { request_ttl: '2s' }, fallback_actions: [reference(name)] });
    const it = await stage.publisher(t);
    it.on('error', () => {});
    await publishAll(it, topic, 0, 20);
    await broker.kill();
    await broker.start();
    await until(async () => (await stage.keys(bucket)).length === 20, 'all of them');
    await stage.empty(id);
    assert.deepEqual((await stage.keys(bucket)).sort(), upTo(20).map((n) => `fallback/${n}`).sort());
  });

  test('that are wrong are refused', async () => {
    const refused = async (fallback) => (await api.fails(400, 'POST', '/actions', {
      type: 's3', name: 'refused', connector: await stage.connector(), parameters: { bucket: 'any', key: 'k' }, fallback_actions: [fallback],
    })).message;
    assert.match(await refused({ kind: 'other' }), /fallback_actions: 1: kind/);
    assert.match(await refused(reference('refused')), /itself/);
    assert.match(await refused({ kind: 'reference', type: 's3' }), /type and the name/);
    assert.match(await refused({ kind: 'republish', args: { topic: 1 } }), /topic/);
  });
});

describe('a store that hangs', () => {
  const within = async (what, promise) => {
    let timer;
    const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`${what} waits for the store`)), 30_000); });
    await Promise.race([promise, late]).finally(() => clearTimeout(timer));
  };
  const modes = {
    direct: () => ({ mode: 'direct', key: '${payload}' }),
    json_lines: () => ({ mode: 'aggregated', key: 'k', container: { type: 'json_lines' }, aggregation: { time_interval: '1s', max_records: 2 } }),
    iceberg: () => ({ mode: 'aggregated', key: 'k', container: { type: 'iceberg' }, aggregation: { time_interval: '1s', max_records: 2 } }),
  };
  for (const [mode, parameters] of Object.entries(modes)) {
    test(`does not hold up whoever disables or deletes an action: ${mode}`, async (t) => {
      const bucket = await stage.bucket();
      const { topic, id } = await stage.pipeline({ ...parameters(), bucket });
      const it = await stage.publisher(t);
      stage.s3.hang();
      try {
        await publishAll(it, topic, 0, 2);
        await until(async () => (await stage.metrics(id)).inflight > 0, 'a request under way');
        await within('disabling', api.ok('PUT', `/actions/${id}/enable/false`));
        await within('deleting', api.ok('DELETE', `/actions/${id}?force=true`));
      } finally {
        stage.s3.resume();
      }
    });
  }

  test('does not hold up a broker that stops, and nothing is lost', async (t) => {
    const bucket = await stage.bucket();
    const { topic, id } = await direct({ bucket });
    const it = await stage.publisher(t);
    it.on('error', () => {});
    stage.s3.hang();
    try {
      await publishAll(it, topic, 0, 3);
      await until(async () => (await stage.metrics(id)).inflight === 3, 'requests under way');
      await within('stopping', broker.stop({ keep: true }));
    } finally {
      stage.s3.resume();
    }
    await broker.start();
    await stage.empty(id);
    assert.deepEqual((await stage.keys(bucket)).sort(), upTo(3).map((n) => `n/${n}.json`));
  });
});
