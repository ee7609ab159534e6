// Stations on the command line: varve station, varve apply, varve log verify. What they print, for people and machines; exit codes.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Broker, VARVE_BIN, varve } from './lib/broker.mjs';
import { cliOf } from './lib/cli.mjs';
import * as mqttjs from './lib/mqttjs.mjs';
import { StationApi, ndjson } from './lib/stations.mjs';
import { unique, until } from './lib/wait.mjs';

let broker;
let api;
before(async () => {
  broker = await Broker.start();
  api = new StationApi(broker);
});
after(() => broker.stop());

const { done, json, fails } = cliOf(() => broker);
const create = async (...options) => {
  const name = unique('s');
  await done('station', 'create', name, ...options);
  return name;
};
const produce = (name, lines) => api.ok('POST', `/stations/${name}/messages`, ndjson(lines));

describe('help and usage', () => {
  for (const command of ['station', 'apply', 'log']) {
    test(`varve ${command} --help shows an example`, async () => {
      const { code, stdout } = await varve([command, '--help']);
      assert.equal(code, 0);
      assert.match(stdout, /^usage: varve/);
      assert.match(stdout, /example/);
    });
  }

  for (const args of [
    ['station'], ['station', 'fly'], ['station', 'create'], ['station', 'list', 'x'], ['station', 'show', 'x', 'y'],
    ['station', 'list', '--force'], ['station', 'show', 'x', '--topic', 'a'], ['station', 'update', 'x'],
    ['station', 'create', 'x', '--set', 'nokey'], ['station', 'create', 'x', '--set', '{"a":'], ['station', 'read', 'x', '--format', 'xml'],
    ['station', 'read', 'x', '--limit', '0'], ['station', 'read', 'x', '--json', '--format', 'csv'], ['station', 'purge', 'x', '--follow'],
    ['apply'], ['apply', '-f'], ['apply', '-f', 'x', 'y'],
  ]) {
    test(`varve ${args.join(' ')} is wrong usage`, () => fails(2, /varve (station|apply): /, ...args));
  }
  for (const args of [['log'], ['log', 'read', 'x'], ['log', 'verify'], ['log', 'verify', 'a', 'b'], ['log', 'verify', 'a', '--nix']]) {
    test(`varve ${args.join(' ')} is wrong usage`, async () => assert.equal((await varve(args)).code, 2));
  }
});

