// Stations over HTTP: the objects, producing, reading, pull consumers, figures; and together with MQTT.

import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';

import { Broker } from './lib/broker.mjs';
import { tickedPast } from './lib/clock.mjs';
import { RawClient } from './lib/raw.mjs';
import { StationApi, ndjson } from './lib/stations.mjs';
import { delay, unique, until, untilEqual } from './lib/wait.mjs';

let broker;
let api;
before(async () => {
  broker = await Broker.start();
  api = new StationApi(broker);
});
after(() => broker.stop());

const create = async (object = {}, on = api) => {
  const name = unique('s');
  await on.ok('POST', '/stations', { name, ...object });
  return name;
};
const state = async (name) => (await api.ok('GET', `/stations/${name}`)).state;
// {topic, payload, …} of each as a line.
const produce = (name, lines, on = api) => on.ok('POST', `/stations/${name}/messages`, ndjson(lines));
const numbered = (n, topic = 't') => Array.from({ length: n }, (_, i) => ({ topic, payload: String(i) }));
const payloads = (messages) => messages.map((m) => m.payload);

describe('the object', () => {
  test('what is not said is as by default, and the name is lowered', async () => {
    const name = unique('Upper').replace('u', 'U');
    const made = await api.ok('POST', '/stations', { name });
    assert.equal(made.name, name.toLowerCase());
    assert.deepEqual(made.topics, []);
    assert.deepEqual(made.retention, { age: '7d', bytes: '0', messages: 0, acked: false });
    assert.deepEqual([made.sync, made.dedup_window, made.ack_wait, made.max_deliveries], ['commit', '2m', '30s', 10]);
    assert.equal(made.tier.enabled, false);
    assert.equal(made.state.status, 'running');
    assert.deepEqual(await api.ok('GET', `/stations/${name}`), made);
  });

  test('an object that was read can be sent back, and changes nothing', async () => {
    const name = await create({ topics: ['a/#'], retention: { age: '90m' } });
    const was = await api.ok('GET', `/stations/${name}`);
    assert.deepEqual(await api.ok('PUT', `/stations/${name}`, was), was);
  });

  test('PUT changes what it has, and all but the name', async () => {
    const name = await create({ topics: ['a/#'] });
    const changed = await api.ok('PUT', `/stations/${name}`, { retention: { messages: 5 }, description: 'five' });
    assert.deepEqual([changed.retention.messages, changed.retention.age], [5, '7d']);
    assert.deepEqual([changed.description, changed.topics], ['five', ['a/#']]);
    const error = await api.fails(400, 'PUT', `/stations/${name}`, { name: 'other' });
    assert.match(error.message, /name: .*renamed/);
  });

  const bad = [
    [{}, /needs name/],
    [{ name: '-x' }, /"-x" is not a name of a station .*a-z/],
    [{ name: 'x', topics: ['a/#/b'] }, /topics: "a\/#\/b" is no topic filter/],
    [{ name: 'x', topics: 'a' }, /topics: is not a list/],
    [{ name: 'x', topics: ['a', 'a'] }, /topics: "a" twice/],
    [{ name: 'x', retention: { age: '7q' } }, /retention: age: expected a duration/],
    [{ name: 'x', retention: { ages: '7d' } }, /retention: unknown key "ages" \(keys here: age, bytes, messages, acked\)/],
    [{ name: 'x', sync: 'often' }, /sync: expected commit/],
    [{ name: 'x', max_deliveries: -1 }, /max_deliveries: expected a number/],
    [{ name: 'x', tier: { enabled: 1 } }, /tier\.enabled/],
    [{ name: 'x', topic: ['a'] }, /unknown key "topic"/],
  ];
  for (const [object, message] of bad) {
    test(`400 names the field: ${JSON.stringify(object)}`, async () => {
      const error = await api.fails(400, 'POST', '/stations', object);
      assert.match(error.message, message);
      await api.fails(404, 'GET', '/stations/x');
    });
  }

  test('a name that is taken is 409, one that nobody has 404 everywhere', async () => {
    const name = await create();
    assert.equal((await api.fails(409, 'POST', '/stations', { name })).code, 'ALREADY_EXISTS');
    for (const [method, tail, body] of [
      ['GET', ''], ['PUT', '', {}], ['DELETE', ''], ['POST', '/purge'], ['GET', '/messages'],
      ['POST', '/messages?topic=t', { type: 'text/plain', body: 'x' }], ['POST', '/messages', ndjson([{ topic: 't' }])],
      ['GET', '/groups'], ['GET', '/groups/g'], ['DELETE', '/groups/g'], ['POST', '/groups/g/fetch', {}],
      ['POST', '/groups/g/ack', { offsets: [1] }],
    ]) {
      const error = await api.fails(404, method, `/stations/nobody${tail}`, body);
      assert.equal(error.code, 'NOT_FOUND', `${method} ${tail}`);
    }
    for (const [method, tail, body] of [['GET', ''], ['DELETE', ''], ['POST', '/ack', { offsets: [1] }]])
      await api.fails(404, method, `/stations/${name}/groups/nobody${tail}`, body);
  });

  test('lists by name, in pages', async () => {
    const mark = unique('list');
    for (const letter of ['c', 'a', 'b']) await api.ok('POST', '/stations', { name: `${mark}.${letter}` });
    const page = await api.ok('GET', `/stations?like_name=${mark}&limit=2`);
    assert.deepEqual(page.data.map((s) => s.name), [`${mark}.a`, `${mark}.b`]);
    assert.deepEqual(page.meta, { page: 1, limit: 2, hasnext: true, count: 3 });
    const rest = await api.ok('GET', `/stations?like_name=${mark}&limit=2&page=2`);
    assert.deepEqual(rest.data.map((s) => s.name), [`${mark}.c`]);
  });

  test('purging removes what is there; offsets go on', async () => {
    const name = await create();
    await produce(name, numbered(3));
    assert.deepEqual(await api.ok('POST', `/stations/${name}/purge`), { purged: 3 });
    assert.deepEqual(await api.lines(`/stations/${name}/messages`), []);
    assert.equal((await produce(name, numbered(1))).results[0].offset, 3);
  });

  test('a viewer reads and changes nothing, a publisher produces and reads nothing, a consumer reads and acknowledges', async () => {
    const name = await create();
    const as = async (role) => {
      const { api_key, api_secret } = await api.ok('POST', '/api_key', { name: unique('key'), enable: true, role });
      return new StationApi(broker, `${api_key}:${api_secret}`);
    };
    const viewer = await as('viewer');
    await viewer.ok('GET', `/stations/${name}`);
    assert.deepEqual(await viewer.lines(`/stations/${name}/messages`), []);
    for (const [method, tail, body] of [
      ['PUT', '', {}], ['DELETE', ''], ['POST', '/purge'], ['POST', '/messages', ndjson([{ topic: 't' }])],
      ['POST', '/groups/g/fetch', {}],
    ])
      await viewer.fails(403, method, `/stations/${name}${tail}`, body);
    const publisher = await as('publisher');
    await produce(name, numbered(1), publisher);
    await publisher.fails(403, 'GET', `/stations/${name}/messages`);
    await publisher.fails(403, 'GET', `/stations/${name}`);
    const consumer = await as('consumer');
    assert.equal((await consumer.lines(`/stations/${name}/messages`)).length, (await api.lines(`/stations/${name}/messages`)).length);
    assert.equal((await consumer.ok('GET', `/stations/${name}`)).name, name);
    const { data } = await consumer.ok('POST', `/stations/${name}/groups/work/fetch`, { start: 'earliest' });
    assert.ok(data.length > 0);
    assert.deepEqual(await consumer.ok('POST', `/stations/${name}/groups/work/ack`, { offsets: data.map((m) => m.offset) }), {
      acked: data.length,
      nacked: 0,
    });
    assert.equal((await consumer.ok('GET', `/stations/${name}/groups/work`)).lag, 0);
    await consumer.fails(403, 'DELETE', `/stations/${name}/groups/work`);
    await consumer.fails(403, 'POST', `/stations/${name}/messages?topic=t`, { type: 'text/plain', body: 'x' });
    await consumer.fails(403, 'POST', `/stations/${name}/purge`);
    await consumer.fails(403, 'PUT', `/stations/${name}`, { description: 'no' });
    await consumer.fails(403, 'DELETE', `/stations/${name}`);
    await consumer.fails(403, 'POST', '/stations', { name: `${name}-2` });
    for (const where of ['/clients', '/stats', '/api_key', '/mqtt/retainer/messages']) await consumer.fails(403, 'GET', where);
    await consumer.fails(403, 'POST', '/publish', { topic: 't', payload: 'x' });
    for (const one of [viewer, publisher]) await one.fails(403, 'POST', `/stations/${name}/groups/work/fetch`, {});
  });
});

