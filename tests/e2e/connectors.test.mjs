// Connectors: the stores of the second tier and of sinks, by name. HTTP API, command line, varve apply; the directory that is always there.
// Those of S3 are in connectors_s3.test.mjs.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Broker, varve } from './lib/broker.mjs';
import { cliOf } from './lib/cli.mjs';
import { StationApi } from './lib/stations.mjs';
import { unique } from './lib/wait.mjs';

const LOCAL = 'directory:local';
const SECRET = 'a-secret-that-nobody-may-see';

let broker;
let api;
before(async () => {
  broker = await Broker.start();
  api = new StationApi(broker);
});
after(() => broker.stop());

const { done, json, fails } = cliOf(() => broker);
const directory = (name = unique('d')) => ({ type: 'directory', name, path: name });
const create = async (object = directory()) => {
  await api.ok('POST', '/connectors', object);
  return `${object.type}:${object.name}`;
};

describe('the data directory as a store', () => {
  test('is a connector from the start, and connected', async () => {
    const local = await api.ok('GET', `/connectors/${LOCAL}`);
    assert.deepEqual([local.type, local.name, local.path, local.enable], ['directory', 'local', 'objects', true]);
    assert.deepEqual([local.status, local.status_reason, local.actions, local.uses], ['connected', '', [], []]);
    assert.deepEqual(local.node_status, [{ node: 'varve@127.0.0.1', status: 'connected', status_reason: '' }]);
    assert.ok((await api.ok('GET', '/connectors')).some((c) => c.name === 'local'));
  });

  test('is there again after a restart, and cannot be deleted', async () => {
    const error = await api.fails(400, 'DELETE', `/connectors/${LOCAL}`);
    assert.deepEqual([error.code, error.message], ['BAD_REQUEST', `connector ${LOCAL} is built in (it can be disabled)`]);
    await api.ok('PUT', `/connectors/${LOCAL}`, { description: 'ours' });
    await broker.stop({ keep: true });
    await broker.start();
    assert.equal((await api.ok('GET', `/connectors/${LOCAL}`)).description, 'ours');
  });

  test('honours everything that is asked of a store, below data/objects', async () => {
    const probe = await api.ok('POST', `/connectors/${LOCAL}/probe`, { bucket: 'varve', prefix: 'p/' });
    assert.deepEqual([probe.usable, probe.guarantee], [true, 'exactly_once']);
    assert.deepEqual([...new Set(probe.checks.map((c) => c.result))].sort(), ['ok', 'skipped']);
    assert.deepEqual(fs.readdirSync(path.join(broker.dir, 'data/objects')), ['varve']);
  });
});

