// The HTTP API as its users meet it: every endpoint with real MQTT clients on the other side, its errors, and what hostile or slow
// HTTP clients can do to it.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Broker, varve } from './lib/broker.mjs';
import { Pki } from './lib/certificates.mjs';
import { Api, encode } from './lib/http.mjs';
import { connect } from './lib/mqttjs.mjs';
import { temporaryDirectory } from './lib/temporary.mjs';
import { unique, until } from './lib/wait.mjs';

const USERS = `/authentication/${encode('password_based:built_in_database')}/users`;
const RULES = '/authorization/sources/built_in_database/rules';

let broker;
let api;
let adminPassword;

before(async () => {
  broker = await Broker.start();
  api = new Api(broker);
  adminPassword = await broker.firstPassword();
});
after(() => broker.stop());

// The status, and the code if it is an error.
const outcome = ({ status, body }) => [status, body?.code].filter((x) => x !== undefined).join(' ');

const client = (options = {}) => connect(broker.url(), { protocolVersion: 5, ...options });

describe('who asks', () => {
  test('without a key nothing is told but health and description', async () => {
    const nobody = new Api(broker, null);
    for (const where of ['//healthz', '//readyz', '//metrics', '//status', '/status', '/openapi.json', '/prometheus/stats']) {
      assert.equal((await nobody.get(where)).status, 200, where);
    }
    const refused = await nobody.get('/clients');
    assert.equal(outcome(refused), '401 UNAUTHORIZED');
    assert.match(refused.headers.get('www-authenticate'), /^Bearer/);
    assert.equal(outcome(await new Api(broker, 'some:thing').get('/clients')), '401 BAD_API_KEY_OR_SECRET');
  });

  test('a user logs in with the password that the first start has printed, once', async () => {
    const admin = await new Api(broker, null).login('admin', adminPassword);
    const { status, body } = await admin.get('/users');
    assert.equal(status, 200);
    assert.deepEqual(body, [{ username: 'admin', role: 'administrator', description: '', backend: 'local' }]);
    assert.equal((await admin.post('/logout', { username: 'admin' })).status, 204);
    assert.equal(outcome(await admin.get('/users')), '401 BAD_TOKEN');
    assert.ok(!broker.stderr.includes(adminPassword), 'the password is in the log');
  });

  test('users are made, changed and deleted, and their tokens end with them', async () => {
    const viewer = { username: 'vera', password: 'first password', role: 'viewer', description: 'looks' };
    assert.equal((await api.post('/users', viewer)).status, 200);
    assert.equal(outcome(await api.post('/users', viewer)), '409 ALREADY_EXISTS');
    assert.equal(outcome(await api.post('/users', { username: 'x', password: 'short' })), '400 BAD_REQUEST');
    const vera = await api.login('vera', 'first password');
    const other = await api.login('vera', 'first password');
    assert.equal((await vera.get('/stats')).status, 200);
    assert.equal(outcome(await vera.post('/publish', { topic: 'a', payload: '' })), '403 UNAUTHORIZED_ROLE');
    assert.equal(outcome(await vera.post('/users/admin/change_pwd', { old_pwd: 'x', new_pwd: 'another one' })), '403 NOT_ALLOWED');
    assert.equal(
      outcome(await vera.post('/users/vera/change_pwd', { old_pwd: 'wrong', new_pwd: 'another one' })),
      '400 BAD_USERNAME_OR_PWD',
    );
    const changed = await vera.post('/users/vera/change_pwd', { old_pwd: 'first password', new_pwd: 'second password' });
    assert.equal(changed.status, 204);
    assert.equal((await vera.get('/stats')).status, 200);
    assert.equal(outcome(await other.get('/stats')), '401 BAD_TOKEN');
    assert.equal((await api.put('/users/vera', { role: 'administrator' })).body.role, 'administrator');
    assert.equal((await vera.post('/publish', { topic: 'a', payload: '' })).status, 202);
    assert.equal(outcome(await vera.delete('/users/vera')), '400 NOT_ALLOWED');
    assert.equal((await api.delete('/users/vera')).status, 204);
    assert.equal(outcome(await vera.get('/stats')), '401 BAD_TOKEN');
    assert.equal(outcome(await api.delete('/users/vera')), '404 USER_NOT_FOUND');
    assert.equal(outcome(await api.delete('/users/admin')), '400 NOT_ALLOWED');
    assert.equal(outcome(await api.put('/users/admin', { role: 'viewer' })), '400 NOT_ALLOWED');
  });

  test('too many failed logins of a user are refused for a while, also with the right password', async () => {
    assert.equal((await api.post('/users', { username: 'target', password: 'right password' })).status, 200);
    const attempt = (password) => api.post('/login', { username: 'target', password });
    for (let i = 0; i < 5; i++) assert.equal(outcome(await attempt('wrong')), '401 BAD_USERNAME_OR_PWD');
    const refused = await attempt('right password');
    assert.equal(outcome(refused), '429 TOO_MANY_REQUESTS');
    assert.equal(refused.headers.get('retry-after'), '60');
  });

  test('API keys have roles, can be switched off, and outlive a restart', async () => {
    const created = await api.post('/api_key', { name: 'sender', role: 'publisher', desc: 'sends' });
    assert.equal(created.status, 200);
    const { api_key, api_secret, ...shown } = created.body;
    assert.equal(shown.role, 'publisher');
    assert.equal(shown.expired_at, 'infinity');
    assert.equal(outcome(await api.post('/api_key', { name: 'sender' })), '409 ALREADY_EXISTS');
    const sender = new Api(broker, `${api_key}:${api_secret}`);
    assert.equal((await sender.post('/publish', { topic: 'k', payload: '' })).status, 202);
    assert.equal(outcome(await sender.get('/clients')), '403 UNAUTHORIZED_ROLE');
    assert.deepEqual((await api.get('/api_key/sender')).body, { ...shown, api_key });
    assert.deepEqual((await api.get('/api_key')).body, [{ ...shown, api_key }]);
    assert.equal((await api.put('/api_key/sender', { enable: false })).body.enable, false);
    assert.equal(outcome(await sender.post('/publish', { topic: 'k', payload: '' })), '401 BAD_API_KEY_OR_SECRET');
    assert.equal((await api.put('/api_key/sender', { enable: true, role: 'viewer' })).status, 200);
    assert.equal((await sender.get('/clients')).status, 200);
    assert.equal(outcome(await api.put('/api_key/sender', { expired_at: 'soon' })), '400 BAD_REQUEST');
    assert.equal((await api.delete('/api_key/sender')).status, 204);
    for (const answer of [await api.get('/api_key/sender'), await api.put('/api_key/sender', {}), await api.delete('/api_key/sender')]) {
      assert.equal(outcome(answer), '404 NOT_FOUND');
    }
  });
});