describe('producing', () => {
  test('one body is one message, byte for byte', async () => {
    const name = await create();
    const body = Buffer.from([0, 255, 10, 0x7b]);
    const where = `/stations/${name}/messages?topic=${encodeURIComponent('a/ü')}&id=m1&qos=1&retain=true&header=k:v&header=k:w&content_type=text/x`;
    assert.deepEqual(await api.ok('POST', where, { type: 'application/octet-stream', body }), { offset: 0, duplicate: false });
    const [message] = await api.lines(`/stations/${name}/messages`);
    assert.ok(Math.abs(message.timestamp - Date.now()) < 60_000);
    delete message.timestamp;
    assert.deepEqual(message, {
      offset: 0, topic: 'a/ü', qos: 1, retain: true, payload_base64: body.toString('base64'), id: 'm1',
      headers: { k: ['v', 'w'], 'msg-id': 'm1' }, properties: { content_type: 'text/x' },
    });
  });

  test('topic and id may be headers, and a JSON body is a payload', async () => {
    const name = await create();
    const headers = { 'varve-topic': 'a/b', 'varve-id': '7' };
    await api.ok('POST', `/stations/${name}/messages`, { type: 'application/json', body: '{"a":1}' }, { headers });
    const again = await api.ok('POST', `/stations/${name}/messages`, { type: 'application/json', body: '{"a":1}' }, { headers });
    assert.deepEqual(again, { offset: 0, duplicate: true });
    const [message] = await api.lines(`/stations/${name}/messages`);
    assert.deepEqual([message.topic, message.payload, message.id], ['a/b', '{"a":1}', '7']);
  });

  test('an empty payload is one, and so is none', async () => {
    const name = await create();
    await api.ok('POST', `/stations/${name}/messages?topic=t`);
    await produce(name, [{ topic: 't', payload: '' }, { topic: 't' }]);
    assert.deepEqual(payloads(await api.lines(`/stations/${name}/messages`)), ['', '', '']);
  });

  test('each line of NDJSON is a message, and what is read can be sent again', async () => {
    const from = await create();
    const to = await create();
    const lines = [
      { topic: 'a', payload: 'ä\u0000"', id: '1', headers: { x: '1', y: ['2', '3'] } },
      { topic: 'b', payload_base64: Buffer.from([200, 1]).toString('base64'), qos: 2, retain: true, clientid: 'c1',
        properties: { payload_format_indicator: 0, message_expiry_interval: 60, content_type: 'x', response_topic: 'r',
          correlation_data_base64: '/w==', user_properties: { z: '9' } } },
    ];
    assert.deepEqual(await produce(from, lines), {
      stored: 2, duplicates: 0, failed: 0,
      results: [{ offset: 0, duplicate: false }, { offset: 1, duplicate: false }],
    });
    const { text } = await api.call('GET', `/stations/${from}/messages`);
    await api.ok('POST', `/stations/${to}/messages`, { type: 'application/x-ndjson', body: text });
    const strip = (list) => list.map(({ timestamp, ...rest }) => rest);
    const copies = strip(await api.lines(`/stations/${to}/messages`));
    assert.deepEqual(copies, strip(await api.lines(`/stations/${from}/messages`)));
    assert.deepEqual(copies[0].headers, { x: '1', y: ['2', '3'], 'msg-id': '1' });
    assert.deepEqual(copies[1].properties, {
      payload_format_indicator: 0, message_expiry_interval: 60, content_type: 'x', response_topic: 'r', correlation_data_base64: '/w==',
    });
    assert.deepEqual([copies[1].headers, copies[1].clientid], [{ z: '9' }, 'c1']);
  });

  test('a bad line is answered with its error, and the others are stored', async () => {
    const name = await create({ max_message_bytes: 1000 });
    const where = `/stations/${name}/messages`;
    const lines = [
      { topic: 'a', payload: '1' }, '{', '', { topic: 'a/+' }, { payload: 'x' }, { topic: 'a', payload: 'x'.repeat(2000) },
      { topic: 'a', pay: 'x' }, { topic: 'a', payload_base64: '!' }, { topic: 'a', payload: '2', id: 'i' }, { topic: 'a', payload: '3', id: 'i' },
    ];
    const { status, text } = await api.call('POST', where, ndjson(lines));
    const answer = JSON.parse(text);
    assert.equal(status, 207);
    assert.deepEqual([answer.stored, answer.duplicates, answer.failed], [3, 1, 6]);
    const [a, ...rest] = answer.results;
    assert.equal(a.offset, 0);
    assert.deepEqual(rest.map((r) => r.code ?? r.offset), [
      'BAD_REQUEST', 'BAD_REQUEST', 'BAD_REQUEST', 'PAYLOAD_TOO_LARGE', 'BAD_REQUEST', 'BAD_REQUEST', 1, 1]);
    for (const [i, pattern] of [[0, /no JSON/], [1, /a\/\+/], [2, /topic/], [3, /takes 1000/], [4, /pay/], [5, /payload_base64/]])
      assert.match(rest[i].message, pattern);
    assert.deepEqual(rest.at(-1), { offset: 1, duplicate: true });
    assert.deepEqual(payloads(await api.lines(where)), ['1', '2']);
  });

  test('when no line is stored, the first error is the answer', async () => {
    const name = await create();
    const error = await api.fails(400, 'POST', `/stations/${name}/messages`, ndjson([{ topic: '#' }, { topic: 'a', qos: 7 }]));
    assert.deepEqual([error.code, error.stored, error.failed], ['BAD_REQUEST', 0, 2]);
    assert.match(error.results[1].message, /qos/);
  });

  const refused = [
    [400, '', { type: 'text/plain', body: 'x' }, /topic: missing/],
    [400, '?topic=a/%23', { type: 'text/plain', body: 'x' }, /no topic name/],
    [400, '?topic=a&qos=3', { type: 'text/plain', body: 'x' }, /qos/],
    [400, '?topic=a&header=x', { type: 'text/plain', body: 'x' }, /NAME:VALUE/],
    [400, '?topic=a&nix=1', { type: 'text/plain', body: 'x' }, /nix/],
    [400, '?topic=a', ndjson([{ topic: 'a' }]), /each line/],
    [400, '', ndjson(['', '']), /no line/],
    [413, '', ndjson(Array(10_001).fill('{"topic":"a"}')), /10000 lines/],
    [413, '?topic=a', { type: 'text/plain', body: Buffer.alloc(1_100_000) }, /takes 1048576/],
    [413, '?topic=a', { type: 'text/plain', body: Buffer.alloc((8 << 20) + 1) }, /more than 8388608/],
  ];
  for (const [status, query, body, pattern] of refused) {
    test(`${status} for a request that says ${pattern}`, async () => {
      const name = await create();
      const error = await api.fails(status, 'POST', `/stations/${name}/messages${query}`, body);
      assert.match(error.message, pattern);
      assert.equal((await state(name)).messages, 0);
    });
  }

  test('seven megabytes of lines are stored in their order', async () => {
    const name = await create();
    const answer = await produce(name, Array.from({ length: 10_000 }, (_, i) => ({ topic: 't', payload: `${i} ${'x'.repeat(700)}` })));
    assert.equal(answer.stored, 10_000);
    assert.ok(answer.results.every((result, i) => result.offset === i));
    const messages = await api.lines(`/stations/${name}/messages`);
    assert.ok(messages.every((m, i) => m.offset === i && m.payload.startsWith(`${i} `)));
  });
});

