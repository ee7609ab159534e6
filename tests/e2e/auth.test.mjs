// Who may come in and what they may do: users, tokens, certificates, SCRAM-SHA-256, rules, bans, nobody at all.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Broker, varve } from './lib/broker.mjs';
import { Pki, read } from './lib/certificates.mjs';
import { ecKeys, jwk, now_s, rsaKeys, token } from './lib/jwt.mjs';
import * as mqttjs from './lib/mqttjs.mjs';
import * as packet from './lib/packet.mjs';
import { RawClient } from './lib/raw.mjs';
import { METHOD, ScramClient } from './lib/scram.mjs';
import { temporaryDirectory } from './lib/temporary.mjs';
import { delay, unique, until } from './lib/wait.mjs';

const BAD_CREDENTIALS = { 4: 4, 5: 0x86 };
const NOT_AUTHORIZED = { 4: 5, 5: 0x87 };
const BANNED = { 4: 5, 5: 0x8a };

// The reason code that CONNECT gets; the connection ends if it is not 0.
async function answer(address, options = {}) {
  const c = await RawClient.open(address, options);
  const { reason } = await c.handshake(options);
  if (reason === 0) await c.disconnect();
  else await c.expectClose();
  return reason;
}

async function command(broker, ...args) {
  const { code, stdout, stderr } = await broker.cli(...args);
  assert.equal(code, 0, `varve ${args.join(' ')}: ${stderr}`);
  return stdout;
}

describe('nobody in particular', { concurrency: 2 }, () => {
  test('without authentication, loopback takes anyone, and a name is not checked', async (t) => {
    const broker = await Broker.during(t);
    for (const version of [4, 5]) {
      assert.equal(await answer(broker.tcp, { version }), 0);
      assert.equal(await answer(broker.tcp, { version, username: 'whoever', password: 'x' }), 0);
    }
    await broker.stop();
  });

  test('without authentication, an address that is not loopback is not bound', async () => {
    const data = temporaryDirectory();
    const { code, stderr } = await varve(['serve', '--data', data, '--set', 'listeners.http.bind=127.0.0.1:0', '--set', 'listeners.tcp.default.bind=0.0.0.0:0', '--set', 'listeners.ws.default.enabled=false']);
    assert.equal(code, 1);
    assert.match(stderr, /anonymous|authentication|users?/i);
    assert.match(stderr, /tcp\.default|0\.0\.0\.0/);
    fs.rmSync(data, { recursive: true });
  });

  test('without authentication, a proxy on loopback brings in nobody: its clients are from elsewhere', async (t) => {
    const data = temporaryDirectory();
    const proxied = 'listeners.tcp.proxied.proxy_protocol=true';
    const binds = ['http', 'tcp.default', 'tcp.proxied', 'ws.default'].flatMap((name) => ['--set', `listeners.${name}.bind=127.0.0.1:0`]);
    const { code, stderr } = await varve(['serve', '--data', data, ...binds, '--set', proxied]);
    assert.equal(code, 1);
    assert.match(stderr, /listener tcp\.proxied: .* takes clients that a proxy forwards, and no client would have to log in/);
    fs.rmSync(data, { recursive: true });
    const open = await Broker.during(t, { listeners: { tcp: { proxied: { proxy_protocol: true, allow_anonymous: true } } } });
    assert.equal(await answer(open.listener('tcp.proxied'), { preface: 'PROXY TCP4 198.51.100.7 10.9.9.9 40000 1883\r\n' }), 0);
    await open.stop();
  });

  test('allow_anonymous: true opens an address that is not loopback', async (t) => {
    const broker = await Broker.during(t, { allow_anonymous: true, listeners: { tcp: { default: { bind: '0.0.0.0:0' } } } });
    assert.equal(await answer({ host: '127.0.0.1', port: broker.tcp.port }), 0);
    await broker.stop();
  });

  test('allow_anonymous of a listener stands above that of the broker', async (t) => {
    const broker = await Broker.during(t, {
      allow_anonymous: false,
      listeners: { tcp: { default: {}, open: { allow_anonymous: true }, closed: { allow_anonymous: false } } },
    });
    assert.equal(await answer(broker.tcp), 0x87);
    assert.equal(await answer(broker.tcp, { version: 4 }), 5);
    assert.equal(await answer(broker.listener('tcp.open')), 0);
    assert.equal(await answer(broker.listener('tcp.closed')), 0x87);
    await broker.stop();
  });
});