describe('varve station', () => {
  test('creates, shows, changes, lists and deletes', async () => {
    const name = unique('s');
    assert.equal(
      await done('station', 'create', name, '--topic', 'a/#', '--topic', 'b', '--desc', 'two', '--set', 'retention.age=36h', '--set', 'max_deliveries=3'),
      `station ${name} created\n`,
    );
    const shown = await json('station', 'show', name);
    assert.deepEqual([shown.topics, shown.description, shown.retention.age, shown.max_deliveries], [['a/#', 'b'], 'two', '36h', 3]);
    assert.match(await done('station', 'show', name), /^retention.age +36h$/m);
    assert.equal(await done('station', 'update', name, '--set', '{"retention":{"messages":9}}', '--set', 'retention.acked=true'), `station ${name} changed\n`);
    assert.deepEqual((await json('station', 'show', name)).retention, { age: '36h', bytes: '0', messages: 9, acked: true });
    assert.match(await done('station', 'list'), new RegExp(`^name +status .*\n(.*\n)*${name} +running +0 +0 +a/#,b$`, 'm'));
    assert.ok((await json('station', 'list')).some((s) => s.name === name));
    assert.equal(await done('station', 'delete', name), `station ${name} deleted\n`);
    await fails(1, new RegExp(`no station "${name}"`), 'station', 'show', name);
  });

  test('tells what the broker refuses', async () => {
    const name = await create();
    await fails(1, /exists/, 'station', 'create', name);
    await fails(1, /retention: age: expected a duration/, 'station', 'update', name, '--set', 'retention.age=soon');
    await fails(1, /unknown key "colour" \(keys here: name, description, topics, .*, tier\)/, 'station', 'create', 'x', '--set', 'colour=red');
    for (const verb of ['purge', 'groups', 'read', 'delete']) await fails(1, /no station "nobody"/, 'station', verb, 'nobody');
  });

  test('a station in use is deleted by --force alone', async () => {
    const name = await create('--topic', 'f');
    const member = await mqttjs.connect(broker.url(), { protocolVersion: 5 });
    await member.subscribeAsync(`$share/g/$station/${name}`, { qos: 1 });
    await until(async () => (await json('station', 'groups', name))[0]?.members === 1, 'the member');
    await fails(1, /has 1 member[^]*--force/, 'station', 'delete', name);
    assert.match(await done('station', 'groups', name), /^group +members +lag .*\ng +1 +0 /);
    await done('station', 'delete', name, '--force');
    await member.endAsync(true);
  });

  test('a group is deleted by name, one with members by --force alone', async () => {
    const name = await create('--topic', unique('f'));
    await produce(name, [{ topic: 't', payload: '1' }]);
    const join = async () => {
      const member = await mqttjs.connect(broker.url(), { protocolVersion: 5 });
      await member.subscribeAsync(`$share/g ü/$station/${name}@earliest`, { qos: 1 });
      await member.received(1);
      return member;
    };
    const first = await join();
    await until(async () => (await json('station', 'groups', name))[0]?.lag === 0, 'the acknowledgement');
    await fails(1, /has 1 member[^]*--force/, 'station', 'groups', name, '--delete', 'g ü');
    await first.endAsync();
    await until(async () => (await json('station', 'groups', name))[0].members === 0, 'the member to go');
    assert.equal(await done('station', 'groups', name, '--delete', 'g ü'), `group g ü of station ${name} deleted\n`);
    assert.deepEqual(await json('station', 'groups', name), []);
    await fails(1, /no group "g ü"/, 'station', 'groups', name, '--delete', 'g ü');
    const second = await join(); // a new group: from where its first member says
    await done('station', 'groups', name, '--delete', 'g ü', '--force');
    await second.received(2); // its member begins a new one in its turn
    assert.equal((await json('station', 'groups', name))[0].members, 1);
    await second.endAsync();
    await fails(2, /--force is for --delete/, 'station', 'groups', name, '--force');
    await fails(2, /takes none of --delete/, 'station', 'show', name, '--delete', 'g');
  });

  test('reads in three formats, from and to, by filter and limit', async () => {
    const name = await create();
    await produce(name, [0, 1, 2, 3, 4].map((i) => ({ topic: i % 2 ? 'odd' : 'even', payload: `p${i}` })));
    const read = (...options) => done('station', 'read', name, '--format', 'raw', ...options);
    assert.equal(await read(), 'p0\np1\np2\np3\np4\n');
    assert.equal(await read('--from', 'last:2'), 'p3\np4\n');
    assert.equal(await read('--from', 'offset:1', '--to', 'offset:3'), 'p1\np2\n');
    assert.equal(await read('--filter', 'odd'), 'p1\np3\n');
    assert.equal(await read('--limit', '1'), 'p0\n');
    const lines = (await done('station', 'read', name)).trimEnd().split('\n').map((line) => JSON.parse(line));
    assert.deepEqual(lines.map((m) => [m.offset, m.topic, m.payload]), [0, 1, 2, 3, 4].map((i) => [i, i % 2 ? 'odd' : 'even', `p${i}`]));
    assert.match(await done('station', 'read', name, '--format', 'csv', '--limit', '1'), /^offset,timestamp,topic,.*\r\n0,\d+,even,0,false,p0,/);
    await fails(1, /query parameter from/, 'station', 'read', name, '--from', 'yesterday');
    assert.equal(await done('station', 'purge', name), '5 messages purged\n');
    assert.equal(await read(), '');
  });

  test('--follow prints what comes while it comes', async () => {
    const name = await create();
    await produce(name, [{ topic: 't', payload: 'old' }]);
    const child = spawn(VARVE_BIN, ['station', 'read', name, '--format', 'raw', '--follow', '--data', path.join(broker.dir, 'data')]);
    let text = '';
    child.stdout.on('data', (chunk) => (text += chunk));
    await until(() => text === 'old\n', 'what was there');
    await produce(name, [{ topic: 't', payload: 'new' }]);
    await until(() => text === 'old\nnew\n', 'what came');
    child.kill('SIGINT');
    await new Promise((resolve) => child.on('close', resolve));
  });

  test('finds the broker by --url and --key as well; without a broker it says so', async () => {
    const url = api.url('').replace('/api/v5', '');
    const { code, stdout } = await varve(['station', 'list', '--json', '--url', url, '--key', api.key]);
    assert.equal(code, 0);
    assert.ok(Array.isArray(JSON.parse(stdout)));
    const refused = await varve(['station', 'list', '--url', url, '--key', 'wrong:key']);
    assert.equal(refused.code, 1);
    const nobody = await varve(['station', 'list', '--url', 'http://127.0.0.1:1', '--key', api.key]);
    assert.equal(nobody.code, 1);
    assert.match(nobody.stderr, /is the broker running/);
  });
});