describe('reading', () => {
  let name;
  const read = async (query = '') => payloads(await api.lines(`/stations/${name}/messages${query}`));
  before(async () => {
    name = await create();
    await produce(name, [...numbered(6, 'a/x'), ...numbered(4, 'b/x')].map((line, i) => ({ ...line, payload: String(i) })));
  });

  const all = Array.from({ length: 10 }, (_, i) => String(i));
  const queries = [
    ['', all],
    ['?from=earliest', all],
    ['?from=latest', []],
    ['?from=last:3', ['7', '8', '9']],
    ['?from=last:100', all],
    ['?from=offset:8', ['8', '9']],
    ['?from=offset:100', []],
    ['?to=offset:2', ['0', '1']],
    ['?from=offset:3&to=last:5', ['3', '4']],
    ['?to=earliest', []],
    ['?limit=2', ['0', '1']],
    ['?filter=b/%2B', ['6', '7', '8', '9']],
    ['?filter=b/%23&limit=1', ['6']],
    ['?filter=c', []],
    ['?from=time:2000-01-01T00:00:00Z', all],
    ['?to=time:2000-01-01T00:00:00Z', []],
    ['?from=time:0', all],
    ['?to=latest', all],
  ];
  for (const [query, expected] of queries) {
    test(`messages${query}`, async () => assert.deepEqual(await read(query), expected));
  }

  test('from a time between two messages', async () => {
    const own = await create();
    await produce(own, [{ topic: 't', payload: 'before' }]);
    const between = (await api.lines(`/stations/${own}/messages`))[0].timestamp + 1;
    await tickedPast(api, between);
    await produce(own, [{ topic: 't', payload: 'behind' }]);
    assert.deepEqual(payloads(await api.lines(`/stations/${own}/messages?from=time:${between}`)), ['behind']);
    assert.deepEqual(payloads(await api.lines(`/stations/${own}/messages?to=time:${new Date(between).toISOString()}`)), ['before']);
  });

  for (const [query, pattern] of [
    ['?from=nowhere', /from: "nowhere" is no start/], ['?to=offset:x', /query parameter to/], ['?limit=0', /limit/],
    ['?filter=a/%23/b', /no topic filter/], ['?format=xml', /format: is one of ndjson, csv, raw/], ['?wait_ms=-1', /wait_ms/],
  ]) {
    test(`400 for messages${query}`, async () => {
      assert.match((await api.fails(400, 'GET', `/stations/${name}/messages${query}`)).message, pattern);
    });
  }

  test('the answer tells where it begins', async () => {
    const { headers } = await api.call('GET', `/stations/${name}/messages?from=last:3`);
    assert.equal(headers.get('varve-from-offset'), '7');
  });

  test('CSV is quoted where it must be, and has a headline even without messages', async () => {
    const own = await create();
    const head = 'offset,timestamp,topic,qos,retain,payload,payload_base64,clientid,username,id,headers,properties';
    const csv = async () => (await api.call('GET', `/stations/${own}/messages?format=csv`)).text.split('\r\n');
    assert.deepEqual(await csv(), [head, '']);
    await produce(own, [{ topic: 'a,b', payload: 'say "hi"\r\nbye', headers: { k: 'v' } }, { topic: 't', payload_base64: '/wA=' }]);
    const text = (await api.call('GET', `/stations/${own}/messages?format=csv`)).text.replace(/,\d{13},/g, ',TIME,');
    assert.equal(text, `${head}\r\n0,TIME,"a,b",0,false,"say ""hi""\r\nbye",,,,,"{""k"":""v""}",\r\n1,TIME,t,0,false,,/wA=,,,,,\r\n`);
  });

  test('raw is the payloads, a line feed behind each', async () => {
    const { text, headers } = await api.call('GET', `/stations/${name}/messages?format=raw&limit=3`);
    assert.equal(text, '0\n1\n2\n');
    assert.equal(headers.get('content-type'), 'application/octet-stream');
  });

  test('wait_ms wakes when a message is published', async () => {
    const own = await create({ topics: [`${'w'}/${name}`] });
    const waiting = api.lines(`/stations/${own}/messages?from=latest&wait_ms=60000`);
    await until(async () => (await api.call('GET', '//metrics')).text.includes('varve_http_waiting_requests 1'), 'the request to wait');
    const publisher = await RawClient.connect(broker.tcp);
    await publisher.publish(`w/${name}`, 'now', { qos: 1 });
    assert.deepEqual(payloads(await waiting), ['now']);
    await publisher.disconnect();
  });

  test('wait_ms is over without a message: an empty answer', async () => {
    assert.deepEqual(await read('?from=latest&wait_ms=20'), []);
    assert.deepEqual(await read('?from=last:1&wait_ms=60000'), ['9'], 'what is there is not waited for');
    assert.deepEqual(await read('?from=earliest&filter=none&wait_ms=20'), []);
  });

  test('follow gives what comes until the limit', async () => {
    const own = await create();
    await produce(own, numbered(2));
    const stream = await api.stream(`/stations/${own}/messages?follow=true&limit=5`);
    let text = '';
    stream.on('data', (chunk) => (text += chunk));
    const ended = new Promise((resolve) => stream.on('end', resolve));
    await until(() => text.split('\n').length === 3, 'what was there');
    await produce(own, numbered(1));
    await until(() => text.split('\n').length === 4, 'what came');
    await produce(own, numbered(9));
    await ended;
    assert.equal(text.trim().split('\n').length, 5);
  });

  test('follow with wait_ms ends when nothing has come for so long', async () => {
    assert.deepEqual(await read('?follow=true&wait_ms=30'), all);
  });

  test('deleting a station cuts those off who follow it', async () => {
    const own = await create();
    await produce(own, numbered(1));
    const stream = await api.stream(`/stations/${own}/messages?follow=true`);
    const end = new Promise((resolve) => {
      stream.on('error', () => resolve('cut'));
      stream.on('end', () => resolve('end'));
    });
    stream.resume();
    await api.ok('DELETE', `/stations/${own}`);
    assert.equal(await end, 'cut');
  });

  test('a slow client of 100,000 messages costs the broker next to nothing', async () => {
    const own = await create();
    for (let i = 0; i < 10; i += 1)
      await produce(own, Array.from({ length: 10_000 }, (_, k) => ({ topic: 't', payload: `${i * 10_000 + k} ${'x'.repeat(500)}` })));
    const before_bytes = broker.memory_bytes();
    let most_bytes = 0;
    const stream = await api.stream(`/stations/${own}/messages`);
    let next = 0;
    let rest = '';
    for await (const chunk of stream) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop();
      for (const line of lines) {
        const { offset, payload } = JSON.parse(line);
        assert.equal(offset, next);
        assert.ok(payload.startsWith(`${next} `));
        next += 1;
      }
      if (next % 7 === 0) await delay(1);
      most_bytes = Math.max(most_bytes, broker.memory_bytes());
    }
    assert.equal(next, 100_000);
    assert.ok(most_bytes - before_bytes < 40e6, `${(most_bytes - before_bytes) / 1e6} MB more`);
  });

  test('a client that goes away leaves nothing behind', async () => {
    const own = await create();
    const streams = await Promise.all(Array.from({ length: 20 }, () => api.stream(`/stations/${own}/messages?follow=true`)));
    for (const stream of streams) stream.on('error', () => {}).destroy();
    await api.ok('DELETE', `/stations/${own}`);
    await until(async () => /varve_http_waiting_requests 0/.test((await api.call('GET', '//metrics')).text), 'nobody to wait');
  });
});