describe('users', { concurrency: 2 }, () => {
  let broker;
  before(async () => {
    broker = new Broker({
      mqtt: { connect_timeout: '60s' }, // many password checks at once take their time in a sanitizer build
      listeners: { tcp: { default: {}, everywhere: { bind: '0.0.0.0:0' }, open: { allow_anonymous: true } } },
    });
    await command(broker, 'user', 'create', 'alice', '--password', 'wonderland');
    await command(broker, 'user', 'create', 'root', '--password', 'toor', '--superuser');
    await broker.start();
  });
  after(() => broker.stop());

  for (const version of [3, 4, 5]) {
    test(`v${version}: name and password are checked`, async () => {
      const v = version === 3 ? 4 : version;
      assert.equal(await answer(broker.tcp, { version, username: 'alice', password: 'wonderland' }), 0);
      assert.equal(await answer(broker.tcp, { version, username: 'alice', password: 'Wonderland' }), BAD_CREDENTIALS[v]);
      assert.equal(await answer(broker.tcp, { version, username: 'alice', password: '' }), BAD_CREDENTIALS[v]);
      assert.equal(await answer(broker.tcp, { version, username: 'alice' }), BAD_CREDENTIALS[v]);
      assert.equal(await answer(broker.tcp, { version, username: 'nobody', password: 'wonderland' }), BAD_CREDENTIALS[v]);
      assert.equal(await answer(broker.tcp, { version }), NOT_AUTHORIZED[v]);
    });
  }

  test('with users, an address that is not loopback is bound, and closed to others', async () => {
    const address = { host: '127.0.0.1', port: broker.listener('tcp.everywhere').port };
    assert.equal(await answer(address, { username: 'alice', password: 'wonderland' }), 0);
    assert.equal(await answer(address), 0x87);
  });

  test('varve user delete and another password reach open connections', async () => {
    const login = { username: 'leaver', password: 'x' };
    await command(broker, 'user', 'create', 'leaver', '--password', 'x');
    const first = await RawClient.connect(broker.tcp, login);
    await command(broker, 'user', 'update', 'leaver', '--superuser');
    await command(broker, 'user', 'update', 'leaver', '--password', 'y');
    await first.expectRefusal(0x87);
    const second = await RawClient.connect(broker.tcp, { ...login, password: 'y' });
    await command(broker, 'user', 'delete', 'leaver');
    await second.expectRefusal(0x87);
  });

  test('where anonymous is allowed, a wrong password is still wrong', async () => {
    const address = broker.listener('tcp.open');
    assert.equal(await answer(address), 0);
    assert.equal(await answer(address, { username: 'alice', password: 'wonderland' }), 0);
    assert.equal(await answer(address, { username: 'alice', password: 'guess' }), 0x86);
  });

  for (const { name, protocolVersion } of mqttjs.VERSIONS) {
    test(`MQTT.js ${name} logs in, and sees the refusal`, async () => {
      const c = await mqttjs.connect(broker.url(), { protocolVersion, username: 'alice', password: 'wonderland' });
      await c.endAsync();
      const error = await mqttjs.refusal(broker.url(), { protocolVersion, username: 'alice', password: 'x' });
      assert.equal(error.code, BAD_CREDENTIALS[protocolVersion]);
    });
  }

  test('a refused client gets nothing of what it sent along', async () => {
    const spy = await RawClient.connect(broker.tcp, { username: 'root', password: 'toor' });
    const topic = unique();
    await spy.subscribe(topic);
    const c = await RawClient.open(broker.tcp);
    c.send(
      packet.connect({ clientId: unique(), username: 'alice', password: 'x', will: { topic, payload: 'will' } }),
      packet.publish({ topic, payload: 'sneaked in', retain: true }),
    );
    await c.expect('connack', { reason: 0x86 });
    await c.expectClose();
    assert.equal(c.inbox.length, 0);
    await spy.expectNothing();
  });

  test('what comes right behind CONNECT waits for the password check', async () => {
    const c = await RawClient.open(broker.tcp);
    const topic = unique();
    c.send(
      packet.connect({ clientId: unique(), username: 'alice', password: 'wonderland' }),
      packet.subscribe({ id: 1, filters: [{ filter: topic, qos: 1 }] }),
      packet.publish({ topic, payload: 'x', qos: 1, id: 2 }),
    );
    assert.deepEqual([(await c.next()).type, (await c.next()).type], ['connack', 'suback']);
    await c.expect('publish', { payload: 'x' });
  });

  test('a client that goes away during the password check does no harm', async () => {
    for (let i = 0; i < 10; i += 1) {
      const c = await RawClient.open(broker.tcp);
      c.send(packet.connect({ clientId: unique(), username: 'alice', password: 'wonderland' }));
      await delay(i);
      await c.drop();
    }
    assert.equal(await answer(broker.tcp, { username: 'alice', password: 'wonderland' }), 0);
  });

  test('many logins at once are all answered', async () => {
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, i) => answer(broker.tcp, { username: 'alice', password: i % 2 ? 'wonderland' : 'x' })),
    );
    assert.deepEqual(answers, answers.map((_, i) => (i % 2 ? 0 : 0x86)));
  });

  test('users made, changed and deleted while the broker runs', async () => {
    const login = (password) => answer(broker.tcp, { username: 'bob', password });
    await command(broker, 'user', 'create', 'bob', '--password', 'one');
    await until(async () => (await login('one')) === 0, 'bob to be known');
    await command(broker, 'user', 'update', 'bob', '--password', 'two');
    assert.equal(await login('one'), 0x86);
    assert.equal(await login('two'), 0);
    const listed = JSON.parse(await command(broker, 'user', 'list', '--json'));
    const names = (listed.data ?? listed).map((u) => u.username);
    for (const name of ['alice', 'bob', 'root']) assert.ok(names.includes(name), name);
    const shown = await command(broker, 'user', 'show', 'bob', '--json');
    assert.ok(!/two|argon2/.test(shown), 'no secret is shown');
    await command(broker, 'user', 'delete', 'bob');
    assert.equal(await login('two'), 0x86);
  });

  test('the password is not in the catalog as text', async () => {
    const files = fs.readdirSync(path.join(broker.dir, 'data')).filter((name) => name.startsWith('catalog.db'));
    assert.ok(files.length > 0);
    for (const name of files) assert.ok(!read(path.join(broker.dir, 'data', name)).includes('wonderland'), name);
  });

  test('the password is not in the log', () => {
    assert.ok(!broker.stderr.includes('wonderland'));
  });

  test('user create: a password from standard input, a second user of the name, a wrong option', async () => {
    const data = path.join(broker.dir, 'data');
    assert.equal((await varve(['user', 'create', 'carol', '--data', data], { input: 'secret\n' })).code, 0);
    await until(async () => (await answer(broker.tcp, { username: 'carol', password: 'secret' })) === 0, 'carol');
    const again = await broker.cli('user', 'create', 'carol', '--password', 'x');
    assert.equal(again.code, 1);
    assert.match(again.stderr, /carol/);
    assert.equal((await broker.cli('user', 'create', 'dave', '--nonsense')).code, 2);
    await command(broker, 'user', 'delete', 'carol');
    assert.equal((await broker.cli('user', 'show', 'carol')).code, 1);
  });
});

