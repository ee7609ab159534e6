// The rule engine through its front door: SQL over messages, events and stations; republish, console, station; EMQX's endpoints.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Broker } from './lib/broker.mjs';
import { connect } from './lib/mqttjs.mjs';
import { StationApi, ndjson } from './lib/stations.mjs';
import { unique, until } from './lib/wait.mjs';

let broker;
let api;
before(async () => {
  broker = await Broker.start();
  api = new StationApi(broker);
});
after(() => broker.stop());

const client = async (t, options = {}) => {
  const it = await connect(broker.url('tcp.default'), { protocolVersion: 5, ...options });
  t.after(() => it.endAsync(true));
  return it;
};
const rule = async (t, sql, actions, more = {}) => {
  const made = await api.ok('POST', '/rules', { id: unique('r'), sql, actions, ...more });
  t.after(() => api.call('DELETE', `/rules/${made.id}`));
  return made;
};
const republish = (topic, args = {}) => ({ function: 'republish', args: { topic, ...args } });
const metrics = async (id) => (await api.ok('GET', `/rules/${id}/metrics`)).metrics;
// What a rule has counted, once these figures are so high: another thread may still be at it when a message has arrived.
const counted = (id, least) => until(async () => {
  const now = await metrics(id);
  return Object.entries(least).every(([name, value]) => now[name] >= value) && now;
}, `rule ${id} to count ${JSON.stringify(least)}`);

