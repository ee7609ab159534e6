// The command line beside the broker: users, rules, bans, doctor; what it prints, for people and for machines; exit codes.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Broker, VARVE_BIN, varve } from './lib/broker.mjs';
import { Pki } from './lib/certificates.mjs';
import * as mqttjs from './lib/mqttjs.mjs';
import { until } from './lib/wait.mjs';

const COMMANDS = ['serve', 'station', 'connector', 'action', 'apply', 'user', 'acl', 'ban', 'key', 'pub', 'sub', 'bench', 'log', 'doctor'];

let top;
let made = 0;
before(() => (top = fs.mkdtempSync(path.join(os.tmpdir(), 'varve-e2e-cli-'))));
after(() => fs.rmSync(top, { recursive: true, force: true }));

const freshDir = () => path.join(top, `data-${(made += 1)}`);

// Runs it and wants exit code 0.
async function done(args, options) {
  const { code, stdout, stderr } = await varve(args, options);
  assert.equal(code, 0, `varve ${args.join(' ')}: ${stderr}`);
  return stdout;
}

async function json(args) {
  return JSON.parse(await done([...args, '--json']));
}

describe('help and usage', { concurrency: 2 }, () => {
  for (const command of [[], ...COMMANDS.map((name) => [name]), ['bench', 'mqtt'], ['bench', 'station'], ['bench', 'station', 'replay'], ['user', 'create'], ['acl', 'add']]) {
    test(`varve ${command.join(' ')} --help shows an example`, async () => {
      const stdout = await done([...command, '--help']);
      assert.match(stdout, /^usage: varve|^varve/m);
      assert.match(stdout, /example/);
      assert.ok(stdout.split('\n').every((line) => line.length <= 120), 'a line is longer than 120 characters');
    });
  }

  const wrong = [
    ['nonsense'],
    ['user'],
    ['user', 'frobnicate'],
    ['user', 'create'],
    ['user', 'create', 'a', 'b'],
    ['user', 'create', 'a', '--frobnicate'],
    ['user', 'create', 'a', '--password', 'x', '--generate'],
    ['user', 'list', 'a'],
    ['user', 'list', '--superuser'],
    ['acl'],
    ['acl', 'add', '--topic', 'a'],
    ['acl', 'add', '--allow'],
    ['acl', 'add', '--allow', '--deny', '--topic', 'a'],
    ['acl', 'delete'],
    ['acl', 'delete', 'one'],
    ['acl', 'list', '--allow'],
    ['ban'],
    ['ban', 'add'],
    ['ban', 'add', '--clientid', 'a', '--username', 'b'],
    ['ban', 'delete', '--clientid', 'a', '--for', '1h'],
    ['doctor', 'nonsense'],
    ['serve', 'nonsense'],
  ];
  test('a wrong command line is exit code 2, and says where help is', async () => {
    const data = freshDir();
    await done(['user', 'create', 'a', '--generate', '--data', data]);
    for (const args of wrong) {
      const { code, stdout, stderr } = await varve(args[0] === 'nonsense' ? args : [...args, '--data', data]);
      assert.equal(code, 2, `varve ${args.join(' ')}`);
      assert.equal(stdout, '');
      assert.match(stderr, /--help/, `varve ${args.join(' ')}`);
    }
  });
});

// Each is one line and where help is, whichever of the subcommands reads the options.
test('what is wrong with an option or a word is said once', async () => {
  const cases = [
    [['serve', '--frobnicate'], 'serve: --frobnicate: unknown option'],
    [['serve', '-x'], 'serve: -x: unknown option'],
    [['serve', '-c'], 'serve: -c needs a value'],
    [['serve', '--data'], 'serve: --data needs a value'],
    [['station', 'list', '--json=yes'], 'station: --json takes no value'],
    [['rule', 'list', '--frob=1'], 'rule: --frob: unknown option'],
    [['key', 'frobnicate'], 'key: there is no "frobnicate": it is list, show, create, update or delete'],
    [['user', 'frobnicate'], 'user: there is no "frobnicate": it is create, list, show, update or delete'],
    [['acl'], 'acl: say what to do: list, add or delete'],
    [['bench', 'frobnicate'], 'bench: there is no "frobnicate": it is mqtt, station, tier or sink'],
  ];
  for (const [args, message] of cases) {
    const { code, stdout, stderr } = await varve(args);
    assert.deepEqual([code, stdout, stderr], [2, '', `varve ${message}\n  varve ${args[0]} --help tells what there is\n`]);
  }
});