// By itself: other logins at the same time would be measured, too.
test('a failed login takes the same time whether the user exists or not', async (t) => {
  const broker = new Broker();
  await command(broker, 'user', 'create', 'alice', '--password', 'wonderland');
  t.after(() => broker.child?.kill('SIGKILL'));
  await broker.start();
  const time = async (username) => {
    const start = process.hrtime.bigint();
    assert.equal(await answer(broker.tcp, { username, password: 'wrong' }), 0x86);
    return Number(process.hrtime.bigint() - start) / 1e6;
  };
  // The shortest of each: what the work takes, whatever else the machine does meanwhile. Measured until they agree,
  // but not for ever: if one takes a password check and the other does not, they never will.
  let known = Infinity;
  let unknown = Infinity;
  for (let i = 0; i < 60; i += 1) {
    known = Math.min(known, await time('alice'));
    unknown = Math.min(unknown, await time('nobody-of-that-name'));
    if (i >= 8 && unknown / known > 0.8 && unknown / known < 1.25) break;
  }
  assert.ok(unknown / known > 0.8 && unknown / known < 1.25, `unknown ${unknown} ms, known ${known} ms`);
  await broker.stop();
});

test('not even a restart tells users who do not exist from others', async (t) => {
  const broker = new Broker();
  await command(broker, 'user', 'create', 'alice', '--password', 'wonderland');
  t.after(() => broker.child?.kill('SIGKILL'));
  const salts = { alice: [], nobody: [] };
  for (let i = 0; i < 2; i += 1) {
    await broker.start();
    for (const name of Object.keys(salts)) {
      const scram = new ScramClient(name, 'wonderland');
      const c = await RawClient.open(broker.tcp);
      c.send(packet.connect({ clientId: unique(), properties: { authenticationMethod: METHOD, authenticationData: scram.first() } }));
      scram.final((await c.expect('auth', { reason: 0x18 })).properties.authenticationData);
      salts[name].push(scram.salt);
      await c.drop();
    }
    await broker.stop({ keep: i === 0 });
  }
  for (const [first, second] of Object.values(salts)) assert.equal(first, second);
  assert.notEqual(salts.alice[0], salts.nobody[0]);
});