describe('with MQTT', () => {
  test('what is produced over HTTP is read over MQTT, as it was', async () => {
    const name = await create();
    const reader = await RawClient.connect(broker.tcp);
    await reader.subscribe(`$station/${name}@earliest`, { qos: 1 });
    await produce(name, [{ topic: 'a/b', payload: 'hi', qos: 1, headers: { k: 'v' }, properties: { content_type: 'text/x' } }]);
    const message = await reader.expect('publish', { topic: 'a/b', payload: 'hi' });
    const properties = Object.fromEntries(message.properties.userProperties);
    assert.deepEqual([properties.k, properties['varve-offset'], message.properties.contentType], ['v', '0', 'text/x']);
    await reader.disconnect();
  });

  test('what is published over MQTT is read over HTTP', async () => {
    const topic = unique('topic');
    const name = await create({ topics: [`${topic}/#`] });
    const publisher = await RawClient.connect(broker.tcp, { clientId: unique('dev') });
    await publisher.publish(`${topic}/1`, Buffer.from([1, 255]), { qos: 1, properties: { userProperties: [['a', '1']] } });
    const [message] = await api.lines(`/stations/${name}/messages`);
    assert.deepEqual([message.topic, message.payload_base64, message.qos, message.headers], [`${topic}/1`, 'Af8=', 1, { a: '1' }]);
    assert.match(message.clientid, /^dev/);
    await publisher.disconnect();
  });

  test('a group has members over both, and each message goes to one', async () => {
    const name = await create();
    const member = await RawClient.connect(broker.tcp);
    await member.subscribe(`$share/g/$station/${name}@earliest`, { qos: 1 });
    await produce(name, numbered(1));
    await member.expect('publish', { payload: '0' });
    assert.equal((await api.ok('GET', `/stations/${name}/groups/g`)).members, 1);
    const busy = await api.fails(409, 'DELETE', `/stations/${name}`);
    assert.deepEqual([busy.code, /group g .* has 1 member/.test(busy.message)], ['IN_USE', true]);
    assert.equal((await api.fails(409, 'DELETE', `/stations/${name}/groups/g`)).code, 'IN_USE');
    await member.disconnect();
    await until(async () => (await api.ok('GET', `/stations/${name}/groups/g`)).members === 0, 'the member to go');
    await produce(name, numbered(2));
    const { data } = await api.ok('POST', `/stations/${name}/groups/g/fetch`, { batch: 10, wait_ms: 5000 });
    assert.deepEqual(payloads(data), ['0', '1']);
    await api.ok('DELETE', `/stations/${name}/groups/g?force=true`);
    await api.ok('DELETE', `/stations/${name}`);
  });
});