describe('varve apply', () => {
  const file = (text) => {
    const name = path.join(broker.dir, `${unique('apply')}.yaml`);
    fs.writeFileSync(name, text);
    return name;
  };

  test('creates, changes what differs, and is idempotent', async () => {
    const [a, b, user] = [unique('a'), unique('b'), unique('user')];
    const declared = (age) => file(`
stations:
  - name: ${a}
    description: "5"
    topics: ["a/#", b]
    retention: {age: ${age}, messages: 10, acked: yes}
    max_message_bytes: 64KiB
  - name: ${b}
users:
  - username: ${user}
    password: geheim
`);
    const first = declared('168h');
    const dry = await done('apply', '-f', first, '--dry-run');
    assert.equal(dry, `station ${a} would be created\nstation ${b} would be created\nuser ${user} would be created\n` +
      '3 created, 0 changed, 0 unchanged (nothing is done: --dry-run)\n');
    await api.fails(404, 'GET', `/stations/${a}`);
    assert.match(await done('apply', '-f', first), /3 created, 0 changed, 0 unchanged\n$/);
    const made = await api.ok('GET', `/stations/${a}`);
    assert.deepEqual([made.description, made.topics, made.retention, made.max_message_bytes],
      ['5', ['a/#', 'b'], { age: '7d', bytes: '0', messages: 10, acked: true }, '64KiB']);
    assert.match(await done('apply', '-f', first), /0 created, 0 changed, 3 unchanged\n$/);
    await done('station', 'update', a, '--set', 'ack_wait=5s');
    const second = await done('apply', '-f', declared('30d'));
    assert.equal(second, `station ${a} changed\n  retention.age: "7d" -> "30d"\nstation ${b} unchanged\nuser ${user} unchanged\n` +
      '0 created, 1 changed, 2 unchanged\n');
    assert.equal((await api.ok('GET', `/stations/${a}`)).ack_wait, '5s', 'what is not declared stays');
    await done('user', 'delete', user);
  });

  test('passwords of users that exist are set with --passwords alone; secrets are not shown', async () => {
    const user = unique('user');
    const secret = path.join(broker.dir, unique('secret'));
    fs.writeFileSync(secret, 'first-secret\n');
    const declared = file(`users:\n  - username: ${user}\n    password: file://${secret}\n    superuser: true\n`);
    await done('apply', '-f', declared);
    const login = () => mqttjs.connect(broker.url(), { username: user, password: fs.readFileSync(secret, 'utf8').trim() });
    const client = await until(() => login().catch(() => null), 'the user to be known');
    await client.endAsync();
    fs.writeFileSync(secret, 'second-secret\n');
    assert.match(await done('apply', '-f', declared), /unchanged/);
    const changed = await done('apply', '-f', declared, '--passwords');
    assert.equal(changed, `user ${user} changed\n  password\n0 created, 1 changed, 0 unchanged\n`);
    await until(() => login().then((c) => c.endAsync().then(() => true), () => null), 'the new password');
    const lines = (await done('apply', '-f', declared, '--json')).trimEnd().split('\n').map((line) => JSON.parse(line));
    assert.deepEqual(lines, [{ kind: 'user', name: user, result: 'unchanged', dry_run: false }]);
    await done('user', 'delete', user);
  });

  for (const [text, pattern] of [
    ['stations:\n  - name: x\n    topcs: [a]\n', /yaml:3: stations\[0\].topcs: unknown key[^]*did you mean topics\?/],
    ['stations:\n  - topics: [a]\n', /name: missing/],
    ['stations:\n  - name: -x\n', /is not a name of a station/],
    ['stations:\n  - name: x\n  - name: X\n', /declared twice/],
    ['stations:\n  - name: x\n    retention: {age: 7q}\n', /retention: age: expected a duration/],
    ['stations:\n  - name: x\n    max_deliveries: many\n', /yaml:3: stations\[0\].max_deliveries: expected a whole number/],
    ['stations:\n  - name: x\n    topics: a\n', /topics: expected .*a list/],
    ['users:\n  - username: x\n    password: env:NOT_SET_ANYWHERE\n', /NOT_SET_ANYWHERE is not set/],
    ['rules:\n  - name: r\n', /:2: .*id: missing/],
    ['actions:\n  - {type: kafka, name: a}\n', /type: kafka: expected s3/],
    ['stattions: []\n', /did you mean stations/],
    ['stations: [\n', /not YAML/],
  ]) {
    test(`refuses a file with ${JSON.stringify(text)}`, async () => {
      await fails(1, pattern, 'apply', '-f', file(text));
      await api.fails(404, 'GET', '/stations/x');
    });
  }

  test('a new user without a password ends it, and tells what is done', async () => {
    const [a, user] = [unique('a'), unique('user')];
    const { code, stdout, stderr } = await broker.cli('apply', '-f', file(`stations:\n  - name: ${a}\nusers:\n  - username: ${user}\n`));
    assert.deepEqual([code, stdout], [1, `station ${a} created\n`]);
    assert.match(stderr, new RegExp(`user ${user}: password: missing`));
    await fails(1, /No such file/, 'apply', '-f', '/nowhere.yaml');
  });
});