describe('the API', () => {
  test('creates with 201, and a second time not', async () => {
    const object = directory();
    const made = await api.call('POST', '/connectors', object);
    assert.equal(made.status, 201);
    assert.equal(JSON.parse(made.text).status, 'connected');
    const twice = await api.fails(400, 'POST', '/connectors', object);
    assert.deepEqual(twice, { code: 'ALREADY_EXISTS', message: `connector directory:${object.name} exists` });
  });

  test('takes what it has shown', async () => {
    const id = await create();
    const shown = await api.ok('GET', `/connectors/${id}`);
    assert.deepEqual({ ...(await api.ok('PUT', `/connectors/${id}`, shown)), last_modified_at: 0 }, { ...shown, last_modified_at: 0 });
    await api.ok('DELETE', `/connectors/${id}`);
    await api.ok('POST', '/connectors', shown);
  });

  test('changes what is given, and null is the default', async () => {
    const id = await create();
    const put = (body) => api.ok('PUT', `/connectors/${id}`, body);
    const changed = await put({ tags: ['a'], resource_opts: { health_check_interval: '1m' } });
    assert.deepEqual([changed.tags, changed.path], [['a'], id.slice('directory:'.length)]);
    assert.deepEqual([changed.resource_opts.health_check_interval, changed.resource_opts.start_timeout], ['1m', '5s']);
    assert.deepEqual((await put({ tags: null })).tags, []);
  });

  test('refuses what is wrong with its key and what was expected', async () => {
    const id = await create();
    for (const [object, message] of [
      [{ type: 'directory', name: 'x' }, /^path: missing/],
      [{ type: 'directory', name: 'x', path: 'x', pth: 1 }, /^unknown key "pth" \(keys here: path, /],
      [{ type: 'directory', name: 'x/y', path: 'x' }, /^name: expected 1 to 255 letters/],
      [{ type: 'tape', name: 'x' }, /^type: expected one of s3, directory/],
      [{ name: 'x' }, /^type: expected/],
      [{ type: 's3', name: 'x' }, /^endpoint: missing/],
      [{ type: 's3', name: 'x', host: 'h', port: 70000 }, /^port: expected a whole number from 1 to 65535/],
      [{ type: 's3', name: 'x', host: 'h', transport_options: { ssl: { verify: 'no' } } }, /^transport_options: ssl: verify: expected one of verify_peer/],
      [{ type: 's3', name: 'x', host: 'h', secret_access_key: '******' }, /^secret_access_key: there is none yet/],
    ]) {
      const error = await api.fails(400, 'POST', '/connectors', object);
      assert.equal(error.code, 'BAD_REQUEST');
      assert.match(error.message, message);
    }
    assert.match((await api.fails(400, 'PUT', `/connectors/${id}`, { name: 'other' })).message, /keeps them/);
    assert.equal((await api.fails(400, 'POST', '/connectors', '[]')).code, 'BAD_REQUEST');
  });

  test('knows what is not there', async () => {
    for (const [method, tail, body] of [['GET', ''], ['PUT', '', {}], ['DELETE', ''], ['PUT', '/enable/true'], ['POST', '/start'], ['POST', '/probe', {}]]) {
      const error = await api.fails(404, method, `/connectors/s3:nobody${tail}`, body);
      assert.deepEqual(error, { code: 'NOT_FOUND', message: 'no connector "s3:nobody"' });
    }
  });

  test('enables, disables and starts', async () => {
    const id = await create();
    assert.equal((await api.call('PUT', `/connectors/${id}/enable/false`)).status, 204);
    const off = await api.ok('GET', `/connectors/${id}`);
    assert.deepEqual([off.enable, off.status], [false, 'disconnected']);
    assert.match(off.status_reason, /^it is disabled/);
    assert.equal((await api.fails(400, 'POST', `/connectors/${id}/start`)).code, 'BAD_REQUEST');
    assert.equal((await api.fails(400, 'POST', `/connectors/${id}/probe`, { bucket: 'varve' })).code, 'TEST_FAILED');
    assert.equal((await api.fails(400, 'PUT', `/connectors/${id}/enable/maybe`)).code, 'BAD_REQUEST');
    assert.equal((await api.call('PUT', `/connectors/${id}/enable/true`)).status, 204);
    assert.equal((await api.ok('GET', `/connectors/${id}`)).status, 'connected');
    assert.equal((await api.call('POST', `/connectors/${id}/start`)).status, 204);
    assert.equal((await api.call('POST', `/nodes/varve@127.0.0.1/connectors/${id}/start`)).status, 204);
    assert.equal((await api.fails(404, 'POST', `/nodes/other@host/connectors/${id}/start`)).code, 'NOT_FOUND');
    assert.equal((await api.call('DELETE', `/connectors/${id}`)).status, 204);
  });

  test('tries without creating', async () => {
    const object = directory();
    const file = path.join(broker.dir, 'data', object.name);
    fs.writeFileSync(file, 'a file in its place');
    const error = await api.fails(400, 'POST', '/connectors_probe', object);
    assert.equal(error.code, 'TEST_FAILED');
    assert.match(error.message, new RegExp(object.name));
    assert.equal((await api.fails(400, 'POST', '/connectors_probe', { ...object, x: 1 })).code, 'BAD_REQUEST');
    fs.rmSync(file);
    assert.equal((await api.call('POST', '/connectors_probe', object)).status, 204);
    await api.fails(404, 'GET', `/connectors/directory:${object.name}`);
  });

  test('a store that cannot be used is a connector with a reason, until it can be', async () => {
    const object = directory();
    const file = path.join(broker.dir, 'data', object.name);
    fs.writeFileSync(file, 'a file in its place');
    const made = await api.ok('POST', '/connectors', object);
    assert.equal(made.status, 'disconnected');
    assert.match(made.status_reason, new RegExp(object.name));
    assert.equal(made.node_status[0].status_reason, made.status_reason);
    const error = await api.fails(400, 'POST', `/connectors/directory:${object.name}/start`);
    assert.match(error.message, /^disconnected: /);
    fs.rmSync(file);
    assert.equal((await api.call('POST', `/connectors/directory:${object.name}/start`)).status, 204);
  });

  test('figures tell of connectors', async () => {
    const id = await create();
    const { body } = await api.get('//metrics');
    assert.match(body, new RegExp(`^varve_connector_connected\\{connector="${id}"\\} 1$`, 'm'));
    assert.match(body, new RegExp(`^varve_connector_requests_total\\{connector="${id}",op="list",outcome="ok"\\} [1-9]`, 'm'));
  });

  test('openapi.json describes the keys of both types', async () => {
    const { body } = await api.get('/openapi.json');
    const { connector_s3: s3, connector_directory: local } = body.components.schemas;
    assert.deepEqual(s3.properties.access_method.enum, ['path', 'vhost', 'auto']);
    assert.equal(s3.properties.transport_options.properties.ssl.properties.verify.default, 'verify_peer');
    assert.equal(local.properties.path.type, 'string');
  });
});

describe('varve connector', () => {
  for (const args of [
    ['connector'], ['connector', 'fly'], ['connector', 'create'], ['connector', 'list', 'x'], ['connector', 'show', 'x', 'y'],
    ['connector', 'update', LOCAL], ['connector', 'show', 'local'], ['doctor', 'local'], ['connector', 'create', 's3:x', '--set', 'nokey'], ['connector', 'create', 'x', '--set', 'a=b'],
    ['connector', 'show', LOCAL, '--set', 'a=b'], ['connector', 'list', '--bucket', 'b'],
    ['doctor', 'x', 'y'], ['doctor', '--bucket', 'b'], ['doctor', LOCAL, '--set', 'a=b'],
  ]) {
    test(`varve ${args.join(' ')} is wrong usage`, () => fails(2, /--help tells/, ...args));
  }

  test('--help shows an example', async () => {
    const { code, stdout } = await varve(['connector', '--help']);
    assert.equal(code, 0);
    assert.match(stdout, /^usage: varve connector list[^]*example/);
  });

  test('creates, shows, changes, lists, disables and deletes', async () => {
    const name = unique('d');
    const id = `directory:${name}`;
    assert.equal(await done('connector', 'create', id, '--set', `path=${name}`, '--desc', 'mine'), `connector ${id} created: connected\n`);
    assert.deepEqual([(await json('connector', 'show', id)).description, (await json('connector', 'show', id)).path], ['mine', name]);
    assert.match(await done('connector', 'show', id), /^resource_opts\.health_check_interval +15s$/m);
    assert.match(await done('connector', 'update', id, '--set', 'resource_opts.health_check_interval=1m'), /changed: connected/);
    assert.match(await done('connector', 'list'), new RegExp(`^connector +status +used by\n(.*\n)*${id} +connected`));
    assert.ok((await json('connector', 'list')).some((c) => c.name === name));
    assert.equal(await done('connector', 'disable', id), `connector ${id} disabled\n`);
    await fails(1, /is disabled/, 'connector', 'start', id);
    assert.equal(await done('connector', 'enable', id), `connector ${id} enabled\n`);
    assert.equal(await done('connector', 'start', id), `connector ${id} connected\n`);
    assert.equal(await done('connector', 'delete', id), `connector ${id} deleted\n`);
    await fails(1, new RegExp(`no connector "${id}"`), 'connector', 'show', id);
  });

  test('the secret comes from standard input, and is shown nowhere', async () => {
    const id = `s3:${unique('s')}`;
    const data = ['--data', path.join(broker.dir, 'data')];
    const made = await varve(['connector', 'create', id, '--set', 'endpoint=http://127.0.0.1:1', '--set', 'access_key_id=id', '--secret', ...data], { input: `${SECRET}\n` });
    assert.equal(made.code, 0, made.stderr);
    assert.equal((await json('connector', 'show', id)).secret_access_key, '******');
    const empty = await varve(['connector', 'update', id, '--secret', ...data], { input: '\n' });
    assert.deepEqual([empty.code, empty.stderr.split('\n')[0]], [1, 'varve connector: the secret is empty']);
    for (const text of [await done('connector', 'show', id), await done('connector', 'list', '--json'), broker.stderr]) assert.ok(!text.includes(SECRET));
  });

  test('probe and doctor tell every check and the guarantee', async () => {
    for (const args of [['connector', 'probe', LOCAL], ['doctor', LOCAL]]) {
      const text = await done(...args, '--bucket', 'varve');
      for (const check of ['bucket', 'put', 'get', 'range', 'conditional put', 'checksum', 'list', 'batch delete']) {
        assert.match(text, new RegExp(`^ok +${check} `, 'm'));
      }
      assert.match(text, /^it can be used\nguarantee: exactly once/m);
      assert.equal((await json(...args, '--bucket', 'varve')).guarantee, 'exactly_once');
    }
    await fails(1, /^varve doctor: bucket: missing/, 'doctor', LOCAL);
    const bad = await broker.cli('doctor', LOCAL, '--bucket', 'ab');
    assert.equal(bad.code, 1);
    assert.match(bad.stdout, /^failed +bucket +bucket "ab": not the name of a bucket\n +3 to 63 letters.*\n\nit cannot be used as it is\n/);
    await fails(1, /^varve doctor: no connector "s3:nobody"/, 'doctor', 's3:nobody');
  });
});

describe('varve apply', () => {
  const file = () => path.join(broker.dir, `${unique('apply')}.yaml`);
  const apply = async (text, ...options) => {
    const name = file();
    fs.writeFileSync(name, text);
    return done('apply', '-f', name, ...options);
  };

  test('creates connectors once, and changes what differs', async () => {
    const name = unique('d');
    const text = (interval) => `connectors:\n  - type: directory\n    name: ${name}\n    path: ${name}\n    tags: [a, b]\n    resource_opts: {health_check_interval: ${interval}}\n`;
    assert.equal(await apply(text('60s'), '--dry-run'), `connector directory:${name} would be created\n1 created, 0 changed, 0 unchanged (nothing is done: --dry-run)\n`);
    assert.match(await apply(text('60s')), /^connector .* created\n1 created/);
    assert.match(await apply(text('1m')), /unchanged\n0 created, 0 changed, 1 unchanged/);
    assert.match(await apply(text('2m')), /changed\n {2}resource_opts\.health_check_interval: "1m" -> "2m"\n0 created, 1 changed/);
    const shown = await json('connector', 'show', `directory:${name}`);
    assert.deepEqual([shown.tags, shown.resource_opts.health_check_interval], [['a', 'b'], '2m']);
  });

  test('sets the secret of a new connector, and of another only when it is told to', async () => {
    const name = unique('s');
    const text = (secret, more = '') =>
      `connectors:\n  - type: s3\n    name: ${name}\n    endpoint: http://127.0.0.1:1\n    access_key_id: id\n    secret_access_key: ${secret}\n${more}`;
    assert.match(await apply(text(SECRET)), /created/);
    assert.match(await apply(text('another')), /unchanged/);
    assert.match(await apply(text('another', '    description: x\n')), /changed\n {2}description: "" -> "x"\n/);
    assert.match(await apply(text('another'), '--passwords'), /changed\n {2}secret_access_key\n/);
    const shown = await json('connector', 'show', `s3:${name}`);
    assert.deepEqual([shown.secret_access_key, shown.description], ['******', 'x']);
    assert.match(await apply(text('env:S3_SECRET')), /changed\n {2}secret_access_key: "\*+" -> "env:S3_SECRET"\n/);
    assert.match(await apply(text('env:S3_SECRET')), /unchanged/);
  });

  test('a station may name a connector of the same file', async () => {
    const name = unique('d');
    const told = await apply(
      `stations:\n  - name: ${name}\n    tier: {connector: "directory:${name}"}\nconnectors:\n  - {type: directory, name: ${name}, path: ${name}}\n`,
    );
    assert.match(told, /^connector .* created\nstation .* created\n2 created/);
  });

  test('a file that is wrong is told with its line, and nothing is done', async () => {
    for (const [text, message] of [
      ['connectors:\n  - name: x\n', /:2: .*type: missing: expected s3 or directory/],
      ['connectors:\n  - {type: tape, name: x}\n', /type: tape: expected s3 or directory/],
      ['connectors:\n  - type: directory\n    name: x\n    pth: y\n', /:4: .*pth: unknown key/],
      ['connectors:\n  - type: s3\n    name: x\n    host: h\n    transport_options: {pool_size: 0}\n', /pool_size/],
      ['connectors:\n  - {type: directory, name: x, path: x}\n  - {type: directory, name: x, path: y}\n', /directory:x is declared twice/],
    ]) {
      const name = file();
      fs.writeFileSync(name, text);
      await fails(1, message, 'apply', '-f', name);
    }
    assert.ok(!(await json('connector', 'list')).some((c) => c.name === 'x'));
  });
});
