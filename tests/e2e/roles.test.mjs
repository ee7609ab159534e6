// What each role may do, for every operation that openapi.json describes, on a broker that has one of everything: viewers change
// nothing and are told no secret, publishers and consumers do what is theirs alone, and without a proof there is nothing.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { Broker } from './lib/broker.mjs';
import { Api } from './lib/http.mjs';

const SECRET = { connector: 'a-secret-of-a-connector', token: 'a-session-token', header: 'Bearer a-header', dashboard: 'a-dashboard-password', mqtt: 'a-password-of-mqtt' };
const PUBLIC = new Set(['POST /api/v5/login', 'GET /api/v5/openapi.json', 'GET /api/v5/status', 'GET /status', 'GET /healthz', 'GET /readyz', 'GET /metrics', 'GET /api/v5/prometheus/stats']);
// Whoever has proved who he is: who that is, the end of a login, and a password of his own, of which more below.
const CHANGE_PASSWORD = 'POST /api/v5/users/{username}/change_pwd';
const ANY = new Set(['GET /api/v5/session', 'POST /api/v5/logout', CHANGE_PASSWORD]);
const OWN = {
  viewer: (method) => method === 'GET',
  publisher: (method, where) => method === 'POST' && /\/publish$|\/publish\/bulk$|\/stations\/\{name\}\/messages$/.test(where),
  consumer: (method, where) =>
    (method === 'GET' && /\/stations(\/\{name\}(\/messages|\/groups(\/\{group\})?)?)?$/.test(where)) || (method === 'POST' && /\/(fetch|ack)$/.test(where)),
};
// Values of path parameters, by what stands before them.
const VALUES = {
  stations: 's', groups: 'g', connectors: 's3:c', actions: 's3:a', rules: 'r', clients: 'nobody', users: 'vera', api_key: 'viewer', jobs: 'none', topics: 't',
  nodes: 'varve@127.0.0.1', banned: 'username', username: 'banned', message: 'kept', enable: 'false', authentication: 'password_based:built_in_database',
};

let broker;
let admin;
let operations;
const roles = {};
const secrets = [];

before(async () => {
  broker = await Broker.start();
  admin = new Api(broker);
  const { paths } = (await admin.get('/openapi.json')).body;
  operations = Object.entries(paths).flatMap(([where, item]) => Object.keys(item).map((method) => [method.toUpperCase(), where]));
  for (const role of ['viewer', 'publisher', 'consumer']) {
    const { body } = await admin.post('/api_key', { name: role, role });
    roles[role] = new Api(broker, `${body.api_key}:${body.api_secret}`);
    secrets.push(body.api_secret);
  }
  const made = [
    ['/connectors', { type: 's3', name: 'c', endpoint: 'http://127.0.0.1:1', bucket: 'bucket', access_key_id: 'id', secret_access_key: SECRET.connector, session_token: SECRET.token }],
    ['/actions', { type: 's3', name: 'a', connector: 'directory:local', parameters: { bucket: 'bucket', key: 'k' } }],
    ['/rules', { id: 'r', sql: 'SELECT * FROM "t"', actions: ['s3:a'] }],
    ['/stations', { name: 's', topics: ['s/#'] }],
    ['/stations/s/groups/g/fetch', {}],
    ['/users', { username: 'vera', password: SECRET.dashboard, role: 'viewer' }],
    ['/authentication/password_based:built_in_database/users', { user_id: 'u', password: SECRET.mqtt }],
    ['/banned', { as: 'username', who: 'banned' }],
    ['/publish', { topic: 'kept', payload: 'x', retain: true, qos: 1 }],
  ];
  for (const [where, body] of made) {
    const answer = await admin.post(where, body);
    assert.ok(answer.status < 300, `${where}: ${JSON.stringify(answer.body)}`);
  }
  const [, secret] = fs.readFileSync(path.join(broker.dir, 'data/admin.key'), 'utf8').trim().split(':');
  secrets.push(...Object.values(SECRET), secret, await broker.firstPassword());
});
after(() => broker.stop());