describe('users', { concurrency: 2 }, () => {
  test('are created, listed, shown, updated and deleted', async () => {
    const data = freshDir();
    const at = ['--data', data];
    assert.equal(await done(['user', 'create', 'bob', '--superuser', '--note', 'the boss', ...at], { input: 'pass\n' }), 'user bob created\n');
    await done(['user', 'create', 'alice', ...at], { input: 'pass' });
    const bob = { username: 'bob', superuser: true, has_password: true, has_scram: true, note: 'the boss' };
    const alice = { username: 'alice', superuser: false, has_password: true, has_scram: true, note: null };
    assert.deepEqual(await json(['user', 'list', ...at]), [alice, bob]);
    assert.deepEqual(await json(['user', 'show', 'bob', ...at]), bob);
    assert.match(await done(['user', 'list', ...at]), /^alice .*\nbob +superuser .*the boss\n$/);
    await done(['user', 'update', 'bob', '--no-superuser', '--note', '', ...at]);
    assert.deepEqual(await json(['user', 'show', 'bob', ...at]), { ...bob, superuser: false, note: null });
    await done(['user', 'update', 'bob', '--no-password', ...at]);
    assert.deepEqual(await json(['user', 'show', 'bob', ...at]), { ...alice, username: 'bob', has_password: false, has_scram: false });
    assert.deepEqual(await json(['user', 'delete', 'bob', ...at]), { deleted: 'bob' });
    assert.deepEqual(await json(['user', 'list', ...at]), [alice]);
  });

  test('live in a directory that only their owner may enter', async () => {
    const data = freshDir();
    await done(['user', 'create', 'alice', '--generate', '--data', data]);
    assert.equal(fs.statSync(data).mode & 0o777, 0o700);
    assert.equal(fs.statSync(path.join(data, 'catalog.db')).mode & 0o777, 0o600);
  });

  test('that cannot be as they are asked for are exit code 1', async () => {
    const data = freshDir();
    await done(['user', 'create', 'alice', '--generate', '--data', data]);
    const cases = [
      [['user', 'create', 'alice'], 'x\n', /there is a user alice already/],
      [['user', 'create', 'bob'], '', /password is empty/],
      [['user', 'create', 'bob', '--password', ''], '', /password is empty/],
      [['user', 'create', 'bo\nb'], 'x\n', /control character/],
      [['user', 'create', 'bob', '--note', 'x'.repeat(2000)], 'x\n', /longer than 1024 bytes/],
      [['user', 'show', 'bob'], '', /no user bob/],
      [['user', 'update', 'bob', '--superuser'], '', /no user bob/],
      [['user', 'delete', 'bob'], '', /no user bob/],
    ];
    for (const [args, input, message] of cases) {
      const { code, stdout, stderr } = await varve([...args, '--data', data], { input });
      assert.equal(code, 1, `varve ${args.join(' ')}`);
      assert.equal(stdout, '');
      assert.match(stderr, message);
    }
    assert.equal((await json(['user', 'list', '--data', data])).length, 1);
  });

  test('are not looked for in a directory that is not there', async () => {
    const { code, stderr } = await varve(['user', 'list', '--data', freshDir()]);
    assert.equal(code, 1);
    assert.match(stderr, /data directory .*No such file/);
  });

  test('log in with what was read from standard input, generated or changed, and with nothing else', async (t) => {
    const broker = new Broker();
    t.after(() => broker.child?.kill('SIGKILL'));
    const at = ['--data', path.join(broker.dir, 'data')];
    const login = (username, password) =>
      mqttjs.connect(broker.url(), { username, password, protocolVersion: 5 }).then(
        (client) => client.endAsync().then(() => true),
        () => false,
      );
    await done(['user', 'create', 'piped', ...at], { input: 'first line\r\nsecond line\n' });
    const { password } = JSON.parse(await done(['user', 'create', 'generated', '--generate', '--json', ...at]));
    assert.match(password, /^[a-zA-Z0-9]{20}$/);
    await broker.start();
    assert.ok(await login('piped', 'first line'));
    assert.ok(await login('generated', password));
    assert.ok(!(await login('piped', 'second line')));
    // A password is checked against the catalog itself: there is nothing to wait for.
    await done(['user', 'update', 'piped', '--password', 'another', ...at]);
    assert.ok(!(await login('piped', 'first line')));
    assert.ok(await login('piped', 'another'));
    await done(['user', 'update', 'piped', '--no-password', ...at]);
    assert.ok(!(await login('piped', 'another')));
    await broker.stop();
  });

  test('secrets are printed by no command, but a generated password once', async () => {
    const data = freshDir();
    const first = await done(['user', 'create', 'alice', '--generate', '--data', data]);
    const secret = /^password (\S+)/m.exec(first)[1];
    for (const args of [['list'], ['list', '--json'], ['show', 'alice'], ['show', 'alice', '--json'], ['update', 'alice', '--superuser', '--json']]) {
      const stdout = await done(['user', ...args, '--data', data]);
      assert.ok(!stdout.includes(secret) && !stdout.includes('argon2'), stdout);
    }
  });

  // `script` gives it a terminal. What is typed comes after the question, since what was typed before is discarded.
  async function onTerminal(command, answers) {
    const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
    let shown = '';
    child.stdout.on('data', (text) => (shown += text));
    const exited = new Promise((resolve) => child.on('close', resolve));
    for (const [question, answer] of answers) {
      await until(() => shown.includes(question), `the question "${question}" in ${JSON.stringify(shown)}`);
      child.stdin.write(`${answer}\r`);
    }
    return { code: await exited, shown };
  }

  test('on a terminal, a password is typed twice and not shown', async () => {
    const data = freshDir();
    const command = `${VARVE_BIN} user create alice --data ${data}`;
    const different = await onTerminal(command, [['New password for alice: ', 'hunter2'], ['Once more, for alice: ', 'hunter3']]);
    assert.equal(different.code, 1);
    assert.match(different.shown, /the two passwords differ/);
    const same = await onTerminal(command, [['New password for alice: ', 'hunter2'], ['Once more, for alice: ', 'hunter2']]);
    assert.equal(same.code, 0);
    assert.match(same.shown, /user alice created/);
    for (const { shown } of [different, same]) assert.doesNotMatch(shown, /hunter/);
  });
});