describe('pull consumers', () => {
  const fetchFrom = (name, options, group = 'g') => api.ok('POST', `/stations/${name}/groups/${group}/fetch`, options);
  const settle = (name, body, group = 'g') => api.ok('POST', `/stations/${name}/groups/${group}/ack`, body);

  test('a batch is acknowledged, and the group goes on behind it', async () => {
    const name = await create();
    await produce(name, numbered(5));
    const first = await fetchFrom(name, { start: 'earliest', batch: 2 });
    assert.deepEqual([payloads(first.data), first.meta], [['0', '1'], { count: 2 }]);
    assert.deepEqual(first.data.map((m) => m.deliveries), [1, 1]);
    assert.deepEqual(await settle(name, { offsets: [0, 1] }), { acked: 2, nacked: 0 });
    assert.deepEqual(await settle(name, { offsets: [0] }), { acked: 0, nacked: 0 }, 'a second time is none');
    assert.deepEqual(payloads((await fetchFrom(name, {})).data), ['2', '3', '4']);
    const group = await api.ok('GET', `/stations/${name}/groups/g`);
    assert.deepEqual([group.acked_offset, group.next_offset, group.in_flight, group.lag], [2, 5, 3, 3]);
    const { data } = await api.ok('GET', `/stations/${name}/groups`);
    assert.deepEqual(data, [group]);
  });

  test('what is refused comes again at once, what is forgotten after ack_wait, then to the dead letters', async () => {
    const name = await create({ ack_wait: '1h', max_deliveries: 3 });
    await produce(name, numbered(1));
    const [first] = (await fetchFrom(name, { start: 'earliest' })).data;
    assert.deepEqual(await settle(name, { nack: [first.offset] }), { acked: 0, nacked: 1 });
    await api.ok('PUT', `/stations/${name}`, { ack_wait: '300ms' }); // of what is delivered from here on
    const [second] = (await fetchFrom(name, { wait_ms: 10_000 })).data;
    const [third] = (await fetchFrom(name, { wait_ms: 10_000 })).data;
    assert.deepEqual([second.deliveries, third.deliveries], [2, 3]);
    const [dead] = await api.lines(`/stations/${name}.dead/messages?wait_ms=10000`).catch(async () => {
      await until(async () => (await api.call('GET', `/stations/${name}.dead`)).status === 200, 'the dead letters');
      return api.lines(`/stations/${name}.dead/messages?wait_ms=10000`);
    });
    assert.equal(dead.payload, '0');
    assert.equal(dead.headers['varve-dead-group'], 'g');
  });

  test('a fetch waits for the first message, and no longer than wait_ms', async () => {
    const name = await create();
    assert.deepEqual(await fetchFrom(name, { start: 'earliest', wait_ms: 20 }), { data: [], meta: { count: 0 } });
    const waiting = fetchFrom(name, { wait_ms: 60_000 });
    await until(async () => (await api.ok('GET', `/stations/${name}/groups/g`)).members === 1, 'the member');
    await produce(name, numbered(1));
    assert.deepEqual(payloads((await waiting).data), ['0']);
  });

  test('a consumer that goes away takes nothing with it', async () => {
    const name = await create();
    await fetchFrom(name, { start: 'earliest' });
    const going = new AbortController();
    const gone = api.call('POST', `/stations/${name}/groups/g/fetch`, { wait_ms: 60_000 }, { signal: going.signal }).catch(() => {});
    await until(async () => (await api.ok('GET', `/stations/${name}/groups/g`)).members === 1, 'the member');
    going.abort();
    await gone;
    await until(async () => (await api.ok('GET', `/stations/${name}/groups/g`)).members === 0, 'the member to go');
    await produce(name, numbered(1));
    const [message] = (await fetchFrom(name, { wait_ms: 10_000 })).data;
    assert.equal(message.deliveries, 1);
  });

  test('a group has a topic filter of its own, which stays', async () => {
    const name = await create();
    await produce(name, [{ topic: 'a', payload: 'a' }, { topic: 'b', payload: 'b' }]);
    assert.deepEqual(payloads((await fetchFrom(name, { start: 'earliest', filter: 'b' })).data), ['b']);
    const error = await api.fails(400, 'POST', `/stations/${name}/groups/g/fetch`, { filter: 'a' });
    assert.match(error.message, /group g .*reads "b"/);
  });

  for (const [tail, body, pattern] of [
    ['fetch', { batch: 0 }, /batch/], ['fetch', { batch: 1001 }, /batch/], ['fetch', { wait_ms: 60_001 }, /wait_ms/],
    ['fetch', { start: 'x' }, /"x" is no start/], ['fetch', { filter: '#/a' }, /no topic filter/], ['fetch', { nix: 1 }, /nix/],
    ['ack', {}, /no offset/], ['ack', { offsets: ['1'] }, /offsets\[0\]/], ['ack', { offsets: [-1] }, /offsets\[0\]/],
  ]) {
    test(`400 for ${tail} ${JSON.stringify(body)}`, async () => {
      const name = await create();
      if (tail === 'ack') await fetchFrom(name, {});
      assert.match((await api.fails(400, 'POST', `/stations/${name}/groups/g/${tail}`, body)).message, pattern);
    });
  }

  test('a group is deleted with its position', async () => {
    const name = await create();
    await produce(name, numbered(2));
    await fetchFrom(name, { start: 'earliest' });
    await settle(name, { offsets: [0, 1] });
    await api.ok('DELETE', `/stations/${name}/groups/g`);
    assert.deepEqual(payloads((await fetchFrom(name, { start: 'earliest' })).data), ['0', '1']);
  });
});