const fill = (where) => {
  const parts = where.split('/');
  return parts.map((part, i) => (/^\{.*\}$/.test(part) ? encodeURIComponent(VALUES[parts[i - 1].replace(/[{}]/g, '')] ?? VALUES[part.replace(/[{}*]/g, '')] ?? 'x') : part)).join('/');
};
// A body that no schema takes: whoever may do it does nothing either.
const ask = (api, method, where) => api.ask(method, `/${fill(where)}`, method === 'POST' || method === 'PUT' ? '"nonsense"' : undefined, { 'content-type': contentType(where) });
const contentType = (where) => (/\/messages$/.test(where) ? 'application/x-ndjson' : 'application/json');

// Everything that is not a figure or a time.
async function everything() {
  const all = {};
  for (const where of ['/connectors', '/actions', '/rules', '/stations', '/stations/s/groups', '/users', '/api_key', '/banned', '/rule_engine', '/mqtt/retainer/messages',
    '/authentication/password_based:built_in_database/users', '/authorization/sources/built_in_database/rules/all'])
    all[where] = (await admin.get(where)).body;
  return JSON.parse(JSON.stringify(all, (key, value) => (/^(state|status|status_reason|node_status|metrics|rate.*|last_.*)$/.test(key) ? undefined : value)));
}

test('nobody is told or changes anything without a proof, but what is public', async () => {
  assert.ok(operations.length > 100, `${operations.length} operations`);
  const nobody = new Api(broker, null);
  const stranger = new Api(broker, 'viewer:wrong');
  for (const [method, where] of operations) {
    if (PUBLIC.has(`${method} ${where}`)) continue;
    for (const one of [nobody, stranger]) assert.equal((await ask(one, method, where)).status, 401, `${method} ${where}`);
    if (method === 'GET') assert.equal((await ask(nobody, 'HEAD', where)).status, 401, `HEAD ${where}`);
  }
});

for (const role of Object.keys(OWN)) {
  test(`a ${role} may do what is his, and nothing else`, async () => {
    const before = await everything();
    for (const [method, where] of operations) {
      const name = `${method} ${where}`;
      if (PUBLIC.has(name)) continue;
      const { status, body } = await ask(roles[role], method, where);
      if (ANY.has(name) || OWN[role](method, where)) assert.ok(status !== 403 && status !== 401 && status < 500, `${name}: ${status}`);
      else assert.equal(status, 403, `${name}: ${JSON.stringify(body)?.slice(0, 300)}`);
    }
    assert.deepEqual(await everything(), before);
  });
}

test('a password is changed by its user, who knows it, and by administrators alone', async () => {
  const vera = await admin.login('vera', SECRET.dashboard);
  const change = (api, username, body) => api.post(`/users/${username}/change_pwd`, { new_pwd: 'another password', ...body });
  for (const role of Object.keys(OWN)) assert.equal((await change(roles[role], 'vera', { old_pwd: SECRET.dashboard })).status, 403, role);
  assert.equal((await change(vera, 'admin', { old_pwd: SECRET.dashboard })).status, 403);
  assert.equal((await change(vera, 'vera', {})).status, 400);
  assert.equal((await change(vera, 'vera', { old_pwd: 'a wrong password' })).status, 400);
  assert.equal((await admin.post('/login', { username: 'vera', password: SECRET.dashboard })).status, 200);
});

test('no answer to a viewer holds a secret, nor does the log', async () => {
  for (const [method, where] of operations.filter(([method]) => method === 'GET')) {
    const { body } = await ask(roles.viewer, method, where);
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    for (const secret of secrets) assert.ok(!text.includes(secret), `${method} ${where}: ${text.slice(0, 300)}`);
    assert.ok(!/argon2|"(salt|stored_key|server_key|password_hash|secret_hash)"/.test(text), `${method} ${where}: ${text.slice(0, 300)}`);
  }
  for (const secret of secrets) assert.ok(!broker.stderr.includes(secret));
});