describe('rules', { concurrency: 2 }, () => {
  test('are listed in the order in which they are asked', async () => {
    const at = ['--data', freshDir()];
    await done(['acl', 'add', '--allow', '--topic', 'a/${clientid}', '--topic', 'b/+', ...at]);
    await done(['acl', 'add', '--deny', '--publish', '--username', 'u', '--clientid', 'c', '--ipaddress', '10.0.0.0/8', '--topic', 'eq x/#', ...at]);
    await done(['acl', 'add', '--deny', '--subscribe', '--topic', '#', '--position', '-5', ...at]);
    const nobody = { username: null, clientid: null, ipaddress: null };
    const rules = [
      { id: 4, position: -5, permission: 'deny', action: 'subscribe', ...nobody, topic: '#' },
      { id: 1, position: 10, permission: 'allow', action: 'all', ...nobody, topic: 'a/${clientid}' },
      { id: 2, position: 10, permission: 'allow', action: 'all', ...nobody, topic: 'b/+' },
      { id: 3, position: 20, permission: 'deny', action: 'publish', username: 'u', clientid: 'c', ipaddress: '10.0.0.0/8', topic: 'eq x/#' },
    ];
    assert.deepEqual(await json(['acl', 'list', ...at]), rules);
    assert.equal((await done(['acl', 'list', ...at])).split('\n')[4], '3     20       deny  publish   eq x/#  username=u  clientid=c  ipaddress=10.0.0.0/8');
    assert.deepEqual(await json(['acl', 'delete', '4', ...at]), { deleted: 4 });
    assert.deepEqual(await json(['acl', 'list', ...at]), rules.slice(1));
  });

  test('that mean nothing are refused, and none of those given with them is kept', async () => {
    const at = ['--data', freshDir()];
    const cases = [
      [['--topic', 'good', '--topic', 'a#'], /"a#" is no topic filter/],
      [['--topic', 'a/${user}'], /unknown placeholder/],
      [['--topic', '$share/g/a'], /not about shared subscriptions|about topics/],
      [['--topic', 'a', '--ipaddress', '10.0.0.0/33'], /the prefix is 0 to 32/],
      [['--topic', 'a', '--ipaddress', 'home'], /"home" is no address/],
      [['--topic', 'a', '--position', 'first'], /--position/],
    ];
    for (const [args, message] of cases) {
      const { code, stderr } = await varve(['acl', 'add', '--allow', ...args, ...at]);
      assert.equal(code, 1, args.join(' '));
      assert.match(stderr, message);
    }
    const { code, stderr } = await varve(['acl', 'delete', '1', ...at]);
    assert.equal(code, 1);
    assert.match(stderr, /no rule 1/);
    assert.deepEqual(await json(['acl', 'list', ...at]), []);
  });
});