describe('figures', () => {
  test('/metrics has totals, and each station and group', async () => {
    const name = await create();
    await produce(name, numbered(3));
    await api.ok('POST', `/stations/${name}/groups/g%22/fetch`, { start: 'earliest', batch: 1 });
    const lines = [
      `varve_station_messages{station="${name}"} 3`, `varve_station_running{station="${name}"} 1`,
      `varve_station_messages_in_total{station="${name}"} 3`,
      `varve_station_group_lag{station="${name}",group="g\\""} 3`, `varve_station_group_in_flight{station="${name}",group="g\\""} 1`,
    ];
    let text;
    const missing = async () => {
      ({ text } = await api.call('GET', '//metrics'));
      return lines.filter((line) => !text.includes(`${line}\n`));
    };
    await untilEqual(missing, [], 'the figures');
    assert.match(text, /^varve_stations \d+$/m);
    assert.match(text, /^varve_stations_messages \d+$/m);
    for (const name of text.matchAll(/^(varve_\w+)/gm)) assert.ok(text.includes(`# TYPE ${name[1]} `), name[1]);
  });

  test('/api/v5/stats has the totals', async () => {
    await create();
    const stats = await api.ok('GET', '/stats?aggregate=true');
    for (const key of ['stations.count', 'stations.messages.count', 'stations.bytes', 'stations.groups.count'])
      assert.equal(typeof stats[key], 'number', key);
  });

  test('openapi.json describes every endpoint', async () => {
    const { paths, components } = await api.ok('GET', '/openapi.json');
    const base = '/api/v5/stations';
    const expected = {
      '': ['get', 'post'], '/{name}': ['get', 'put', 'delete'], '/{name}/purge': ['post'], '/{name}/messages': ['get', 'post'],
      '/{name}/groups': ['get'], '/{name}/groups/{group}': ['get', 'delete'], '/{name}/groups/{group}/fetch': ['post'],
      '/{name}/groups/{group}/ack': ['post'],
    };
    for (const [tail, methods] of Object.entries(expected)) assert.deepEqual(Object.keys(paths[base + tail]).sort(), methods.sort(), tail);
    const made = await api.ok('GET', `/stations/${await create()}`);
    const described = components.schemas.station.properties;
    assert.deepEqual(Object.keys(described).sort(), Object.keys(made).sort());
    assert.deepEqual(Object.keys(described.state.properties).sort(), Object.keys(made.state).sort());
    assert.deepEqual(Object.keys(described.tier.properties).sort(), Object.keys(made.tier).sort());
  });
});

