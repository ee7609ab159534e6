// Connectors to a real S3 server: what is told when something is wrong, how it heals, and that secrets stay secret.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Broker, varve } from './lib/broker.mjs';
import { S3Server } from './lib/s3.mjs';
import { StationApi } from './lib/stations.mjs';
import { unique, until } from './lib/wait.mjs';

const BUCKET = 'varve-test';
const WRONG = 'a-wrong-secret-that-nobody-may-see';

let s3;
let broker;
let api;
before(async () => {
  s3 = await S3Server.start();
  broker = await Broker.start({}, { log_level: 'debug', env: { S3_TEST_SECRET: s3.secret_key } });
  api = new StationApi(broker);
});
after(async () => {
  await broker?.stop();
  await s3?.stop();
});

const object = (more) => ({ ...s3.connector, name: unique('s'), bucket: BUCKET, ...more });
const create = (more) => api.ok('POST', '/connectors', object(more));
const id = (connector) => `s3:${connector.name}`;
const get = (connector) => api.ok('GET', `/connectors/${id(connector)}`);
const data = () => path.join(broker.dir, 'data');

describe('a store that takes the keys is connected', () => {
  for (const [what, more] of [
    ['with a bucket', () => ({})],
    ['without one', () => ({ bucket: null })],
    ['over TLS, with its own authority', () => ({ endpoint: s3.tls_endpoint, transport_options: { ssl: { cacertfile: s3.ca } } })],
    ['over TLS, unverified', () => ({ endpoint: s3.tls_endpoint, transport_options: { ssl: { verify: 'verify_none' } } })],
    ['as EMQX says it', () => ({ endpoint: null, host: '127.0.0.1', port: Number(s3.port), access_method: 'path', transport_options: { ssl: { enable: false } } })],
    ['with access_method auto', () => ({ access_method: 'auto' })],
    ['with the secret of a variable', () => ({ secret_access_key: 'env:S3_TEST_SECRET' })],
  ]) {
    test(what, async () => {
      const made = await create(more());
      assert.deepEqual([made.status, made.status_reason], ['connected', '']);
      assert.equal((await api.call('POST', '/connectors_probe', object(more()))).status, 204);
    });
  }
});

describe('what is wrong is told in words', () => {
  for (const [what, more, reason] of [
    ['a wrong secret', () => ({ secret_access_key: WRONG }), /the secret does not belong to the access key \(check secret_access_key\)$/],
    ['a wrong secret, without a bucket', () => ({ secret_access_key: WRONG, bucket: null }), /^the secret does not belong to the access key/],
    ['a wrong key', () => ({ access_key_id: 'nobody' }), /the store does not know this access key \(check access_key_id\)$/],
    ['a bucket that is not there', () => ({ bucket: 'no-such-bucket' }), /^bucket no-such-bucket: no such bucket/],
    ['a bucket of somebody else', () => ({ access_key_id: s3.other_access_key, secret_access_key: s3.other_secret_key }), /no permission/],
    ['a port where nobody listens', () => ({ endpoint: 'http://127.0.0.1:1' }), /unreachable: nothing answers at 127\.0\.0\.1 port 1/],
    ['a host that is not known', () => ({ endpoint: 'http://no-such-host.invalid' }), /unreachable: the host no-such-host\.invalid is not known/],
    ['a certificate that nobody vouches for', () => ({ endpoint: s3.tls_endpoint }), /the certificate of 127\.0\.0\.1 is not accepted/],
    ['a certificate for another name', () => ({ endpoint: s3.tls_endpoint, transport_options: { ssl: { cacertfile: s3.ca, server_name_indication: 'other.example' } } }), /certificate/],
    ['TLS where there is none', () => ({ endpoint: s3.endpoint.replace('http:', 'https:') }), /TLS/],
    ['an authority that cannot be read', () => ({ endpoint: s3.tls_endpoint, transport_options: { ssl: { cacertfile: '/nowhere/ca.pem' } } }), /\/nowhere\/ca\.pem/],
    ['a file of the secret that is not there', () => ({ secret_access_key: 'file:///nowhere/secret' }), /secret_access_key: .*\/nowhere\/secret/],
    ['a variable that is not set', () => ({ secret_access_key: 'env:S3_TEST_NOWHERE' }), /secret_access_key: the environment has no S3_TEST_NOWHERE/],
  ]) {
    test(what, async () => {
      const made = await create(more());
      await until(async () => (await get(made)).status === 'disconnected', `${what} to be noticed`);
      const shown = await get(made);
      assert.match(shown.status_reason, reason);
      const tried = await api.fails(400, 'POST', '/connectors_probe', object(more()));
      assert.equal(tried.code, 'TEST_FAILED');
      assert.match(tried.message, reason);
      const started = await api.fails(400, 'POST', `/connectors/${id(made)}/start`);
      assert.match(started.message, /^disconnected: /);
    });
  }
});