describe('SCRAM-SHA-256', { concurrency: 4 }, () => {
  let broker;
  before(async () => {
    broker = new Broker({ mqtt: { connect_timeout: '60s' } });
    await command(broker, 'user', 'create', 'alice', '--password', 'wonderland');
    await broker.start();
  });
  after(() => broker.stop());

  // CONNECT with the first message; returns client, exchange and the AUTH packet with the challenge.
  async function begin(username, password, options = {}) {
    const scram = new ScramClient(username, password);
    const c = await RawClient.open(broker.tcp);
    const properties = { authenticationMethod: METHOD, authenticationData: scram.first(), ...options.properties };
    c.send(packet.connect({ clientId: unique(), ...options, properties }));
    const challenge = await c.expect('auth', { reason: 0x18 });
    assert.equal(challenge.properties.authenticationMethod, METHOD);
    return { c, scram, challenge };
  }
  const finish = (c, scram, challenge) => {
    const authenticationData = scram.final(challenge.properties.authenticationData);
    c.send(packet.auth({ reason: 0x18, properties: { authenticationMethod: METHOD, authenticationData } }));
  };
  async function login() {
    const { c, scram, challenge } = await begin('alice', 'wonderland');
    finish(c, scram, challenge);
    const connack = await c.expect('connack', { reason: 0 });
    return { c, scram, connack };
  }

  test('both sides prove that they know the password', async () => {
    const { c, scram, connack } = await login();
    assert.equal(connack.properties.authenticationMethod, METHOD);
    assert.ok(scram.verify(connack.properties.authenticationData), 'the server proved itself');
    assert.ok(scram.iterations >= 4096);
    const topic = unique();
    await c.subscribe(topic);
    await c.publish(topic, 'x');
    await c.expect('publish', { topic });
  });

  test('a wrong password is refused', async () => {
    const { c, scram, challenge } = await begin('alice', 'guess');
    finish(c, scram, challenge);
    const { reason } = await c.expect('connack');
    assert.ok([0x86, 0x87].includes(reason));
    await c.expectClose();
  });

  test('an unknown user gets a challenge that looks like any other, the same each time, and is refused', async () => {
    const salts = [];
    for (let i = 0; i < 2; i += 1) {
      const { c, scram, challenge } = await begin('nobody', 'x');
      finish(c, scram, challenge);
      salts.push(`${scram.salt} ${scram.iterations}`);
      assert.ok([0x86, 0x87].includes((await c.expect('connack')).reason));
      await c.expectClose();
    }
    assert.equal(salts[0], salts[1]);
    const { scram: real, challenge, c } = await begin('alice', 'x');
    finish(c, real, challenge);
    assert.equal(`${real.iterations}`, salts[0].split(' ')[1], 'iterations do not give it away');
    assert.equal(real.salt.length, salts[0].split(' ')[0].length);
  });

  test('nonsense in place of the first or the final message is refused', async () => {
    for (const data of ['', 'n,,', 'p=tls-unique,,n=alice,r=abc', 'x'.repeat(1000), 'n,,n=alice,r=']) {
      const c = await RawClient.open(broker.tcp);
      c.send(packet.connect({ clientId: unique(), properties: { authenticationMethod: METHOD, authenticationData: data } }));
      assert.ok([0x80, 0x82, 0x86, 0x87].includes((await c.expect('connack')).reason), data.slice(0, 20));
      await c.expectClose();
    }
    for (const data of ['', 'c=biws,r=x,p=AAAA', 'garbage']) {
      const { c } = await begin('alice', 'wonderland');
      c.send(packet.auth({ properties: { authenticationMethod: METHOD, authenticationData: data } }));
      assert.ok((await c.expect('connack')).reason >= 0x80);
      await c.expectClose();
    }
  });

  test('a method that is not offered is refused with 0x8C', async () => {
    const c = await RawClient.open(broker.tcp);
    c.send(packet.connect({ clientId: unique(), properties: { authenticationMethod: 'KERBEROS', authenticationData: 'x' } }));
    await c.expect('connack', { reason: 0x8c });
    await c.expectClose();
  });

  test('AUTH with another method than CONNECT is refused', async () => {
    const { c, scram, challenge } = await begin('alice', 'wonderland');
    const authenticationData = scram.final(challenge.properties.authenticationData);
    c.send(packet.auth({ properties: { authenticationMethod: 'SCRAM-SHA-1', authenticationData } }));
    assert.ok([0x82, 0x87, 0x8c].includes((await c.expect('connack')).reason));
    await c.expectClose();
  });

  test('anything but AUTH or DISCONNECT before CONNACK is a protocol error, and is not done', async () => {
    const { c: spy } = await login();
    const topic = unique();
    await spy.subscribe(topic);
    const { c } = await begin('alice', 'wonderland');
    c.send(packet.publish({ topic, payload: 'too early' }));
    await c.expectClose();
    assert.ok(c.inbox.every((p) => p.type === 'connack' && p.reason >= 0x80));
    await spy.expectNothing();
    const { c: leaving } = await begin('alice', 'wonderland');
    leaving.send(packet.disconnect());
    await leaving.expectClose();
  });

  test('a replayed final message does not get in', async () => {
    const { c, scram, challenge } = await begin('alice', 'wonderland');
    const authenticationData = scram.final(challenge.properties.authenticationData);
    const replay = packet.auth({ properties: { authenticationMethod: METHOD, authenticationData } });
    c.send(replay);
    await c.expect('connack', { reason: 0 });
    const { c: thief } = await begin('alice', 'wonderland');
    thief.send(replay);
    assert.ok((await thief.expect('connack')).reason >= 0x80);
  });

  test('re-authentication: the connection goes on meanwhile and afterwards', async () => {
    const { c } = await login();
    const topic = unique();
    await c.subscribe(topic);
    for (let round = 0; round < 2; round += 1) {
      const scram = new ScramClient('alice', 'wonderland');
      c.send(packet.auth({ reason: 0x19, properties: { authenticationMethod: METHOD, authenticationData: scram.first() } }));
      const challenge = await c.expect('auth', { reason: 0x18 });
      await c.publish(topic, 'meanwhile');
      await c.expect('publish', { payload: 'meanwhile' });
      finish(c, scram, challenge);
      const done = await c.expect('auth', { reason: 0 });
      assert.equal(done.properties.authenticationMethod, METHOD);
      assert.ok(scram.verify(done.properties.authenticationData));
      await c.publish(topic, 'afterwards');
      await c.expect('publish', { payload: 'afterwards' });
    }
  });

  test('re-authentication that fails ends the connection', async () => {
    const { c } = await login();
    const scram = new ScramClient('alice', 'guess');
    c.send(packet.auth({ reason: 0x19, properties: { authenticationMethod: METHOD, authenticationData: scram.first() } }));
    finish(c, scram, await c.expect('auth', { reason: 0x18 }));
    await c.expectRefusal([0x86, 0x87]);
  });

  test('re-authentication as another user does not change who one is', async () => {
    await command(broker, 'user', 'create', 'mallory', '--password', 'm');
    const { c } = await login();
    const scram = new ScramClient('mallory', 'm');
    c.send(packet.auth({ reason: 0x19, properties: { authenticationMethod: METHOD, authenticationData: scram.first() } }));
    const challenge = await c.expect('auth', { reason: 0x18 }).catch(() => null);
    if (challenge) {
      finish(c, scram, challenge);
      await c.expectRefusal([0x82, 0x86, 0x87]);
    }
    await command(broker, 'user', 'delete', 'mallory');
  });

  test('re-authentication with another method is a protocol error', async () => {
    const { c } = await login();
    c.send(packet.auth({ reason: 0x19, properties: { authenticationMethod: 'OTHER', authenticationData: 'x' } }));
    await c.expectRefusal([0x82, 0x8c]);
  });

  test('re-authentication of a client that logged in by password is a protocol error', async () => {
    const c = await RawClient.connect(broker.tcp, { username: 'alice', password: 'wonderland' });
    assert.equal(c.connack.properties.authenticationMethod, undefined);
    const scram = new ScramClient('alice', 'wonderland');
    c.send(packet.auth({ reason: 0x19, properties: { authenticationMethod: METHOD, authenticationData: scram.first() } }));
    await c.expectRefusal(0x82);
  });

  test('a client that stops in the middle is closed after connect_timeout', async (t) => {
    const own = new Broker({ mqtt: { connect_timeout: '4s' } }); // the challenge comes before that
    t.after(() => own.child?.kill('SIGKILL'));
    await own.start();
    const c = await RawClient.open(own.tcp);
    const authenticationData = new ScramClient('x', 'y').first();
    c.send(packet.connect({ clientId: unique(), properties: { authenticationMethod: METHOD, authenticationData } }));
    await c.expect('auth');
    await c.expectClose();
    await own.stop();
  });
});