describe('bans', { concurrency: 2 }, () => {
  test('are listed with their end, replaced and deleted', async () => {
    const at = ['--data', freshDir()];
    const begin = Date.now();
    await done(['ban', 'add', '--clientid', 'c', '--for', '1h', '--reason', 'flooding', ...at]);
    await done(['ban', 'add', '--ipaddress', '192.0.2.0/24', ...at]);
    const bans = await json(['ban', 'list', ...at]);
    assert.deepEqual(
      bans.map(({ kind, who, over, reason }) => [kind, who, over, reason]),
      [['clientid', 'c', false, 'flooding'], ['ipaddress', '192.0.2.0/24', false, null]],
    );
    const end = Date.parse(bans[0].until);
    assert.ok(end >= begin + 3_600_000 && end <= Date.now() + 3_600_000, bans[0].until);
    assert.equal(bans[1].until, null);
    await done(['ban', 'add', '--clientid', 'c', '--for', '1ms', ...at]);
    const over = await until(async () => (await json(['ban', 'list', ...at])).find((ban) => ban.over), 'the ban to be over');
    assert.equal(over.who, 'c');
    assert.match(await done(['ban', 'list', ...at]), /\(over\)/);
    await done(['ban', 'delete', '--clientid', 'c', ...at]);
    assert.equal((await json(['ban', 'list', ...at])).length, 1);
  });

  test('that mean nothing are refused', async () => {
    const at = ['--data', freshDir()];
    const cases = [
      [['add', '--ipaddress', '10.0.0'], /no address/],
      [['add', '--clientid', 'c', '--for', 'long'], /--for.*not a duration/],
      [['add', '--clientid', 'c', '--for', '0s'], /more than 0/],
      [['delete', '--clientid', 'c'], /no ban of c/],
    ];
    for (const [args, message] of cases) {
      const { code, stderr } = await varve(['ban', ...args, ...at]);
      assert.equal(code, 1, args.join(' '));
      assert.match(stderr, message);
    }
  });
});