describe('a connector heals', () => {
  test('when its secret is corrected', async () => {
    const made = await create({ secret_access_key: WRONG });
    assert.equal(made.status, 'disconnected');
    const corrected = await api.ok('PUT', `/connectors/${id(made)}`, { secret_access_key: s3.secret_key });
    assert.deepEqual([corrected.status, corrected.status_reason, corrected.secret_access_key], ['connected', '', '******']);
  });

  test('when its bucket is created, by itself', async () => {
    const bucket = unique('later').toLowerCase();
    const made = await create({ bucket, resource_opts: { health_check_interval: '100ms' } });
    assert.match(made.status_reason, /no such bucket/);
    await s3.createBucket(bucket);
    await until(async () => (await get(made)).status === 'connected', 'the bucket to be found');
  });

  test('when its file of the secret is written', async () => {
    const file = path.join(broker.dir, unique('secret'));
    const made = await create({ secret_access_key: `file://${file}`, resource_opts: { health_check_interval: '100ms' } });
    assert.equal(made.status, 'disconnected');
    fs.writeFileSync(file, `${s3.secret_key}\n`);
    await until(async () => (await get(made)).status === 'connected', 'the file to be found');
    assert.equal((await get(made)).secret_access_key, `file://${file}`);
  });

  test('after its store has hung', async () => {
    const made = await create({
      resource_opts: { health_check_interval: '100ms', health_check_timeout: '1s' }, transport_options: { request_timeout: '500ms' },
    });
    await until(async () => (await get(made)).status === 'connected', 'the store');
    s3.hang();
    try {
      await until(async () => (await get(made)).status === 'disconnected', 'the silence to be noticed');
      assert.match((await get(made)).status_reason, /\S/);
    } finally {
      s3.resume();
    }
    await until(async () => (await get(made)).status === 'connected', 'the store to answer again');
  });

  test('is what it was after a restart of the broker', async () => {
    const made = await create();
    await broker.stop({ keep: true });
    await broker.start();
    await until(async () => (await get(made)).status === 'connected', 'the store');
    const { status, status_reason, node_status, ...rest } = await get(made);
    const { status: _s, status_reason: _r, node_status: _n, ...before } = made;
    assert.deepEqual(rest, before);
  });
});

describe('what the store honours', () => {
  test('is told by varve doctor, with the guarantee', async () => {
    const made = await create();
    const { code, stdout, stderr } = await broker.cli('doctor', id(made));
    assert.equal(code, 0, stdout + stderr);
    for (const check of ['bucket', 'put', 'get', 'range', 'list', 'batch delete', 'clock']) assert.match(stdout, new RegExp(`^ok +${check} `, 'm'));
    assert.match(stdout, /^(ok|warning) +conditional put /m);
    assert.match(stdout, /^it can be used\nguarantee: (exactly once|a single writer)/m);
  });

  test('a secret that is wrong is found, and the exit code says so', async () => {
    const made = await create({ secret_access_key: WRONG });
    const { code, stdout } = await broker.cli('doctor', id(made));
    assert.equal(code, 1);
    assert.match(stdout, /^failed +put +.*the secret does not belong to the access key\n +check secret_access_key$/m);
    assert.match(stdout, /^it cannot be used as it is$/m);
  });

  test('figures count its requests', async () => {
    const made = await create();
    await broker.cli('connector', 'probe', id(made));
    const { body } = await api.get('//metrics');
    assert.match(body, new RegExp(`^varve_connector_requests_total\\{connector="${id(made)}",op="put",outcome="ok"\\} [1-9]`, 'm'));
    assert.match(body, new RegExp(`^varve_connector_bytes_total\\{connector="${id(made)}",direction="up"\\} [1-9]`, 'm'));
  });
});

describe('secrets', () => {
  // Every file below the directory, as bytes.
  function* files(dir) {
    for (const entry of fs.readdirSync(dir, { withFileTypes: true })) {
      const name = path.join(dir, entry.name);
      if (entry.isDirectory()) yield* files(name);
      else if (entry.isFile()) yield [name, fs.readFileSync(name)];
    }
  }

  test('****** keeps what is there, and is refused where there is nothing', async () => {
    const made = await create();
    assert.equal((await api.ok('PUT', `/connectors/${id(made)}`, { ...made, description: 'x' })).status, 'connected');
    assert.equal((await api.call('POST', '/connectors_probe', { ...made, bucket: BUCKET })).status, 204);
    const error = await api.fails(400, 'POST', '/connectors_probe', object({ secret_access_key: '******' }));
    assert.match(error.message, /^secret_access_key: there is none yet/);
  });

  test('are in no answer, log or file', async () => {
    const made = await create({ secret_access_key: WRONG });
    await create();
    await api.fails(400, 'POST', '/connectors', object({ secret_access_key: WRONG, port: 0 }));
    await api.fails(400, 'POST', '/connectors_probe', object({ secret_access_key: WRONG }));
    await broker.cli('doctor', id(made));
    const answers = [];
    for (const where of ['/connectors', `/connectors/${id(made)}`, '/openapi.json', '//metrics', '/stats']) answers.push((await api.call('GET', where)).text);
    const shown = await varve(['connector', 'show', id(made), '--data', data()]);
    await broker.stop({ keep: true });
    for (const secret of [WRONG, s3.secret_key]) {
      for (const text of [...answers, shown.stdout, broker.stdout, broker.stderr]) assert.ok(!text.includes(secret), `${secret} in ${text.slice(0, 200)}`);
      for (const [name, bytes] of files(data())) assert.ok(!bytes.includes(secret), `${secret} in ${name}`);
    }
    await broker.start();
  });

  test('a data directory that comes without its secret.key asks for them again', async () => {
    const made = await create();
    await broker.stop({ keep: true });
    const key = fs.readFileSync(path.join(data(), 'secret.key'));
    fs.rmSync(path.join(data(), 'secret.key'));
    await broker.start();
    const lost = await until(async () => {
      const now = await get(made);
      return now.status === 'disconnected' && now.status_reason && now;
    }, 'the reason');
    assert.match(lost.status_reason, /^secret_access_key cannot be decrypted/);
    assert.equal((await api.ok('PUT', `/connectors/${id(made)}`, { secret_access_key: s3.secret_key })).status, 'connected');
    await broker.stop({ keep: true });
    fs.writeFileSync(path.join(data(), 'secret.key'), key, { mode: 0o600 });
    await broker.start();
  });
});