describe('tokens', { concurrency: 3 }, () => {
  const rsa = rsaKeys();
  const rsaUrl = rsaKeys();
  const rotated = ecKeys();
  const ec = ecKeys();
  const stranger = rsaKeys();
  const secret = 'a secret of at least thirty-two bytes';
  let published = { keys: [jwk(rsaUrl.publicKey, 'url-1', 'RS256')] };
  let fetched = 0;
  let server;
  let broker;
  let fromUsername;

  before(async () => {
    server = http.createServer((_request, response) => {
      fetched += 1;
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(published));
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const dir = temporaryDirectory();
    const [pem, set] = [path.join(dir, 'rsa.pem'), path.join(dir, 'jwks.json')];
    fs.writeFileSync(pem, rsa.publicKey.export({ type: 'spki', format: 'pem' }));
    fs.writeFileSync(set, JSON.stringify({ keys: [jwk(ec.publicKey, 'file-1', 'ES256')] }));
    broker = await Broker.start({
      authentication: {
        jwt: {
          secret, public_key: pem, jwks_file: set, jwks_url: `http://127.0.0.1:${server.address().port}/jwks`,
          jwks_refresh: '1h', issuer: 'https://issuer.example', audience: 'varve',
        },
      },
    });
    const fromUrl = () => login(token({ alg: 'RS256', kid: 'url-1' }, claims(), rsaUrl.privateKey));
    await until(async () => (await fromUrl()) === 0, 'the key set of the URL', { timeout_ms: 30_000 });
    fromUsername = await Broker.start({
      authentication: { jwt: { secret, from: 'username', username_claim: 'name', require_expiry: false, leeway: '600s' } },
      authorization: { default: 'deny', rules: [{ permission: 'allow', topics: ['of/${username}/#'] }] },
    });
  });
  after(async () => {
    server.close();
    await broker.stop();
    await fromUsername.stop();
  });

  const claims = (more = {}) => ({ sub: 'device', iss: 'https://issuer.example', aud: 'varve', exp: now_s() + 600, ...more });
  const login = (password, options = {}) => answer(broker.tcp, { username: 'device', password, ...options });

  const good = {
    'HS256 with the secret': () => token({ alg: 'HS256' }, claims(), secret),
    'RS256 with the key of the PEM file': () => token({ alg: 'RS256' }, claims(), rsa.privateKey),
    'ES256 with a key of the JWKS file': () => token({ alg: 'ES256', kid: 'file-1' }, claims(), ec.privateKey),
    'RS256 with a key of the JWKS URL': () => token({ alg: 'RS256', kid: 'url-1' }, claims(), rsaUrl.privateKey),
    'an audience in a list': () => token({ alg: 'HS256' }, claims({ aud: ['other', 'varve'] }), secret),
    'not before, in the past': () => token({ alg: 'HS256' }, claims({ nbf: now_s() - 5 }), secret),
  };
  for (const [what, make] of Object.entries(good)) {
    test(`accepted: ${what}`, async () => {
      assert.equal(await login(make()), 0);
      assert.equal(await login(make(), { version: 4 }), 0);
    });
  }

  const tampered = () => {
    const [head, , signature] = token({ alg: 'HS256' }, claims(), secret).split('.');
    return [head, Buffer.from(JSON.stringify(claims({ sub: 'admin' }))).toString('base64url'), signature].join('.');
  };
  const bad = {
    'an expired token': () => token({ alg: 'HS256' }, claims({ exp: now_s() - 1 }), secret),
    'a token without expiry': () => token({ alg: 'HS256' }, claims({ exp: undefined }), secret),
    'a token that is not valid yet': () => token({ alg: 'HS256' }, claims({ nbf: now_s() + 60 }), secret),
    'another issuer': () => token({ alg: 'HS256' }, claims({ iss: 'https://evil.example' }), secret),
    'no issuer': () => token({ alg: 'HS256' }, claims({ iss: undefined }), secret),
    'another audience': () => token({ alg: 'HS256' }, claims({ aud: 'other' }), secret),
    'no audience': () => token({ alg: 'HS256' }, claims({ aud: undefined }), secret),
    'another secret': () => token({ alg: 'HS256' }, claims(), `${secret}!`),
    'another RSA key': () => token({ alg: 'RS256' }, claims(), stranger.privateKey),
    'alg none': () => token({ alg: 'none' }, claims(), null),
    'alg none with a signature of the secret': () => token({ alg: 'none' }, claims(), secret, 'HS256'),
    'HS256 with the public key as the secret': () =>
      token({ alg: 'HS256' }, claims(), rsa.publicKey.export({ type: 'spki', format: 'pem' })),
    'HS512': () => token({ alg: 'HS512' }, claims(), secret, 'HS256'),
    'an unknown key id': () => token({ alg: 'RS256', kid: 'nobody' }, claims(), rsaUrl.privateKey),
    'the key id of a key of another algorithm': () => token({ alg: 'RS256', kid: 'file-1' }, claims(), rsaUrl.privateKey),
    'claims changed under the signature': tampered,
    'a cut signature': () => token({ alg: 'HS256' }, claims(), secret).slice(0, -4),
    'no signature': () => token({ alg: 'HS256' }, claims(), secret).replace(/[^.]+$/, ''),
    'two dots and nothing else': () => '..',
    'an embedded key (jwk in the header)': () =>
      token({ alg: 'RS256', jwk: jwk(stranger.publicKey, 'x', 'RS256') }, claims(), stranger.privateKey),
    'a critical header that nobody knows': () => token({ alg: 'HS256', crit: ['b64'], b64: true }, claims(), secret),
    'a text that is no token': () => 'just a password',
  };
  for (const [what, make] of Object.entries(bad)) {
    test(`refused: ${what}`, async () => {
      assert.ok([0x86, 0x87].includes(await login(make())));
      assert.ok([4, 5].includes(await login(make(), { version: 4 })));
    });
  }

  test('nobody comes in without a token', async () => {
    assert.equal(await answer(broker.tcp), 0x87);
    assert.ok([0x86, 0x87].includes(await answer(broker.tcp, { username: 'device' })));
  });

  test('a key that appears at the URL later is fetched when a token names it', async () => {
    const make = () => token({ alg: 'ES256', kid: 'url-2' }, claims(), rotated.privateKey);
    assert.ok((await login(make())) !== 0);
    published = { keys: [...published.keys, jwk(rotated.publicKey, 'url-2', 'ES256')] };
    await until(async () => (await login(make())) === 0, 'the new key to be fetched', { step_ms: 300 });
    assert.equal(await login(token({ alg: 'RS256', kid: 'url-1' }, claims(), rsaUrl.privateKey)), 0);
    assert.ok(fetched < 60, `${fetched} requests to the key server`);
  });

  test('a connection ends when its token expires', async () => {
    const password = token({ alg: 'HS256' }, claims({ exp: now_s() + 6 }), secret);
    const c = await RawClient.connect(broker.tcp, { username: 'device', password });
    await c.ping();
    await c.expectRefusal([0x87, 0xa0, 0x98]);
    assert.ok((await login(password)) !== 0);
  });

  test('a token for one client id is for no other', async () => {
    const clientId = unique();
    const password = token({ alg: 'HS256' }, claims({ clientid: clientId }), secret);
    assert.equal(await login(password, { clientId }), 0);
    assert.ok([0x86, 0x87].includes(await login(password, { clientId: `${clientId}x` })));
  });

  test('the rules of a token are all it gives', async () => {
    const acl = [
      { permission: 'allow', action: 'publish', topic: 'mine/${clientid}/#' },
      { permission: 'allow', action: 'subscribe', topic: 'news/#' },
    ];
    const clientId = unique();
    const password = token({ alg: 'HS256' }, claims({ acl }), secret);
    const c = await RawClient.connect(broker.tcp, { clientId, username: 'device', password });
    assert.deepEqual((await c.subscribe(['news/a', 'news/#', 'other', `mine/${clientId}/x`])).reasons, [0, 0, 0x87, 0x87]);
    assert.ok([0, 0x10].includes((await c.publish(`mine/${clientId}/x`, '', { qos: 1 })).reason));
    assert.equal((await c.publish('news/a', '', { qos: 1 })).reason, 0x87);
    assert.equal((await c.publish('mine/another/x', '', { qos: 2 })).reason, 0x87);
  });

  test('the token may be the user name, and a claim names the user', async () => {
    const username = token({ alg: 'HS256' }, { name: 'dora', exp: now_s() - 2 }, secret); // within the leeway
    const c = await RawClient.connect(fromUsername.tcp, { username });
    assert.deepEqual((await c.subscribe(['of/dora/#', 'of/other/#'])).reasons, [0, 0x87]);
    const forever = token({ alg: 'HS256' }, { name: 'dora' }, secret);
    assert.equal(await answer(fromUsername.tcp, { username: forever }), 0);
    assert.ok((await answer(fromUsername.tcp, { username: token({ alg: 'HS256' }, { name: 'dora', exp: now_s() - 1200 }, secret) })) !== 0);
    const root = token({ alg: 'HS256' }, { name: 'root', superuser: true }, secret);
    const boss = await RawClient.connect(fromUsername.tcp, { username: root });
    assert.deepEqual((await boss.subscribe(['of/other/#'])).reasons, [0]);
  });

  test('a key set over HTTPS is fetched if jwks_ca vouches for the server, and only then', async (t) => {
    const pki = new Pki(temporaryDirectory());
    const own = pki.issue('keys', { cn: 'localhost', san: ['DNS:localhost', 'IP:127.0.0.1'] });
    const keys = JSON.stringify({ keys: [jwk(rsaUrl.publicKey, 'tls-1', 'RS256')] });
    const secure = https.createServer({ cert: read(own.cert), key: read(own.key) }, (_request, response) => response.end(keys));
    await new Promise((resolve) => secure.listen(0, '127.0.0.1', resolve));
    t.after(() => secure.close());
    const jwks_url = `https://127.0.0.1:${secure.address().port}/`;
    const password = token({ alg: 'RS256', kid: 'tls-1' }, { sub: 'x', exp: now_s() + 60 }, rsaUrl.privateKey);
    const trusting = await Broker.during(t, { authentication: { jwt: { jwks_url, jwks_ca: pki.ca } } });
    await until(async () => (await answer(trusting.tcp, { username: 'x', password })) === 0, 'the key set');
    await trusting.stop();
    const suspicious = await Broker.during(t, { authentication: { jwt: { jwks_url } } });
    await until(() => /certificate|SSL|TLS/i.test(suspicious.stderr), 'the log to say why');
    assert.ok((await answer(suspicious.tcp, { username: 'x', password })) !== 0);
    await suspicious.stop();
  });

  test('a broker whose key server is away starts, and refuses what it cannot check', async (t) => {
    const away = await Broker.during(t, {
      authentication: { jwt: { secret, jwks_url: 'http://127.0.0.1:1/none' } },
    });
    const withSecret = token({ alg: 'HS256' }, { sub: 'x', exp: now_s() + 60 }, secret);
    assert.equal(await answer(away.tcp, { username: 'x', password: withSecret }), 0);
    const other = token({ alg: 'RS256', kid: 'url-1' }, { sub: 'x', exp: now_s() + 60 }, rsaUrl.privateKey);
    assert.ok((await answer(away.tcp, { username: 'x', password: other })) !== 0);
    await away.stop();
  });
});

describe('client certificates', { concurrency: 2 }, () => {
  let pki;
  const brokers = {};
  const clients = {};
  before(async () => {
    pki = new Pki(temporaryDirectory());
    const server = pki.issue('server', { cn: 'localhost', san: ['DNS:localhost', 'IP:127.0.0.1'] });
    clients.device = pki.issue('device', { cn: 'device-1', san: ['DNS:dev-1.example', 'email:dev@example'] });
    clients.other = pki.issue('other', { cn: 'device-2', san: ['DNS:dev-2.example'] });
    clients.nameless = pki.issue('nameless', { cn: '' });
    for (const from of ['cn', 'san']) {
      brokers[from] = await Broker.start({
        listeners: { ssl: { default: { tls: { cert: server.cert, key: server.key, ca: pki.ca, require_client_cert: true } } } },
        authentication: { client_certificate: { username: from } },
        authorization: { default: 'deny', rules: [{ permission: 'allow', topics: ['of/${username}'] }] },
      });
    }
  });
  after(async () => {
    for (const broker of Object.values(brokers)) await broker.stop();
  });
  const connect = (from, { cert, key }, options = {}) =>
    RawClient.connect(brokers[from].listener('ssl.default'), {
      ...options,
      tls: { ca: read(pki.ca), cert: read(cert), key: read(key), servername: 'localhost' },
    });

  test('the common name is the user name', async () => {
    const c = await connect('cn', clients.device);
    assert.deepEqual((await c.subscribe(['of/device-1', 'of/device-2', 'of/dev-1.example'])).reasons, [0, 0x87, 0x87]);
    const other = await connect('cn', clients.other);
    assert.deepEqual((await other.subscribe(['of/device-1', 'of/device-2'])).reasons, [0x87, 0]);
  });

  test('the first subject alternative name is the user name', async () => {
    const c = await connect('san', clients.device);
    assert.deepEqual((await c.subscribe(['of/dev-1.example', 'of/device-1'])).reasons, [0, 0x87]);
  });

  test('the certificate stands above the user name that the client gives', async () => {
    const c = await connect('cn', clients.device, { username: 'device-2', password: 'x' });
    assert.deepEqual((await c.subscribe(['of/device-1', 'of/device-2'])).reasons, [0, 0x87]);
  });

  test('a certificate without the name is not enough', async () => {
    await assert.rejects(connect('cn', clients.nameless), /CONNACK 0x8[67]|closed/);
    await assert.rejects(connect('san', clients.nameless), /CONNACK 0x8[67]|closed/);
  });

  test('MQTT.js with a client certificate', async () => {
    const { host, port } = brokers.cn.listener('ssl.default');
    const c = await mqttjs.connect(`mqtts://${host}:${port}`, {
      protocolVersion: 5,
      ca: read(pki.ca), cert: read(clients.device.cert), key: read(clients.device.key), servername: 'localhost',
    });
    const [granted] = await c.subscribeAsync('of/device-1', { qos: 1 });
    assert.equal(granted.qos, 1);
    await c.endAsync();
  });
});

// One after the other: the rules name client ids, and a client id is connected once.
describe('authorization', { concurrency: 1 }, () => {
  let broker;
  let strict;
  const rules = [
    { permission: 'deny', action: 'all', topics: ['secret/#'] },
    { permission: 'deny', action: 'subscribe', topics: ['eq all/#'] },
    { permission: 'allow', action: 'publish', clientid: 'sensor', topics: ['data/sensor'] },
    { permission: 'deny', action: 'publish', topics: ['data/#'] },
    { permission: 'allow', action: 'all', topics: ['private/${clientid}/#', 'user/${username}/#'] },
    { permission: 'deny', action: 'all', topics: ['private/#', 'user/#'] },
    { permission: 'deny', action: 'publish', username: 'reader' },
    { permission: 'deny', action: 'all', ipaddress: '10.0.0.0/8', topics: ['here'] },
    { permission: 'allow', action: 'publish', ipaddress: '127.0.0.0/8', topics: ['local'] },
    { permission: 'deny', action: 'publish', topics: ['local'] },
  ];
  before(async () => {
    broker = new Broker({ authorization: { rules }, listeners: { tcp: { default: { allow_anonymous: true } } } });
    await command(broker, 'user', 'create', 'alice', '--password', 'a');
    await command(broker, 'user', 'create', 'reader', '--password', 'r');
    await command(broker, 'user', 'create', 'root', '--password', 'toor', '--superuser');
    await command(broker, 'user', 'create', 'sla/sh', '--password', 's');
    await broker.start();
    strict = await Broker.start({ authorization: { default: 'deny', on_denied: 'disconnect', rules: [{ permission: 'allow', topics: ['ok/#'] }] } });
  });
  after(async () => {
    await broker.stop();
    await strict.stop();
  });

  // [who, action, topic or filter, allowed]
  const alice = { username: 'alice', password: 'a' };
  const table = [
    [{}, 'publish', 'free/topic', true],
    [{}, 'subscribe', 'free/topic', true],
    [{}, 'publish', 'secret/plan', false],
    [{}, 'publish', 'secret', false],
    [{}, 'subscribe', 'secret/plan', false],
    [{}, 'subscribe', 'secret/#', false],
    [{}, 'subscribe', 'all/#', false],
    [{}, 'subscribe', 'all/+', true],
    [{}, 'publish', 'data/sensor', false],
    [{ clientId: 'sensor' }, 'publish', 'data/sensor', true],
    [{ clientId: 'sensor' }, 'publish', 'data/other', false],
    [{}, 'subscribe', 'data/#', true],
    [{ clientId: 'me' }, 'publish', 'private/me/x', true],
    [{ clientId: 'me' }, 'publish', 'private/you/x', false],
    [{ clientId: 'me' }, 'subscribe', 'private/me/#', true],
    [{ clientId: 'me' }, 'subscribe', 'private/+/x', false],
    [{ clientId: '+' }, 'subscribe', 'private/+/x', false],
    [{ clientId: 'a/b' }, 'publish', 'private/a/b', false],
    [{ clientId: '#' }, 'subscribe', 'private/#', false],
    [alice, 'publish', 'user/alice/x', true],
    [alice, 'publish', 'user/bob/x', false],
    [{}, 'publish', 'user//x', false],
    [{ username: 'sla/sh', password: 's' }, 'publish', 'user/sla/sh', false],
    [{ username: 'reader', password: 'r' }, 'publish', 'free/topic', false],
    [{ username: 'reader', password: 'r' }, 'subscribe', 'free/topic', true],
    [{}, 'publish', 'here', true],
    [{}, 'publish', 'local', true],
    [{ username: 'root', password: 'toor' }, 'publish', 'secret/plan', true],
    [{ username: 'root', password: 'toor' }, 'subscribe', 'secret/#', true],
    [{ username: 'root', password: 'toor' }, 'subscribe', 'all/#', true],
  ];
  for (const [who, action, topic, allowed] of table) {
    const name = who.username ?? who.clientId ?? 'anyone';
    test(`${name} may ${allowed ? '' : 'not '}${action} ${topic}`, async () => {
      for (const version of [4, 5]) {
        const c = await RawClient.connect(broker.tcp, { version, ...who, clientId: who.clientId ? who.clientId : unique() });
        if (action === 'subscribe') {
          const { reasons } = await c.subscribe(topic);
          assert.deepEqual(reasons, [allowed ? 0 : { 4: 0x80, 5: 0x87 }[version]]);
        } else if (version === 5) {
          for (const qos of [1, 2]) {
            const { reason } = await c.publish(topic, 'x', { qos });
            assert.ok(allowed ? [0, 0x10].includes(reason) : reason === 0x87, `reason 0x${reason.toString(16)}`);
          }
        } else {
          await c.publish(topic, 'x', { qos: 1 }); // 3.1.1 has no way to say no: acknowledged, and dropped
        }
        await c.disconnect();
      }
    });
  }

  test('what may not be published is not delivered, not kept, and not a will', async () => {
    const root = await RawClient.connect(broker.tcp, { username: 'root', password: 'toor' });
    await root.subscribe('secret/#', { qos: 2 });
    for (const version of [4, 5]) {
      const c = await RawClient.connect(broker.tcp, { version });
      for (const qos of [0, 1, 2]) await c.publish('secret/x', 'leak', { qos, retain: true });
      await c.ping();
      const will = await RawClient.open(broker.tcp, { version });
      await will.handshake({ will: { topic: 'secret/will', payload: 'leak' } }).catch(() => null);
      await will.drop();
    }
    await root.expectNothing();
    const late = await RawClient.connect(broker.tcp, { username: 'root', password: 'toor' });
    await late.subscribe('secret/#');
    await late.expectNothing();
  });

  test('a shared subscription is judged by its filter', async () => {
    const c = await RawClient.connect(broker.tcp);
    assert.deepEqual((await c.subscribe(['$share/g/secret/#', '$share/g/free'])).reasons, [0x87, 0]);
  });

  test('a refusal by QoS 2 leaves the packet identifier free', async () => {
    const c = await RawClient.connect(broker.tcp);
    assert.equal((await c.publish('secret/x', '1', { qos: 2, id: 5 })).type, 'pubrec');
    const topic = unique();
    await c.subscribe(topic, { qos: 2 });
    await c.publish(topic, '2', { qos: 2, id: 5 });
    await c.expect('publish', { payload: '2' });
  });

  test('default deny, on_denied disconnect: a denied publish ends the connection with 0x87', async () => {
    const c = await RawClient.connect(strict.tcp);
    assert.deepEqual((await c.subscribe(['ok/x', 'else'])).reasons, [0, 0x87]);
    await c.publish('ok/x', 'x', { qos: 1 });
    await c.expect('publish', { topic: 'ok/x' });
    c.publish('else', 'x');
    await c.expectRefusal(0x87);
    const four = await RawClient.connect(strict.tcp, { version: 4 });
    four.publish('else', 'x', { qos: 1 }).catch(() => {});
    await four.expectRefusal();
  });

  test('rules made by the command line take effect while the broker runs, before those of the configuration', async () => {
    const c = await RawClient.connect(broker.tcp, { clientId: unique() });
    assert.equal((await c.publish('secret/open', 'x', { qos: 1 })).reason, 0x87);
    await command(broker, 'acl', 'add', '--allow', '--publish', '--topic', 'secret/open');
    await until(async () => (await c.publish('secret/open', 'x', { qos: 1 })).reason !== 0x87, 'the rule to take effect');
    const listed = JSON.parse(await command(broker, 'acl', 'list', '--json'));
    const [{ id }] = (listed.data ?? listed).filter((rule) => JSON.stringify(rule).includes('secret/open'));
    await command(broker, 'acl', 'delete', `${id}`);
    await until(async () => (await c.publish('secret/open', 'x', { qos: 1 })).reason === 0x87, 'the rule to go');
  });
});

describe('bans', { concurrency: 1 }, () => {
  let broker;
  before(async () => {
    broker = new Broker({ listeners: { tcp: { default: { allow_anonymous: true }, proxied: { allow_anonymous: true, proxy_protocol: true } } } });
    await command(broker, 'user', 'create', 'alice', '--password', 'a');
    await broker.start();
  });
  after(() => broker.stop());

  for (const [kind, who, value] of [
    ['--clientid', { clientId: 'pest' }, 'pest'],
    ['--username', { username: 'alice', password: 'a' }, 'alice'],
  ]) {
    test(`${kind}: who is banned is dropped and stays out until the ban is lifted`, async () => {
      const c = await RawClient.connect(broker.tcp, { ...who });
      const bystander = await RawClient.connect(broker.tcp);
      await command(broker, 'ban', 'add', kind, value, '--reason', 'a test');
      await c.expectRefusal([0x87, 0x98]); // 0x8A is for CONNACK alone
      for (const version of [4, 5]) assert.equal(await answer(broker.tcp, { version, ...who }), BANNED[version]);
      await bystander.ping();
      await command(broker, 'ban', 'delete', kind, value);
      await until(async () => (await answer(broker.tcp, who)) === 0, 'the ban to be lifted');
    });
  }

  test('--ipaddress: a network is banned, others are not', async () => {
    const from = (ip) => ({ preface: `PROXY TCP4 ${ip} 10.9.9.9 40000 1883\r\n` });
    const address = broker.listener('tcp.proxied');
    await command(broker, 'ban', 'add', '--ipaddress', '10.1.0.0/16');
    await until(async () => (await answer(address, from('10.1.2.3'))) === 0x8a, 'the ban to take effect');
    assert.equal(await answer(address, from('10.2.2.3')), 0);
    await command(broker, 'ban', 'delete', '--ipaddress', '10.1.0.0/16');
    await until(async () => (await answer(address, from('10.1.2.3'))) === 0, 'the ban to be lifted');
  });

  test('--for: a ban ends by itself', async () => {
    await command(broker, 'ban', 'add', '--clientid', 'for-a-while', '--for', '8s');
    await until(async () => (await answer(broker.tcp, { clientId: 'for-a-while' })) === 0x8a, 'the ban to take effect', { timeout_ms: 7900 });
    await until(async () => (await answer(broker.tcp, { clientId: 'for-a-while' })) === 0, 'the ban to end');
  });
});