describe('clients', () => {
  test('are listed with what they are, by filters and in pages', async () => {
    const prefix = unique('list');
    const clients = await Promise.all(
      Array.from({ length: 7 }, (_, i) => client({ clientId: `${prefix}-${i}`, protocolVersion: i < 3 ? 4 : 5, keepalive: 33 })),
    );
    const listed = async (query) => (await api.get(`/clients?like_clientid=${prefix}&${query}`)).body;
    const all = await listed('');
    assert.deepEqual(all.data.map((c) => c.clientid).sort(), clients.map((c) => c.options.clientId).sort());
    assert.deepEqual(all.meta, { page: 1, limit: 100, hasnext: false, count: 7 });
    assert.equal((await listed('proto_ver=4')).data.length, 3);
    assert.equal((await listed('conn_state=disconnected')).data.length, 0);
    assert.equal((await listed('ip_address=127.0.0.1')).data.length, 7);
    assert.equal((await listed('ip_address=127.0.0.2')).data.length, 0);
    assert.equal((await listed(`gte_connected_at=${encode(new Date(Date.now() + 60_000).toISOString())}`)).data.length, 0);
    assert.equal((await listed(`clientid=${prefix}-1&clientid=${prefix}-2&clientid=nobody`)).data.length, 2);
    const pages = [];
    for (let page = 1; ; page++) {
      const { data, meta } = await listed(`page=${page}&limit=3`);
      pages.push(data.length);
      all.data.forEach((c) => data.some((d) => d.clientid === c.clientid) && (c.seen = (c.seen ?? 0) + 1));
      if (!meta.hasnext) break;
    }
    assert.deepEqual(pages, [3, 3, 1]);
    assert.ok(all.data.every((c) => c.seen === 1), 'each client is on one page');
    const one = (await api.get(`/clients/${prefix}-0`)).body;
    assert.equal(one.connected, true);
    assert.equal(one.keepalive, 33);
    assert.equal(one.listener, 'tcp:default');
    assert.ok(Math.abs(Date.parse(one.connected_at) - Date.now()) < 60_000);
    assert.deepEqual((await api.get(`/clients/${prefix}-0?fields=clientid,proto_ver`)).body, { clientid: `${prefix}-0`, proto_ver: 4 });
    for (const query of ['limit=0', 'limit=10001', 'page=0', 'conn_state=asleep', 'nonsense=1', 'gte_connected_at=soon']) {
      assert.equal(outcome(await api.get(`/clients?${query}`)), '400 BAD_REQUEST', query);
    }
    await Promise.all(clients.map((c) => c.endAsync()));
  });

  test('any client id can be named', async () => {
    for (const id of ['a/b', 'a b', 'ü€', '%2F', '?x=1&y', 'a'.repeat(100), 'kickout', '#']) {
      const c = await client({ clientId: id });
      assert.equal((await api.get(`/clients/${encode(id)}`)).body.clientid, id, id);
      assert.equal((await api.get(`/clients?clientid=${encode(id)}`)).body.data.length, 1, id);
      assert.equal((await api.delete(`/clients/${encode(id)}`)).status, 204, id);
      await until(() => !c.connected, `${id} to be kicked out`);
    }
  });

  test('are kicked out with a reason, session and all', async () => {
    const id = unique('kick');
    const c = await client({ clientId: id, clean: false, properties: { sessionExpiryInterval: 1000 } });
    let reason;
    c.on('disconnect', (packet) => (reason = packet.reasonCode));
    assert.equal((await api.delete(`/clients/${id}`)).status, 204);
    await until(() => !c.connected, 'the connection to end');
    assert.equal(reason, 0x98);
    assert.equal(outcome(await api.get(`/clients/${id}`)), '404 CLIENTID_NOT_FOUND');
    assert.equal(outcome(await api.delete(`/clients/${id}`)), '404 CLIENTID_NOT_FOUND');
    assert.equal((await api.post('/clients/kickout/bulk', [id, 'nobody'])).status, 204);
  });

  test('that are away are told as such', async () => {
    const id = unique('away');
    const c = await client({ clientId: id, clean: false, properties: { sessionExpiryInterval: 1000 } });
    await c.subscribeAsync('away/#', { qos: 1 });
    await c.endAsync();
    const away = await until(async () => {
      const { body } = await api.get(`/clients/${id}`);
      return !body.connected && body;
    }, 'the client to be away');
    assert.equal(away.expiry_interval, 1000);
    assert.equal(away.subscriptions_cnt, 1);
    await api.post('/publish', { topic: 'away/1', payload: 'waits', qos: 1 });
    await until(async () => (await api.get(`/clients/${id}`)).body.mqueue_len === 1, 'the message to wait for it');
    assert.equal((await api.get(`/clients?conn_state=disconnected&like_clientid=${id}`)).body.data.length, 1);
    await api.delete(`/clients/${id}`);
  });
});