test('everything is there after a restart, and after a crash', async (t) => {
  const own = await Broker.during(t);
  const there = new StationApi(own);
  const name = await create({ topics: ['r/#'], retention: { age: '0' }, description: 'stays' }, there);
  await produce(name, numbered(100), there);
  await there.ok('POST', `/stations/${name}/groups/g/fetch`, { start: 'earliest', batch: 60 });
  await there.ok('POST', `/stations/${name}/groups/g/ack`, { offsets: Array.from({ length: 50 }, (_, i) => i) });
  const { state: ignored, ...object } = await there.ok('GET', `/stations/${name}`);
  const before = (await there.call('GET', `/stations/${name}/messages`)).text;
  await own.stop({ keep: true });
  await own.start();
  const { state: after, ...same } = await there.ok('GET', `/stations/${name}`);
  assert.deepEqual(same, object);
  assert.deepEqual([after.messages, after.next_offset], [100, 100]);
  assert.equal((await there.call('GET', `/stations/${name}/messages`)).text, before);
  const group = await there.ok('GET', `/stations/${name}/groups/g`);
  assert.deepEqual([group.acked_offset, group.lag], [50, 50]);
  const { data } = await there.ok('POST', `/stations/${name}/groups/g/fetch`, { batch: 1000 });
  assert.deepEqual(data.map((m) => m.offset), Array.from({ length: 50 }, (_, i) => 50 + i));
  const again = await produce(name, [{ topic: 't', payload: 'x', id: 'once' }], there);
  await own.kill();
  await own.start();
  assert.deepEqual(again.results, [{ offset: 100, duplicate: false }]);
  const copy = await produce(name, [{ topic: 't', payload: 'x', id: 'once' }], there);
  assert.deepEqual(copy.results, [{ offset: 100, duplicate: true }], 'the id is known');
  assert.equal((await there.lines(`/stations/${name}/messages?from=last:1`))[0].payload, 'x');
  await own.stop();
});