describe('varve log verify', () => {
  test('a log is sound, or tells where it is not', async (t) => {
    const own = await Broker.during(t);
    const there = new StationApi(own);
    await there.ok('POST', '/stations', { name: 's' });
    await there.ok('POST', '/stations/s/messages', ndjson(Array.from({ length: 100 }, (_, i) => ({ topic: 't', payload: `${i}` }))));
    const log = path.join(own.dir, 'data/stations/s');
    const open = await varve(['log', 'verify', log]);
    assert.equal(open.code, 1);
    assert.match(open.stderr, /open already[^]*stop the broker/);
    await own.stop({ keep: true });
    const sound = await varve(['log', 'verify', log]);
    assert.equal(sound.code, 0, sound.stderr);
    assert.match(sound.stdout, /^100 messages in .* offsets 0 to 100, .*: sound\n$/);
    const [segment] = fs.readdirSync(log).filter((name) => name.endsWith('.seg'));
    const bytes = fs.readFileSync(path.join(log, segment));
    bytes[Math.floor(bytes.indexOf('99', 'latin1') / 2)] ^= 0xff;
    fs.writeFileSync(path.join(log, segment), bytes);
    const broken = await varve(['log', 'verify', log, '--json']);
    const report = JSON.parse(broken.stdout);
    assert.deepEqual([broken.code, report.sound, report.findings.length > 0], [1, false, true]);
    assert.match((await varve(['log', 'verify', log])).stdout, /^FAULT: .*\.seg, byte \d+/);
    assert.equal((await varve(['log', 'verify', '/nowhere'])).code, 1);
  });

  test('compression makes a log smaller, and nothing else', async (t) => {
    const own = await Broker.during(t);
    const there = new StationApi(own);
    const telemetry = ndjson(Array.from({ length: 2000 }, (_, i) => ({ topic: `t/${i % 10}`, payload: JSON.stringify({ reading: i, unit: 'celsius', site: 'north' }) })));
    const made = {};
    for (const [name, first] of [['plain', 'none'], ['small', 'zstd'], ['mixed', 'none']]) {
      await there.ok('POST', '/stations', { name, compression: first });
      await there.ok('POST', `/stations/${name}/messages`, telemetry);
      if (name === 'mixed') await there.ok('PUT', `/stations/${name}`, { compression: 'zstd' });
      await there.ok('POST', `/stations/${name}/messages`, telemetry);
    }
    await own.stop({ keep: true });
    for (const name of ['plain', 'small', 'mixed']) {
      const verified = await varve(['log', 'verify', path.join(own.dir, 'data/stations', name), '--json']);
      made[name] = JSON.parse(verified.stdout);
      assert.deepEqual([verified.code, made[name].records, made[name].sound], [0, 4000, true]);
    }
    assert.equal(made.small.bytes, made.plain.bytes);
    assert.ok(made.small.disk_bytes < made.plain.disk_bytes / 2, JSON.stringify(made));
    assert.ok(made.mixed.disk_bytes > made.small.disk_bytes && made.mixed.disk_bytes < made.plain.disk_bytes, JSON.stringify(made));
    await own.start();
    const strip = ({ timestamp, ...message }) => message;
    const read = async (name) => (await there.lines(`/stations/${name}/messages?from=earliest&limit=10000`)).map(strip);
    const plain = await read('plain');
    assert.equal(plain.length, 4000);
    for (const name of ['small', 'mixed']) assert.deepEqual(await read(name), plain);
    await own.stop();
  });
});