describe('messages', () => {
  test('what is selected is published again, with properties', async (t) => {
    const it = await client(t, { clientId: unique('dev') });
    const topic = unique('t');
    await rule(t, `SELECT payload.temp as temp, clientid, topic FROM "${topic}/#" WHERE payload.temp > 40`, [
      republish(`alarm/${topic}/\${clientid}`, { payload: '${temp}', qos: 1, mqtt_properties: { 'Content-Type': 'text/plain' }, user_properties: '' }),
    ]);
    await it.subscribeAsync(`alarm/${topic}/#`, { qos: 1 });
    await it.publishAsync(`${topic}/1`, JSON.stringify({ temp: 41.5 }), { qos: 1 });
    await it.publishAsync(`${topic}/1`, JSON.stringify({ temp: 20 }), { qos: 1 });
    await it.publishAsync(`${topic}/1`, JSON.stringify({ temp: 99 }), { qos: 1 });
    const [first, second] = await it.received(2);
    assert.deepEqual([first.topic, first.payload, second.payload], [`alarm/${topic}/${it.options.clientId}`, '41.5', '99']);
    assert.equal(first.packet.properties.contentType, 'text/plain');
  });

  test("user properties go on as they came, whatever is selected, if the rule says ${pub_props.'User-Property'}", async (t) => {
    const it = await client(t);
    const topic = unique('t');
    await rule(t, `SELECT payload FROM "${topic}"`, [republish(`${topic}/back`, { user_properties: "${pub_props.'User-Property'}" })]);
    await rule(t, `SELECT payload, jq('.', '1') AS j FROM "${topic}"`, [republish(`${topic}/later`, { user_properties: "${pub_props.'User-Property'}" })]);
    await it.subscribeAsync(`${topic}/+`);
    await it.publishAsync(topic, 'x', { properties: { userProperties: { a: ['1', '2'], b: '3' } } });
    for (const m of await it.received(2)) assert.deepEqual({ ...m.packet.properties.userProperties }, { a: ['1', '2'], b: '3' });
  });

  test('FOREACH makes one message of each element', async (t) => {
    const it = await client(t);
    const topic = unique('t');
    await rule(t, `FOREACH payload.sensors AS s DO s.name AS name, s.v AS v INCASE s.v > 1 FROM "${topic}"`, [republish(`${topic}/\${name}`, { payload: '${v}' })]);
    await it.subscribeAsync(`${topic}/+`);
    await it.publishAsync(topic, JSON.stringify({ sensors: [{ name: 'a', v: 1 }, { name: 'b', v: 2 }, { name: 'c', v: 3 }] }));
    assert.deepEqual((await it.received(2)).map((m) => [m.topic, m.payload]), [[`${topic}/b`, '2'], [`${topic}/c`, '3']]);
  });

  test('matched = passed + failed, and the message is delivered whatever happens', async (t) => {
    const it = await client(t);
    const topic = unique('t');
    const { id } = await rule(t, `SELECT payload.a.b AS b FROM "${topic}" WHERE b = 1`, [{ function: 'console' }]);
    await it.subscribeAsync(topic, { qos: 1 });
    for (const payload of ['{"a":{"b":1}}', '{"a":{"b":2}}', 'no JSON']) await it.publishAsync(topic, payload, { qos: 1 });
    await it.received(3);
    const m = await counted(id, { matched: 3, 'actions.total': 1, 'actions.success': 1 });
    assert.deepEqual([m.matched, m.passed, m.failed, m['failed.exception'], m['failed.no_result']], [3, 1, 2, 1, 1]);
    assert.deepEqual([m['actions.total'], m['actions.success']], [1, 1]);
    await api.ok('PUT', `/rules/${id}/metrics/reset`);
    assert.equal((await metrics(id)).matched, 0);
  });

  test('each rule says in the log why it fails, and that its own messages come back to it', async (t) => {
    const it = await client(t);
    const topic = unique('t');
    const failing = [await rule(t, `SELECT 1 / 0 AS x FROM "${topic}"`, []), await rule(t, `SELECT payload.a AS x FROM "${topic}"`, [])];
    const circle = await rule(t, `SELECT payload FROM "${topic}/#"`, [republish(`${topic}/again`)]);
    await it.publishAsync(topic, 'no JSON', { qos: 1 });
    const lines = async () => (await api.ok('GET', '/logs?level=warning&limit=1000')).data.map((line) => line.message);
    await until(async () => {
      const log = await lines();
      return failing.every(({ id }) => log.some((l) => l.includes('rule failed') && l.includes(id))) && log.some((l) => l.includes('loop of rules cut') && l.includes(circle.id));
    }, 'three lines of the log');
    assert.equal((await counted(circle.id, { loops: 1 })).loops, 1);
  });

  test('an alarm that begins is an event', async (t) => {
    const it = await client(t);
    const [topic, name] = [unique('t'), unique('away')];
    await rule(t, `SELECT details.kind AS kind, message, activated_at = timestamp AS now FROM "$events/sys/alarm_activated" WHERE details.id = 's3:${name}'`, [republish(topic, { payload: '' })]);
    await it.subscribeAsync(topic);
    await api.ok('POST', '/connectors', { type: 's3', name, endpoint: 'http://127.0.0.1:9', bucket: 'none', access_key_id: 'a', secret_access_key: 'b' });
    t.after(() => api.call('DELETE', `/connectors/s3:${name}`));
    const { kind, message, now } = JSON.parse((await it.received(1))[0].payload);
    assert.deepEqual([kind, now], ['connector_disconnected', true]);
    assert.match(message, /127\.0\.0\.1/);
  });

  test('a rule hears of no acknowledgement of what it has published', async (t) => {
    const topic = unique('t');
    const { id } = await rule(t, `SELECT topic FROM "$events/message/acked" WHERE topic =~ '${topic}/#'`, [republish(`${topic}/back`, { payload: '${topic}', qos: 1 })]);
    const readers = [await client(t), await client(t), await client(t)];
    for (const reader of readers) await reader.subscribeAsync(`${topic}/#`, { qos: 1 });
    await readers[0].publishAsync(`${topic}/one`, 'x', { qos: 1 });
    for (const reader of readers) assert.deepEqual((await reader.received(4)).map((m) => m.topic).sort(), [...Array(3).fill(`${topic}/back`), `${topic}/one`]);
    const m = await counted(id, { matched: 3, loops: 9 }); // three messages, three who acknowledge
    assert.deepEqual([m.matched, m.loops], [3, 9]);
  });

  test('what is published and gets to nobody is a failed action, and a dropped message', async (t) => {
    const it = await client(t);
    const topic = unique('t');
    const { id } = await rule(t, `SELECT payload FROM "${topic}"`, [republish(`${topic}/nobody`)]);
    await rule(t, `SELECT topic, reason FROM "$events/message/dropped" WHERE topic = '${topic}/nobody'`, [republish(`seen/${topic}`, { payload: '${topic} ${reason}' })]);
    await it.subscribeAsync(`seen/${topic}`);
    await it.publishAsync(topic, 'x', { qos: 1 });
    assert.equal((await it.received(1))[0].payload, `${topic}/nobody no_subscribers`);
    const m = await counted(id, { 'actions.total': 1, 'actions.failed': 1, 'actions.failed.unknown': 1 });
    assert.deepEqual([m['actions.total'], m['actions.success'], m['actions.failed'], m['actions.failed.unknown']], [1, 0, 1, 1]);
  });

  test('a rule is not triggered by itself', async (t) => {
    const it = await client(t);
    const topic = unique('t');
    const { id } = await rule(t, `SELECT payload FROM "${topic}/#"`, [republish(`${topic}/again`)]);
    await it.subscribeAsync(`${topic}/again`);
    await it.publishAsync(`${topic}/1`, 'x', { qos: 1 });
    await it.received(1);
    assert.equal((await counted(id, { matched: 1, loops: 1 })).matched, 1);
  });
});