describe('subscriptions and topics', () => {
  test('are made and ended on behalf of a client', async () => {
    const id = unique('behalf');
    const c = await client({ clientId: id });
    const made = await api.post(`/clients/${id}/subscribe`, { topic: 'on/+', qos: 2, nl: 1 });
    assert.equal(made.status, 200);
    assert.deepEqual(made.body, { clientid: id, topic: 'on/+', qos: 2, nl: 1, rap: 0, rh: 0, node: 'varve@127.0.0.1' });
    await api.post('/publish', { topic: 'on/1', payload: 'hello', qos: 1 });
    assert.equal((await c.received(1))[0].payload, 'hello');
    const many = await api.post(`/clients/${id}/subscribe/bulk`, [{ topic: '$share/g/jobs' }, { topic: 'plain', qos: 1 }]);
    assert.equal(many.body.length, 2);
    const { body } = await api.get(`/clients/${id}/subscriptions`);
    assert.deepEqual(body.map((s) => [s.topic, s.qos]), [['on/+', 2], ['$share/g/jobs', 0], ['plain', 1]]);
    assert.equal((await api.post(`/clients/${id}/unsubscribe`, { topic: 'on/+' })).status, 204);
    assert.equal((await api.post(`/clients/${id}/unsubscribe/bulk`, [{ topic: 'plain' }])).status, 204);
    assert.equal((await api.get(`/clients/${id}/subscriptions`)).body.length, 1);
    assert.equal(outcome(await api.post(`/clients/${id}/subscribe`, { topic: 'a/#/b' })), '400 BAD_REQUEST');
    assert.equal(outcome(await api.post(`/clients/${id}/subscribe`, { topic: 'a', qos: 3 })), '400 BAD_REQUEST');
    assert.equal(outcome(await api.post('/clients/nobody/subscribe', { topic: 'a' })), '404 CLIENTID_NOT_FOUND');
    assert.equal(outcome(await api.get('/clients/nobody/subscriptions')), '404 CLIENTID_NOT_FOUND');
    await c.endAsync();
  });

  test('are listed by filter, topic name, group and client', async () => {
    const [a, b] = [unique('sub'), unique('sub')];
    const [first, second] = [await client({ clientId: a }), await client({ clientId: b })];
    await first.subscribeAsync({ 'plant/+/t': { qos: 1 }, 'plant/#': { qos: 0 }, '$share/crew/plant/x': { qos: 2 } });
    await second.subscribeAsync('plant/1/t', { qos: 1 });
    const of = async (query) =>
      (await api.get(`/subscriptions?${query}`)).body.data.filter((s) => [a, b].includes(s.clientid)).map((s) => s.topic).sort();
    assert.deepEqual(await of(`clientid=${a}`), ['$share/crew/plant/x', 'plant/#', 'plant/+/t']);
    assert.deepEqual(await of(`match_topic=${encode('plant/1/t')}`), ['plant/#', 'plant/+/t', 'plant/1/t']);
    assert.deepEqual(await of(`topic=${encode('plant/+/t')}`), ['plant/+/t']);
    assert.deepEqual(await of('share_group=crew'), ['$share/crew/plant/x']);
    assert.deepEqual(await of(`qos=1&clientid=${b}`), ['plant/1/t']);
    assert.equal(outcome(await api.get('/subscriptions?match_topic=%23')), '400 BAD_REQUEST');
    assert.equal((await api.get('/subscriptions?clientid=nobody')).body.data.length, 0);
    const topics = (await api.get('/topics?limit=10000')).body.data.map((t) => t.topic);
    for (const topic of ['plant/+/t', 'plant/#', 'plant/x', 'plant/1/t']) {
      assert.equal(topics.filter((t) => t === topic).length, 1, topic);
    }
    assert.equal((await api.get(`/topics/${encode('plant/+/t')}`)).body[0].topic, 'plant/+/t');
    assert.equal((await api.get('/topics/plant/1/t')).status, 200);
    assert.equal(outcome(await api.get('/topics/plant/2/t')), '404 TOPIC_NOT_FOUND');
    await Promise.all([first.endAsync(), second.endAsync()]);
  });

  test('that a client may not make are not made for it', async (t) => {
    const own = await Broker.during(t, { authorization: { rules: [{ permission: 'deny', topics: ['secret/#'] }] } });
    const ownApi = new Api(own);
    const c = await connect(own.url(), { clientId: 'c', protocolVersion: 5 });
    assert.equal(outcome(await ownApi.post('/clients/c/subscribe', { topic: 'secret/x' })), '403 NOT_ALLOWED');
    assert.equal((await ownApi.post('/clients/c/subscribe', { topic: 'open/x' })).status, 200);
    await c.endAsync();
    await own.stop();
  });
});