describe('doctor', { concurrency: 2 }, () => {
  const QUIET = ['tcp.default', 'ws.default', 'http'].flatMap((name) => ['--set', `listeners.${name}.bind=127.0.0.1:0`]);
  // {code, failed: [texts], warnings: [texts], of: check => [lines]}
  async function doctor(...args) {
    const { code, stdout, stderr } = await varve(['doctor', '--json', ...args]);
    assert.ok(code === 0 || code === 1, stderr);
    const report = JSON.parse(stdout);
    const texts = (verdict) => report.checks.filter((check) => check.verdict === verdict).map((check) => check.text);
    assert.equal(texts('ok').length, report.ok);
    assert.equal(texts('warning').length, report.warnings);
    assert.equal(texts('failed').length, report.failed);
    assert.equal(code, report.failed > 0 ? 1 : 0);
    return { code, failed: texts('failed'), warnings: texts('warning'), of: (name) => report.checks.filter(({ check }) => check === name) };
  }

  test('finds nothing wrong before the first start, and makes nothing', async () => {
    const data = freshDir();
    const { code, failed } = await doctor('--data', data, ...QUIET);
    assert.deepEqual(failed, []);
    assert.equal(code, 0);
    assert.ok(!fs.existsSync(data));
  });

  test('prints a line for each check, and what to do', async () => {
    const { code, stdout } = await varve(['doctor', '--data', freshDir(), '--set', 'mqtt.max_qos=7']);
    assert.equal(code, 1);
    assert.match(stdout, /^failed +configuration +--set: mqtt\.max_qos: expected a whole number from 0 to 2/m);
    assert.match(stdout, /\d+ ok, \d+ warnings, 1 failed\n$/);
  });

  test('names the file and line of a bad configuration', async () => {
    const file = path.join(top, 'bad.yaml');
    fs.writeFileSync(file, 'mqtt:\n  max_quos: 1\n');
    const { failed } = await doctor('-c', file, '--data', freshDir());
    assert.equal(failed.length, 1);
    assert.match(failed[0], /bad\.yaml:2: mqtt\.max_quos: unknown key/);
  });

  test('says that a port is taken', async (t) => {
    const server = net.createServer().listen(0, '127.0.0.1');
    t.after(() => server.close());
    await until(() => server.address(), 'the port');
    const bind = `127.0.0.1:${server.address().port}`;
    const { failed } = await doctor('--data', freshDir(), ...QUIET, '--set', `listeners.tcp.default.bind=${bind}`);
    assert.equal(failed.length, 1);
    assert.ok(failed[0].includes(`listener tcp.default: cannot listen on ${bind}`), failed[0]);
  });

  test('says that the port of the HTTP API is taken', async (t) => {
    const server = net.createServer().listen(0, '127.0.0.1');
    t.after(() => server.close());
    await until(() => server.address(), 'the port');
    const bind = `127.0.0.1:${server.address().port}`;
    const { failed } = await doctor('--data', freshDir(), ...QUIET, '--set', `listeners.http.bind=${bind}`);
    assert.equal(failed.length, 1);
    assert.ok(failed[0].startsWith('listener http: ') && failed[0].includes(bind), failed[0]);
  });

  test('says that stations may take more than the disk has', async (t) => {
    const broker = await Broker.during(t);
    const of_station = async () => (await doctor('--data', path.join(broker.dir, 'data'))).of('stations').map((check) => check.verdict);
    assert.deepEqual(await of_station(), []);
    assert.equal((await broker.cli('station', 'create', 'small', '--set', 'retention.bytes=1MiB')).code, 0);
    assert.deepEqual(await of_station(), ['ok']);
    assert.equal((await broker.cli('station', 'create', 'large', '--set', 'retention.bytes=4000TiB')).code, 0);
    assert.deepEqual(await of_station(), ['warning']);
    await broker.stop();
  });

  test('--ready asks a running broker, and needs no key', async (t) => {
    const broker = await Broker.during(t);
    const data = path.join(broker.dir, 'data');
    const { host, port } = broker.listener('http');
    assert.deepEqual(await varve(['doctor', '--ready', '--data', data]), { code: 0, stdout: 'ready\n', stderr: '' });
    assert.equal((await varve(['doctor', '--ready', '--url', `http://${host}:${port}`])).code, 0);
    assert.equal((await varve(['doctor', '--ready', '--bucket', 'b'])).code, 2);
    await broker.stop({ keep: true });
    assert.equal((await varve(['doctor', '--ready', '--url', `http://${host}:${port}`])).code, 1);
  });

  test('says who could come in without a password', async () => {
    const data = freshDir();
    const open = [...QUIET, '--set', 'listeners.tcp.default.bind=0.0.0.0:0', '--data', data];
    assert.match((await doctor(...open)).failed.join(), /reachable from outside, and no client would have to log in/);
    const proxied = [...QUIET, '--set', 'listeners.tcp.default.proxy_protocol=true', '--data', freshDir()];
    assert.match((await doctor(...proxied)).failed.join(), /takes clients that a proxy forwards, and no client would have to log in/);
    await done(['user', 'create', 'alice', '--generate', '--data', data]);
    assert.deepEqual((await doctor(...open)).failed, []);
  });

  test('looks at permissions', async () => {
    const data = freshDir();
    await done(['user', 'create', 'alice', '--generate', '--data', data]);
    assert.deepEqual((await doctor('--data', data, ...QUIET)).of('permissions').map((check) => check.verdict), ['ok']);
    fs.chmodSync(data, 0o755);
    fs.chmodSync(path.join(data, 'catalog.db'), 0o644);
    const readable = (await doctor('--data', data, ...QUIET)).of('permissions');
    assert.deepEqual(readable.map((check) => check.verdict), ['warning', 'warning']);
    assert.equal(readable[0].hint, `chmod 700 ${data}`);
    fs.chmodSync(data, 0o777);
    assert.equal((await doctor('--data', data, ...QUIET)).of('permissions')[0].verdict, 'failed');
  });

  test('says that the catalog is damaged', async () => {
    const data = freshDir();
    await done(['user', 'create', 'alice', '--generate', '--data', data]);
    fs.writeFileSync(path.join(data, 'catalog.db'), 'this is no catalog '.repeat(1000), { mode: 0o600 });
    const { of } = await doctor('--data', data, ...QUIET);
    assert.equal(of('catalog')[0].verdict, 'failed');
    assert.ok(of('catalog')[0].hint, 'there is no hint what to do');
  });

  test('says that a certificate is missing, belongs to another key, or has expired', async () => {
    const pki = new Pki(path.join(top, 'pki'));
    const server = pki.issue('server', { cn: 'localhost' });
    const other = pki.issue('other', { cn: 'localhost' });
    const tls = (cert, key) => ['--set', `listeners.ssl.default.tls.cert=${cert}`, '--set', `listeners.ssl.default.tls.key=${key}`, '--set', 'listeners.ssl.default.bind=127.0.0.1:0', '--data', freshDir(), ...QUIET];
    const good = await doctor(...tls(server.cert, server.key));
    assert.deepEqual(good.failed, []);
    assert.match(good.of('certificate').map((check) => check.text).join(), /is valid for \d+ days/);
    assert.match((await doctor(...tls('/nowhere.pem', server.key))).failed.join(), /\/nowhere\.pem: No such file/);
    assert.match((await doctor(...tls(server.cert, other.key))).failed.join(), /does not match the certificate/);
    const expired = pki.file('expired.pem');
    const past = ['-startdate', '20200101000000Z', '-enddate', '20200201000000Z'];
    execFileSync('openssl', ['ca', '-batch', '-notext', '-config', pki.file('ca.cnf'), ...past, '-in', pki.file('server.csr'), '-out', expired], { stdio: 'ignore' });
    assert.match((await doctor(...tls(expired, server.key))).failed.join(), /expired\.pem expired \d+ days ago/);
  });

  test('names the ports that a running broker has got, where it could choose, and a listener that it has not', async (t) => {
    const broker = await Broker.during(t, { listeners: { ws: { default: { enabled: false } } } });
    const { failed, warnings, of } = await doctor('--data', path.join(broker.dir, 'data'), ...QUIET);
    assert.deepEqual(failed, []);
    const named = of('listener').map(({ text }) => text);
    for (const name of ['tcp.default', 'http']) {
      const { host, port } = broker.listener(name);
      assert.ok(named.includes(`${name}: ${host}:${port} is the running broker's`), named.join('\n'));
    }
    assert.ok(warnings.includes('ws.default: 127.0.0.1:0 is not open in the running broker'), warnings.join('\n'));
    await broker.stop();
  });

  test('leaves a running broker alone, and does not mistake its ports for taken', async (t) => {
    const broker = await Broker.during(t);
    const client = await mqttjs.connect(broker.url());
    const { host, port } = broker.tcp;
    const { failed, of } = await doctor('--data', path.join(broker.dir, 'data'), '--set', `listeners.tcp.default.bind=${host}:${port}`);
    assert.deepEqual(failed, []);
    assert.equal(of('broker')[0].text, `runs here, pid ${broker.pid}`);
    await client.subscribeAsync('still/here');
    await client.publishAsync('still/here', 'yes');
    await client.received(1);
    await client.endAsync();
    await broker.stop();
  });
});