describe('events', () => {
  test('of stations: expelled, migrated, dead letters', async (t) => {
    const it = await client(t);
    const name = unique('st').toLowerCase();
    await api.ok('POST', '/stations', { name, max_deliveries: 1, tier: { enabled: true } });
    t.after(() => api.call('DELETE', `/stations/${name}?force=true`));
    await rule(t, `SELECT * FROM "$events/station/#" WHERE station = '${name}'`, [republish(`seen/${name}/\${event}`, { payload: '' })]);
    await it.subscribeAsync(`seen/${name}/#`);
    await api.ok('POST', `/stations/${name}/messages`, ndjson([{ topic: 't/1', payload: 'poison' }]));
    const { data } = await api.ok('POST', `/stations/${name}/groups/g/fetch`, { start: 'earliest' });
    await api.ok('POST', `/stations/${name}/groups/g/ack`, { nack: [data[0].offset] });
    const [letter] = (await it.received(1)).map((m) => JSON.parse(m.payload));
    assert.deepEqual(
      [letter.event, letter.group, letter.offset, letter.reason, letter.topic, letter.payload],
      ['station.dead_letter', 'g', 0, 'refused', 't/1', 'poison'],
    );
    await api.ok('POST', `/stations/${name}/purge`);
    const [, expelled] = (await it.received(2)).map((m) => JSON.parse(m.payload));
    assert.deepEqual([expelled.event, expelled.first_offset, expelled.last_offset, expelled.count, expelled.reason], ['station.expelled', 0, 0, 1, 'purged']);
    await api.ok('POST', `/stations/${name}/tier/flush`);
    const [, , migrated] = (await it.received(3)).map((m) => JSON.parse(m.payload));
    assert.deepEqual([migrated.event, migrated.first_offset, migrated.last_offset, migrated.count, migrated.files], ['station.migrated', 0, 0, 1, 1]);
    assert.ok(expelled.bytes > 0 && migrated.bytes > 0 && Math.abs(Date.now() - expelled.first_timestamp) < 600_000);
  });

  test('of clients and sessions', async (t) => {
    const it = await client(t);
    const name = unique('watched');
    await rule(t, `SELECT event, clientid, reason, topic FROM "$events/client/connected", "$events/client/disconnected", "$events/session/subscribed" WHERE clientid = '${name}'`, [
      republish(`seen/${name}`, { payload: '${event}' }),
    ]);
    await it.subscribeAsync(`seen/${name}`);
    const other = await connect(broker.url('tcp.default'), { clientId: name });
    await other.subscribeAsync('x/y');
    await other.endAsync();
    assert.deepEqual((await it.received(3)).map((m) => m.payload), ['client.connected', 'session.subscribed', 'client.disconnected']);
  });

  test('of messages: delivered, acknowledged, dropped', async (t) => {
    const it = await client(t);
    const topic = unique('t');
    for (const kind of ['delivered', 'acked', 'dropped'])
      await rule(t, `SELECT event, id, from_clientid FROM "$events/message/${kind}" WHERE topic =~ '${topic}/#'`, [republish(`seen/${topic}`, { payload: '${event} ${id}' })]);
    await it.subscribeAsync([`seen/${topic}`]);
    await it.subscribeAsync(`${topic}/here`, { qos: 1 });
    await it.publishAsync(`${topic}/here`, 'x', { qos: 1 });
    await it.publishAsync(`${topic}/nowhere`, 'x', { qos: 1 });
    await until(() => it.inbox.filter((m) => m.topic === `seen/${topic}`).length === 3, 'three events');
    const seen = it.inbox.filter((m) => m.topic === `seen/${topic}`).map((m) => m.payload.split(' '));
    assert.deepEqual(seen.map(([event]) => event).sort(), ['message.acked', 'message.delivered', 'message.dropped']);
    const ids = Object.fromEntries(seen);
    assert.match(ids['message.acked'], /^[0-9A-F]{32}$/);
    assert.equal(ids['message.acked'], ids['message.delivered']);
  });
});