describe('messages', () => {
  test('are published with their properties', async () => {
    const c = await client();
    await c.subscribeAsync('pub/#', { qos: 2 });
    const properties = {
      payload_format_indicator: 1,
      message_expiry_interval: 60,
      response_topic: 'answers',
      correlation_data: 'abc',
      content_type: 'text/plain',
      user_properties: { a: '1', b: 'ü' },
    };
    const { status, body } = await api.post('/publish', { topic: 'pub/1', payload: 'x', qos: 2, properties });
    assert.equal(status, 200);
    assert.match(body.id, /^[0-9A-F]{32}$/);
    const [{ packet }] = await c.received(1);
    assert.equal(packet.qos, 2);
    assert.equal(packet.properties.contentType, 'text/plain');
    assert.equal(packet.properties.responseTopic, 'answers');
    assert.equal(packet.properties.correlationData.toString(), 'abc');
    assert.equal(packet.properties.payloadFormatIndicator, true);
    assert.ok(packet.properties.messageExpiryInterval <= 60);
    assert.deepEqual({ ...packet.properties.userProperties }, { a: '1', b: 'ü' });
    const bytes = Buffer.from([0, 255, 10, 13]);
    await api.post('/publish', { topic: 'pub/2', payload: bytes.toString('base64'), payload_encoding: 'base64' });
    assert.deepEqual((await c.received(2))[1].packet.payload, bytes);
    await c.endAsync();
  });

  test('are answered as EMQX does: no subscribers, bad topics, many at once', async () => {
    const c = await client();
    await c.subscribeAsync('bulk/+', { qos: 1 });
    const unheard = await api.post('/publish', { topic: 'unheard', payload: '' });
    assert.equal(unheard.status, 202);
    assert.deepEqual([unheard.body.reason_code, unheard.body.message], [16, 'no_matching_subscribers']);
    for (const topic of ['a/+', '#', '$SYS/x', '']) {
      assert.equal((await api.post('/publish', { topic, payload: '' })).status, 400, topic);
    }
    const messages = Array.from({ length: 100 }, (_, i) => ({ topic: 'bulk/1', payload: String(i), qos: 1 }));
    const answered = await api.post('/publish/bulk', messages);
    assert.equal(answered.status, 200);
    assert.equal(new Set(answered.body.map((m) => m.id)).size, 100);
    assert.deepEqual((await c.received(100)).map((m) => m.payload), messages.map((m) => m.payload));
    const mixed = await api.post('/publish/bulk', [messages[0], { topic: 'unheard', payload: '' }]);
    assert.equal(mixed.status, 202);
    assert.equal((await api.post('/publish/bulk', [messages[0], { topic: '+', payload: '' }])).status, 400);
    for (const bad of [{ topic: 'a' }, { topic: 'a', payload: 1 }, { topic: 'a', payload: '', qos: '1' }, { topic: 'a', payload: '', x: 1 }]) {
      assert.equal(outcome(await api.post('/publish', bad)), '400 BAD_REQUEST', JSON.stringify(bad));
    }
    assert.equal(
      outcome(await api.post('/publish', { topic: 'a', payload: '!!!', payload_encoding: 'base64' })),
      '400 BAD_REQUEST',
    );
    await c.endAsync();
  });

  test('that are retained are listed, shown and deleted', async () => {
    for (const topic of ['keep/a', 'keep/a/b', 'keep/c']) await api.post('/publish', { topic, payload: topic, qos: 1, retain: true });
    const listed = async (query = '') => (await api.get(`/mqtt/retainer/messages?${query}`)).body;
    const all = await listed(`topic=${encode('keep/#')}`);
    assert.deepEqual(all.data.map((m) => m.topic).sort(), ['keep/a', 'keep/a/b', 'keep/c']);
    assert.equal(all.meta.count, 3);
    assert.deepEqual((await listed(`topic=${encode('keep/+')}`)).data.map((m) => m.topic).sort(), ['keep/a', 'keep/c']);
    assert.equal((await listed(`topic=${encode('keep/#')}&limit=2&page=2`)).data.length, 1);
    const { body } = await api.get(`/mqtt/retainer/message/${encode('keep/a/b')}`);
    assert.equal(Buffer.from(body.payload, 'base64').toString(), 'keep/a/b');
    const c = await client();
    await c.subscribeAsync('keep/a/b');
    assert.equal((await c.received(1))[0].packet.retain, true);
    await c.endAsync();
    assert.equal((await api.delete('/mqtt/retainer/message/keep/a/b')).status, 204);
    assert.equal(outcome(await api.delete('/mqtt/retainer/message/keep/a/b')), '404 NOT_FOUND');
    assert.equal(outcome(await api.get('/mqtt/retainer/message/keep/a/b')), '404 NOT_FOUND');
    assert.equal(outcome(await api.get('/mqtt/retainer/messages?topic=a%23')), '400 BAD_REQUEST');
  });
});