test('stopping ends those who wait and follow', async (t) => {
  const own = await Broker.during(t);
  const there = new StationApi(own);
  const name = await create({}, there);
  const waiting = there.call('GET', `/stations/${name}/messages?wait_ms=60000`);
  const fetching = there.call('POST', `/stations/${name}/groups/g/fetch`, { wait_ms: 60_000 });
  await until(async () => (await there.call('GET', '//metrics')).text.includes('varve_http_waiting_requests 2'), 'both to wait');
  await own.stop();
  assert.deepEqual([(await waiting).status, (await waiting).text], [200, '']);
  assert.equal((await fetching).status, 503);
});

test('bodies that come together are bounded, and the others are told to come again', async (t) => {
  const own = await Broker.during(t);
  const there = new StationApi(own);
  const name = await create({ max_message_bytes: '8MiB' }, there);
  const body = Buffer.alloc(7 << 20, 120);
  const { host, port } = own.listener('http');
  const half = () => new Promise((resolve, reject) => {
    const request = http.request({ host, port, path: `/api/v5/stations/${name}/messages?topic=t`, method: 'POST',
      headers: { ...there.headers, 'content-type': 'text/plain', 'content-length': body.length }, agent: false }, (answer) => {
      answer.resume();
      answer.on('end', () => resolve(answer.statusCode));
    });
    request.on('error', reject);
    request.write(body.subarray(0, body.length - 1));
    ends.push(() => request.end(body.subarray(-1)));
  });
  const ends = [];
  const answers = Array.from({ length: 30 }, half);
  await until(async () => /varve_http_busy_total [1-9]/.test((await there.call('GET', '//metrics')).text), 'a refusal', { timeout_ms: 60_000 });
  for (const end of ends) end();
  const statuses = await Promise.all(answers);
  const stored = statuses.filter((status) => status === 200).length;
  assert.deepEqual(statuses.filter((status) => status !== 200), Array(30 - stored).fill(503));
  assert.ok(stored > 0 && stored < 30, `${stored} stored`);
  assert.equal((await there.ok('GET', `/stations/${name}`)).state.messages, stored);
  await there.ok('POST', `/stations/${name}/messages?topic=t`, { type: 'text/plain', body });
  await own.stop();
});