describe('stations', () => {
  test('take results, and are sources that keep their position over a restart', async (t) => {
    const it = await client(t);
    const [from, to, topic] = [unique('from'), unique('to'), unique('t')];
    await api.ok('POST', '/stations', { name: from, topics: [`${topic}/#`] });
    await api.ok('POST', '/stations', { name: to });
    await rule(t, `SELECT payload.n AS n, offset, station FROM "$station/${from}"`, [{ function: 'station', args: { station: to } }], { id: `copy-${to}` });
    for (let n = 0; n < 20; n++) await it.publishAsync(`${topic}/1`, JSON.stringify({ n }), { qos: 1 });
    const copied = async () => (await api.lines(`/stations/${to}/messages?from=earliest`)).map((m) => JSON.parse(m.payload));
    await until(async () => (await copied()).length >= 20, 'copies');
    assert.deepEqual((await copied()).slice(0, 20), Array.from({ length: 20 }, (_, n) => ({ n, offset: n, station: from })));
    await broker.stop({ keep: true });
    await broker.start();
    const again = await client(t);
    await again.publishAsync(`${topic}/1`, JSON.stringify({ n: 20 }), { qos: 1 });
    await until(async () => (await copied()).some((m) => m.n === 20), 'the one after the restart');
    const refusal = await api.call('DELETE', `/stations/${from}`);
    assert.equal(refusal.status, 409, refusal.text);
    assert.match(refusal.text, new RegExp(`rule:copy-${to}`));
  });
});