describe('figures', () => {
  test('count what there is', async () => {
    const c = await client();
    await c.subscribeAsync('figures/#');
    // Clients of the tests before are on their way out.
    const [node, sum] = await until(async () => {
      const [one] = (await api.get('/stats')).body;
      const all = (await api.get('/stats?aggregate=true')).body;
      return all['connections.count'] === one['connections.count'] && [one, all];
    }, 'the sum to be that of the only node');
    assert.equal(node.node, 'varve@127.0.0.1');
    assert.ok(sum['connections.count'] >= 1 && sum['subscriptions.count'] >= 1);
    const before = (await api.get('/metrics?aggregate=true')).body;
    await c.publishAsync('figures/1', 'x', { qos: 1 });
    await c.received(1);
    const received = async () => (await api.get('/metrics?aggregate=true')).body['messages.received'] - before['messages.received'];
    await until(async () => (await received()) > 0, 'the message to be counted');
    assert.equal(await received(), 1);
    const text = (await api.get('//metrics')).body;
    assert.match(text, /^# HELP varve_connections .+\n# TYPE varve_connections gauge\nvarve_connections \d+$/m);
    assert.match(text, /^varve_messages_received_total \d+$/m);
    const nodes = (await api.get('/nodes')).body;
    assert.equal(nodes[0].node_status, 'running');
    assert.equal((await api.get(`/nodes/${nodes[0].node}`)).status, 200);
    assert.equal(outcome(await api.get('/nodes/other')), '404 NOT_FOUND');
    assert.equal((await api.get('//status')).body, 'Node varve@127.0.0.1 is started\nvarve is running\n');
    await c.endAsync();
  });

  test('can be kept behind a key', async (t) => {
    const own = await Broker.during(t, { listeners: { http: { metrics_need_key: true } } });
    assert.equal((await new Api(own, null).get('//metrics')).status, 401);
    assert.equal((await new Api(own).get('//metrics')).status, 200);
    await own.stop();
  });
});

describe('users, rules and bans of MQTT clients', () => {
  test('rule who comes in and what he may', async (t) => {
    const own = await Broker.during(t);
    const ownApi = new Api(own);
    assert.deepEqual((await ownApi.post(USERS, { user_id: 'ann', password: 'open' })).body, { user_id: 'ann', is_superuser: false });
    assert.equal(outcome(await ownApi.post(USERS, { user_id: 'ann', password: 'open' })), '409 ALREADY_EXISTS');
    const ann = { username: 'ann', password: 'open', protocolVersion: 5, clientId: 'anns' };
    // A running broker takes changes within a second.
    await until(() => connect(own.url()).then((c) => c.endAsync().then(() => false), () => true), 'anonymous clients to be refused');
    const rules = [
      { topic: 'ann/${username}/#', permission: 'allow' },
      { topic: '#', permission: 'deny', action: 'publish' },
    ];
    assert.equal((await ownApi.post(`${RULES}/users`, [{ username: 'ann', rules }])).status, 204);
    assert.equal(outcome(await ownApi.post(`${RULES}/users`, [{ username: 'ann', rules }])), '409 ALREADY_EXISTS');
    assert.deepEqual((await ownApi.get(`${RULES}/users/ann`)).body.rules[0], { ...rules[0], action: 'all' });
    const c = await connect(own.url(), ann);
    const codes = [];
    await until(async () => {
      const { reasonCode } = await c.publishAsync('elsewhere', 'x', { qos: 1 }).catch((error) => ({ reasonCode: error.code }));
      codes.push(reasonCode);
      return reasonCode === 0x87;
    }, `the rules to be in force`);
    assert.equal((await ownApi.get(`/clients/anns`)).body.username, 'ann');
    assert.equal((await ownApi.put(`${RULES}/users/ann`, { rules: [] })).status, 204);
    assert.equal(outcome(await ownApi.get(`${RULES}/users/ann`)), '404 NOT_FOUND');
    assert.equal(outcome(await ownApi.put(`${RULES}/users/ann`, { rules: [{ topic: 'a/#/b', permission: 'deny' }] })), '400 BAD_REQUEST');
    assert.equal((await ownApi.post(`${RULES}/clients`, [{ clientid: 'anns', rules }])).status, 204);
    assert.equal((await ownApi.get(`${RULES}/clients`)).body.data[0].clientid, 'anns');
    assert.equal((await ownApi.delete(`${RULES}/clients/anns`)).status, 204);
    assert.equal((await ownApi.post(`${RULES}/all`, { rules: [rules[1]] })).status, 204);
    assert.equal((await ownApi.get(`${RULES}/all`)).body.rules.length, 1);
    assert.equal((await ownApi.delete(`${RULES}/all`)).status, 204);

    assert.equal((await ownApi.post('/banned', { as: 'clientid', who: 'anns', reason: 'noise' })).status, 200);
    assert.equal(outcome(await ownApi.post('/banned', { as: 'clientid', who: 'anns' })), '400 ALREADY_EXISTS');
    assert.equal(outcome(await ownApi.post('/banned', { as: 'peerhost', who: 'x' })), '400 BAD_REQUEST');
    assert.equal(outcome(await ownApi.post('/banned', { as: 'shoe', who: 'x' })), '400 BAD_REQUEST');
    await until(() => !c.connected, 'the banned client to go');
    assert.deepEqual((await ownApi.get('/banned')).body.data, [{ as: 'clientid', who: 'anns', reason: 'noise', until: 'infinity' }]);
    assert.equal((await ownApi.delete('/banned/clientid/anns')).status, 204);
    assert.equal(outcome(await ownApi.delete('/banned/clientid/anns')), '404 NOT_FOUND');
    assert.equal((await ownApi.put(`${USERS}/ann`, { is_superuser: true })).body.is_superuser, true);
    assert.equal((await ownApi.get(`${USERS}?like_user_id=nn&is_superuser=true`)).body.meta.count, 1);
    assert.equal((await ownApi.delete(`${USERS}/ann`)).status, 204);
    assert.equal(outcome(await ownApi.get(`${USERS}/ann`)), '404 NOT_FOUND');
    assert.equal(outcome(await ownApi.get('/authentication/other/users')), '404 NOT_FOUND');
    await own.stop();
  });
});

describe('bad requests', () => {
  test('are told what is wrong', async () => {
    assert.equal(outcome(await api.post('/publish', '{"topic":')), '400 BAD_REQUEST');
    assert.equal(outcome(await api.post('/publish', '[]')), '400 BAD_REQUEST');
    assert.deepEqual((await api.post('/publish')).body, { code: 'BAD_REQUEST', message: 'a body of JSON is missing' });
    assert.equal(outcome(await api.post('/publish', '{}', { 'content-type': 'text/plain' })), '415 UNSUPPORTED_MEDIA_TYPE');
    assert.equal(outcome(await api.post('/publish', JSON.stringify({ topic: 'a', payload: 'x'.repeat(2_000_000) }))), '413 PAYLOAD_TOO_LARGE');
    assert.equal(outcome(await api.get('/nothing')), '404 NOT_FOUND');
    assert.equal(outcome(await api.put('/publish', {})), '405 METHOD_NOT_ALLOWED');
    assert.equal((await api.delete('/stats')).headers.get('allow'), 'GET, HEAD');
    assert.equal(outcome(await api.get('/clients/%ff')), '400 BAD_REQUEST');
    assert.equal(outcome(await api.get(`/clients?clientid=${'x'.repeat(20_000)}`)), '414 URI_TOO_LONG');
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    assert.equal(outcome(await api.post('/publish', deep)), '400 BAD_REQUEST');
  });

  test('under another host name are refused', async () => {
    const { host, port } = broker.listener('http');
    const socket = net.connect(port, host);
    let text = '';
    socket.on('data', (data) => (text += data));
    socket.write('GET /healthz HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n');
    await until(() => text.includes('\r\n\r\n'), 'an answer');
    assert.match(text, /^HTTP\/1.1 421 /);
    socket.destroy();
  });
});

describe('hostile and slow clients', () => {
  test('hundreds of half requests keep nobody out', async () => {
    const { host, port } = broker.listener('http');
    const sockets = [];
    for (let i = 0; i < 300; i++) {
      const socket = net.connect(port, host);
      socket.on('error', () => {});
      socket.write(['GET /api', 'POST /api/v5/publish HTTP/1.1\r\nHost: localhost\r\nContent-Len', '', '\x00\x01'][i % 4]);
      sockets.push(socket);
    }
    for (let i = 0; i < 20; i++) assert.equal((await api.get('/stats')).status, 200);
    for (const socket of sockets) socket.destroy();
  });

  test('many requests at once are all answered', async () => {
    const answers = await Promise.all(
      Array.from({ length: 400 }, (_, i) => (i % 2 ? api.get('/clients') : api.post('/publish', { topic: `many/${i}`, payload: 'x', qos: 1 }))),
    );
    for (const { status } of answers) assert.ok([200, 202, 503].includes(status), String(status));
    assert.ok(answers.filter((a) => a.status !== 503).length > 200);
  });

  test('messages flow while the API is under load', async () => {
    const c = await client();
    await c.subscribeAsync('flow', { qos: 1 });
    let busy = true;
    const load = Array.from({ length: 8 }, async () => {
      while (busy) await api.get('/subscriptions?limit=1000');
    });
    for (let i = 0; i < 200; i++) await c.publishAsync('flow', String(i), { qos: 1 });
    await c.received(200);
    busy = false;
    await Promise.all(load);
    await c.endAsync();
  });
});

describe('the listener', () => {
  test('answers what is under way when the broker stops, and is told by run.json', async (t) => {
    const own = await Broker.during(t);
    const ownApi = new Api(own);
    assert.equal(own.run.api, ownApi.base);
    let stopped = false;
    const answers = [];
    const load = Array.from({ length: 8 }, async () => {
      while (!stopped) {
        const answer = await ownApi.get('/clients').catch(() => null); // no connection any more
        if (answer === null) return;
        answers.push(answer.status);
      }
    });
    await until(() => answers.length > 100, 'some answers');
    await own.stop();
    stopped = true;
    await Promise.all(load);
    assert.ok(answers.every((status) => status === 200 || status === 503), [...new Set(answers)].join());
  });

  test('speaks TLS with a certificate', async (t) => {
    const pki = new Pki(temporaryDirectory());
    const { cert, key } = pki.issue('server', { cn: 'localhost', san: ['IP:127.0.0.1', 'DNS:localhost'] });
    const own = await Broker.during(t, { listeners: { http: { tls: { cert, key } } } });
    assert.match(own.run.api, /^https:/);
    const listed = await own.cli('key', 'list', '--json', '--ca', pki.ca);
    assert.equal(listed.stdout, '[]\n', listed.stderr);
    const distrusted = await own.cli('key', 'list');
    assert.equal(distrusted.code, 1);
    await own.stop();
  });

  test('refuses a certificate that is none, and an address that is taken', async () => {
    const dir = temporaryDirectory();
    fs.writeFileSync(path.join(dir, 'bad.pem'), 'no certificate');
    const start = (...sets) =>
      varve(['serve', '--data', path.join(dir, 'data'), ...['tcp', 'ws'].flatMap((kind) => ['--set', `listeners.${kind}.default.bind=127.0.0.1:0`]), ...sets]);
    const bad = path.join(dir, 'bad.pem');
    const tls = await start('--set', 'listeners.http.bind=127.0.0.1:0', '--set', `listeners.http.tls.cert=${bad}`, '--set', `listeners.http.tls.key=${bad}`);
    assert.equal(tls.code, 1);
    assert.match(tls.stderr, /listener http: the certificate or its key is not usable/);
    const { host, port } = broker.listener('http');
    const taken = await start('--set', `listeners.http.bind=${host}:${port}`);
    assert.equal(taken.code, 1);
    assert.match(taken.stderr, /another program listens there/);
  });

  test('keeps keys and users over a restart, and prints the password no more', async (t) => {
    const own = await Broker.during(t);
    const password = await own.firstPassword();
    const made = await own.cli('key', 'create', 'lasting', '--role', 'viewer', '--json');
    assert.equal(made.code, 0, made.stderr);
    const { api_key, api_secret } = JSON.parse(made.stdout);
    await own.stop({ keep: true });
    await own.start();
    await until(() => own.stdout.includes('is ready'), 'the announcement');
    await until(() => /^ +data /m.test(own.stdout), 'the whole of it');
    assert.doesNotMatch(own.stdout, /password/);
    assert.equal((await new Api(own, `${api_key}:${api_secret}`).get('/stats')).status, 200);
    assert.equal((await (await new Api(own, null).login('admin', password)).get('/stats')).status, 200);
    await own.stop();
  });
});

describe('varve key', () => {
  test('manages keys of a running broker', async () => {
    const key = (...args) => broker.cli('key', ...args);
    const made = await key('create', 'cli key/1', '--desc', 'of a test', '--expires', '2040-01-01T00:00:00Z');
    assert.equal(made.code, 0, made.stderr);
    assert.match(made.stdout, /^key cli key\/1 created\n[0-9a-f]{16}:\S+ \(the secret is not shown again\)\n$/);
    const shown = JSON.parse((await key('show', 'cli key/1', '--json')).stdout);
    assert.equal(shown.desc, 'of a test');
    assert.equal(shown.expired_at, '2040-01-01T00:00:00.000Z');
    assert.match((await key('list')).stdout, /cli key\/1 .* administrator enabled/);
    assert.match((await key('update', 'cli key/1', '--disable', '--role', 'viewer')).stdout, /role +viewer\nstate +disabled/);
    assert.equal((await key('delete', 'cli key/1')).stdout, 'key cli key/1 deleted\n');
    const gone = await key('show', 'cli key/1');
    assert.deepEqual([gone.code, gone.stderr], [1, 'varve key: no API key cli key/1\n']);
    const bad = await key('create', 'x', '--role', 'king');
    assert.equal(bad.code, 1);
    assert.match(bad.stderr, /role: is one of "administrator", "viewer", "publisher"/);
    assert.equal((await key('create')).code, 2);
    assert.equal((await key('lst')).code, 2);
    const away = await varve(['key', 'list', '--url', 'http://127.0.0.1:1', '--key', 'a:b']);
    assert.equal(away.code, 1);
    assert.match(away.stderr, /is the broker running\?/);
    const nobody = await varve(['key', 'list', '--url', new Api(broker).base, '--key', 'a:b']);
    assert.match(nobody.stderr, /there is no such API key/);
    const helped = await varve(['key', '--help']);
    assert.equal(helped.code, 0);
    assert.match(helped.stdout, /example:/);
  });
});