describe('the endpoints', () => {
  test('a rule has the shape that EMQX gives it', async (t) => {
    const made = await rule(t, 'SELECT * FROM "a/#"', ['s3:nowhere', { function: 'console' }], { description: 'what it is for' });
    assert.deepEqual([made.from, made.enable, made.description, made.name], [['a/#'], true, 'what it is for', '']);
    assert.deepEqual(made.action_details, [
      { type: 's3', name: 'nowhere', status: 'not_found' },
      { type: 'function', name: 'console', status: 'connected' },
    ]);
    assert.match(made.created_at, /^\d{4}-\d\d-\d\dT/);
    const { data, meta } = await api.ok('GET', `/rules?like_id=${made.id}`);
    assert.deepEqual([data.length, data[0].id, meta.count], [1, made.id, 1]);
    const changed = await api.ok('PUT', `/rules/${made.id}`, { enable: false });
    assert.deepEqual([changed.enable, changed.status, changed.sql], [false, 'disabled', 'SELECT * FROM "a/#"']);
    assert.equal((await api.fails(404, 'GET', '/rules/none')).code, 'NOT_FOUND');
  });

  test('refuse what is wrong, with the place', async () => {
    for (const [body, pattern] of [
      [{ sql: 'SELECT * FORM "t"' }, /line 1, column/],
      [{ sql: 'SELECT nosuch(1) FROM "t"' }, /nosuch/],
      [{ sql: 'SELECT * FROM "$events/none"' }, /no such event/],
      [{ sql: 'SELECT * FROM "t"', actions: [{ function: 'nosuch', args: {} }] }, /unknown function/],
    ]) {
      const { code, message } = await api.fails(400, 'POST', '/rules', body);
      assert.equal(code, 'BAD_REQUEST');
      assert.match(message, pattern);
    }
  });

  test('the list is filtered as EMQX filters it', async (t) => {
    const part = unique('p');
    const a = await rule(t, `SELECT * FROM "${part}/a/#"`, [`s3:${part}a`], { enable: false, description: `of ${part}` });
    const b = await rule(t, `SELECT * FROM "${part}/b", "$events/client/ping"`, [`s3:${part}b`, { function: 'console' }]);
    for (const [query, expected] of [
      [`like_id=${a.id}`, [a.id]],
      [`like_from=${part}`, [a.id, b.id]],
      [`from=${part}/b`, [b.id]],
      [`match_from=${part}/%2B`, [b.id]],
      [`match_from=${part}/%23`, [a.id, b.id]],
      [`action=s3:${part}a&action=s3:${part}b`, [a.id, b.id]],
      [`action=s3:${part}b`, [b.id]],
      [`like_description=${part}`, [a.id]],
      [`like_from=${part}&enable=true`, [b.id]],
      [`like_from=${part}&source=mqtt:x`, []],
      [`like_from=${part}&ns=x`, []],
      [`like_from=${part}&only_global=true`, [a.id, b.id]],
      [`like_from=${part}&limit=1&page=2`, [b.id]],
    ]) {
      const { data } = await api.ok('GET', `/rules?${query}`);
      assert.deepEqual(data.map((r) => r.id).sort(), [...expected].sort(), query);
    }
  });

  test('an action that rules use goes only with them, or out of them', async (t) => {
    const name = unique('a');
    await api.ok('POST', '/actions', { type: 's3', name, connector: 'directory:local', parameters: { bucket: 'b', key: 'k' } });
    const one = await rule(t, 'SELECT * FROM "none"', [`s3:${name}`, { function: 'console' }]);
    const two = await rule(t, 'SELECT * FROM "none"', [`s3:${name}`]);
    const { code, message } = await api.fails(400, 'DELETE', `/actions/s3:${name}`);
    assert.equal(code, 'BAD_REQUEST');
    for (const { id } of [one, two]) assert.ok(message.includes(id), message);
    assert.equal((await api.call('DELETE', `/actions/s3:${name}?also_delete_dep_actions=true`)).status, 204);
    assert.deepEqual((await api.ok('GET', `/rules/${one.id}`)).actions, [{ function: 'console' }]);
    assert.deepEqual((await api.ok('GET', `/rules/${two.id}`)).actions, []);
    assert.equal((await api.fails(404, 'DELETE', `/actions/s3:${name}`)).code, 'NOT_FOUND');
  });

  test('actions and connectors answer with the codes that EMQX has', async () => {
    const name = unique('a');
    const action = { type: 's3', name, connector: 'directory:local', parameters: { bucket: 'b', key: 'k' } };
    assert.equal((await api.call('POST', '/actions', action)).status, 201);
    assert.equal((await api.fails(400, 'POST', '/actions', action)).code, 'ALREADY_EXISTS');
    assert.equal((await api.fails(400, 'PUT', `/actions/s3:${name}/enable/perhaps`)).code, 'BAD_REQUEST');
    assert.equal((await api.call('PUT', `/actions/s3:${name}/enable/false`)).status, 204);
    assert.equal((await api.fails(400, 'POST', `/actions/s3:${name}/start`)).code, 'BAD_REQUEST');
    assert.equal((await api.call('PUT', `/actions/s3:${name}/enable/true`)).status, 204);
    assert.equal((await api.call('POST', `/nodes/varve@127.0.0.1/actions/s3:${name}/start`)).status, 204);
    assert.equal((await api.fails(404, 'POST', `/nodes/other@host/actions/s3:${name}/start`)).code, 'NOT_FOUND');
    assert.equal((await api.call('PUT', `/actions/s3:${name}/metrics/reset`)).status, 204);
    assert.equal((await api.call('DELETE', `/actions/s3:${name}`)).status, 204);
    for (const where of ['/sources', '/sources_summary', '/source_types']) assert.deepEqual(await api.ok('GET', where), []);
    for (const where of ['/sources', '/sources_probe'])
      assert.match((await api.fails(400, 'POST', where, { type: 'mqtt', name: 'm' })).message, /no sources of type "mqtt".*FROM/);
    assert.equal((await api.fails(400, 'POST', '/rules', { id: 'x', sql: 'SELEC' })).code, 'BAD_REQUEST');
  });

  test('rule_engine holds for all rules, over a restart', async (t) => {
    const before = await api.ok('GET', '/rule_engine');
    assert.deepEqual(before, { ignore_sys_message: true, jq_function_default_timeout: '10s', kv_store_max_bytes: '64MiB' });
    const changed = await api.ok('PUT', '/rule_engine', { ...before, ignore_sys_message: false, jq_function_default_timeout: '500ms', limit_selects_in_namespace: true });
    assert.deepEqual(changed, { ...before, ignore_sys_message: false, jq_function_default_timeout: '500ms' });
    assert.match((await api.fails(400, 'PUT', '/rule_engine', { jq_function_default_timeout: '1h' })).message, /jq_function_default_timeout/);
    assert.match((await api.fails(400, 'PUT', '/rule_engine', { nosuch: 1 })).message, /nosuch/);
    const endless = await api.fails(400, 'POST', '/rule_test', { sql: `SELECT jq('def f: f; f', '1') AS v FROM "t/#"`, context: { topic: 't/1' } });
    assert.match(endless.message, /more than 500 ms/);
    await broker.stop({ keep: true });
    await broker.start();
    assert.deepEqual(await api.ok('GET', '/rule_engine'), changed);
    assert.deepEqual(await api.ok('PUT', '/rule_engine', { ignore_sys_message: null, jq_function_default_timeout: null, kv_store_max_bytes: null }), before);
  });

  test('rule_test evaluates over an example', async () => {
    const context = { event_type: 'message_publish', topic: 't/1', payload: '{"x":1}' };
    assert.deepEqual(await api.ok('POST', '/rule_test', { sql: 'SELECT payload.x AS x, clientid FROM "t/#"', context }), { x: 1, clientid: 'c_emqx' });
    assert.deepEqual(await api.fails(412, 'POST', '/rule_test', { sql: 'SELECT * FROM "u"', context }), { code: 'NOT_MATCH', message: 'SQL Not Match' });
    assert.equal((await api.fails(400, 'POST', '/rule_test', { sql: 'SELECT 1 / 0 AS x FROM "t/#"', context })).code, 'BAD_REQUEST');
    const events = await api.ok('GET', '/rule_events');
    for (const { event_type: type, sql_example: sql, test_columns: columns } of events) {
      const answer = await api.call('POST', '/rule_test', { sql, context: { event_type: type, ...columns } });
      assert.ok([200, 412].includes(answer.status), `${type}: ${answer.text}`);
    }
  });
});
