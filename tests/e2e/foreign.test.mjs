// Clients that others wrote: mosquitto's and Paho's, as Debian packages them; and Varve's own command line.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Broker, VARVE_BIN } from './lib/broker.mjs';
import { Pki } from './lib/certificates.mjs';
import { RawClient } from './lib/raw.mjs';
import { unique, until, within } from './lib/wait.mjs';

const has = (program) => {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`]);
    return true;
  } catch {
    return false;
  }
};
const needs = (...programs) => {
  const missing = programs.filter((program) => !has(program));
  return missing.length > 0 ? `${missing.join(', ')} not installed` : false;
};

// A program in the background: {lines, done, stop(), stdin}. `done` resolves with {code, output}. input: all of its
// standard input; more: the first of it.
function run(program, args, { input, more } = {}) {
  const piped = input !== undefined || more !== undefined;
  const child = spawn(program, args.map(String), { stdio: [piped ? 'pipe' : 'ignore', 'pipe', 'pipe'] });
  const out = { text: '', errors: '' };
  child.stdout.on('data', (text) => (out.text += text));
  child.stderr.on('data', (text) => (out.errors += text));
  child.stdin?.on('error', () => {}); // it may be gone
  if (input !== undefined) child.stdin.end(input);
  if (more !== undefined) child.stdin.write(more);
  const done = within(
    new Promise((resolve) => child.on('close', (code) => resolve({ code, output: out.text, errors: out.errors }))),
    120_000, // from its start on: a subscriber lives as long as its test
    `${program} to end`,
  ).catch((error) => {
    child.kill('SIGKILL');
    throw new Error(`${error.message}: ${out.text} ${out.errors}`);
  });
  done.catch(() => {});
  return {
    done,
    stdin: child.stdin,
    lines: () => out.text.split('\n').filter((l) => l !== ''),
    errors: () => out.errors,
    stop: (s = 'SIGTERM') => child.kill(s),
  };
}
async function succeeds(program, args, options) {
  const { code, output, errors } = await run(program, args, options).done;
  assert.equal(code, 0, `${program} ${args.join(' ')}: ${output} ${errors}`);
  return output;
}

describe('foreign clients', { concurrency: 3 }, () => {
  let broker;
  let pki;
  let own;
  before(async () => {
    pki = new Pki(fs.mkdtempSync(path.join(os.tmpdir(), 'varve-e2e-foreign-')));
    own = pki.issue('client');
    const server = pki.issue('server', { cn: 'localhost', san: ['DNS:localhost', 'IP:127.0.0.1'] });
    broker = new Broker({
      listeners: {
        tcp: { default: {}, users: { allow_anonymous: false } },
        ssl: { default: { tls: { ...server, ca: pki.ca, require_client_cert: true } }, users: { tls: server, allow_anonymous: false } },
        wss: { default: { tls: server } },
      },
      allow_anonymous: true,
    });
    assert.equal((await broker.cli('user', 'create', 'alice', '--password', 'a')).code, 0);
    await broker.start();
  });
  after(() => broker.stop());

  const at = (name = 'tcp.default') => ['-h', broker.listener(name).host, '-p', broker.listener(name).port];

  // Waits until a subscriber is really there: retried marks are published until one comes through.
  async function ready(subscriber, topic) {
    const c = await RawClient.connect(broker.tcp);
    await until(async () => {
      await c.publish(topic, 'ready?', { qos: 1 });
      return subscriber.lines().some((l) => l.includes('ready?'));
    }, 'the subscriber', { step_ms: 50 });
    return c;
  }

  // What a subscriber of `${topic}/#` printed of `${topic}/x`, once something later on `${topic}/end` is printed, too:
  // not one more, not one less.
  async function counted(subscriber, topic, expected) {
    const lines = () => subscriber.lines().map((l) => l.replace(/^\d+ /, '')); // paho_c_sub: the length in front
    const mine = () => lines().filter((l) => l.startsWith(`${topic}/x`));
    await until(() => mine().length >= expected.length, `${expected.length} lines`);
    const c = await RawClient.connect(broker.tcp);
    await c.publish(`${topic}/end`, 'end', { qos: 1 });
    await until(() => lines().some((l) => l.startsWith(`${topic}/end`)), 'the end');
    assert.deepEqual(mine().map((l) => l.slice(`${topic}/x`.length + 1)), expected);
  }
  const numbered = (n) => Array.from({ length: n }, (_, i) => `line ${i}`);

  // ---- mosquitto ---------------------------------------------------------------------------------------------------

  for (const version of ['mqttv31', 'mqttv311', 'mqttv5']) {
    for (const qos of [0, 1, 2]) {
      test(`mosquitto_pub and mosquitto_sub, ${version}, QoS ${qos}`, { skip: needs('mosquitto_pub', 'mosquitto_sub') }, async () => {
        const topic = unique();
        const sub = run('mosquitto_sub', [...at(), '-V', version, '-t', `${topic}/#`, '-q', qos, '-v']);
        await ready(sub, `${topic}/mark`);
        const lines = numbered(200);
        await succeeds('mosquitto_pub', [...at(), '-V', version, '-t', `${topic}/x`, '-q', qos, '-l'], { input: `${lines.join('\n')}\n` });
        await counted(sub, topic, lines);
        sub.stop();
        await sub.done;
      });
    }
  }

  test('mosquitto: retained messages, deleting them, -C and --retained-only', { skip: needs('mosquitto_pub', 'mosquitto_sub') }, async () => {
    const topic = unique();
    await succeeds('mosquitto_pub', [...at(), '-t', topic, '-m', 'kept', '-r', '-q', 1]);
    assert.equal(await succeeds('mosquitto_sub', [...at(), '-t', topic, '-C', 1]), 'kept\n');
    assert.equal(await succeeds('mosquitto_sub', [...at(), '-t', topic, '--retained-only', '-C', 1, '-V', 'mqttv5']), 'kept\n');
    await succeeds('mosquitto_pub', [...at(), '-t', topic, '-n', '-r', '-q', 1]);
    const c = await RawClient.connect(broker.tcp);
    await c.subscribe(topic);
    await c.expectNothing();
  });

  // docs/comparison.md says what mosquitto is to be told.
  test('mosquitto: its bridge brings what comes, and what was retained', { skip: needs('mosquitto', 'mosquitto_pub') }, async (t) => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'varve-e2e-bridge-'));
    const socket = path.join(dir, 'socket');
    const page = fs.readFileSync(new URL('../../docs/comparison.md', import.meta.url), 'utf8');
    const bridge = /```conf\n(connection varve\n[\s\S]*?)```/.exec(page)[1].replace('1883', broker.tcp.port);
    const topic = unique('bridge');
    const start = (more) => {
      fs.writeFileSync(path.join(dir, 'conf'), `listener 0 ${socket}\nallow_anonymous true\nuser ${os.userInfo().username}\npersistence true\npersistence_location ${dir}/\n${more}`);
      return run('mosquitto', ['-c', path.join(dir, 'conf')]);
    };
    // The file is there a moment before it is listened to.
    const listens = () => new Promise((resolve) => {
      const probe = net.connect(socket, () => {
        probe.destroy();
        resolve(true);
      });
      probe.on('error', () => resolve(false));
    });
    const publish = (...args) => succeeds('mosquitto_pub', ['--unix', socket, '-q', 1, ...args]);
    const mosquitto = start('');
    t.after(() => fs.rmSync(dir, { recursive: true }));
    await until(listens, 'mosquitto to listen');
    await publish('-t', `${topic}/kept`, '-m', 'before', '-r');
    mosquitto.stop();
    await mosquitto.done;
    fs.rmSync(socket, { force: true });

    const sub = run('mosquitto_sub', [...at(), '-t', `${topic}/#`, '-q', 1, '-v']);
    const bridged = start(bridge);
    await until(async () => sub.lines().includes(`${topic}/kept before`) && (await listens()), 'the retained message');
    await publish('-t', `${topic}/new`, '-m', 'after');
    await until(() => sub.lines().includes(`${topic}/new after`), 'the new message');
    sub.stop();
    assert.equal(await succeeds('mosquitto_sub', [...at(), '-t', `${topic}/#`, '--retained-only', '-C', 1]), 'before\n');
    assert.equal(await succeeds('mosquitto_sub', [...at(), '-t', '$SYS/broker/connection/+/state', '-C', 1]), '1\n');
    bridged.stop();
    await bridged.done;
  });

  test('mosquitto: a will by kill -9', { skip: needs('mosquitto_sub') }, async () => {
    const topic = unique();
    const watcher = await RawClient.connect(broker.tcp);
    await watcher.subscribe(`${topic}/will`, { qos: 1 });
    const sub = run('mosquitto_sub', [...at(), '-t', topic, '--will-topic', `${topic}/will`, '--will-payload', 'killed', '--will-qos', 1]);
    await ready(sub, topic);
    sub.stop('SIGKILL');
    await watcher.expect('publish', { payload: 'killed' });
  });

  test('mosquitto: a persistent session keeps what comes meanwhile', { skip: needs('mosquitto_pub', 'mosquitto_sub') }, async () => {
    const topic = unique();
    const id = unique();
    const sub = ['mosquitto_sub', [...at(), '-t', topic, '-q', 1, '-i', id, '-c']];
    const first = run(...sub);
    await ready(first, topic);
    first.stop();
    await first.done;
    for (const n of [1, 2, 3]) await succeeds('mosquitto_pub', [...at(), '-t', topic, '-m', n, '-q', 1]);
    const second = run(...sub);
    await until(() => second.lines().filter((l) => l !== 'ready?').length >= 3, 'three messages');
    assert.deepEqual(second.lines().filter((l) => l !== 'ready?'), ['1', '2', '3']);
    second.stop();
    await second.done;
  });

  test('mosquitto: MQTT 5 properties', { skip: needs('mosquitto_pub', 'mosquitto_sub') }, async () => {
    const topic = unique();
    const format = '%t|%p|%A|%C|%D|%P|%R|%E';
    const sub = run('mosquitto_sub', [...at(), '-V', 'mqttv5', '-t', topic, '-F', format]);
    await ready(sub, topic);
    await succeeds('mosquitto_pub', [
      ...at(), '-V', 'mqttv5', '-t', topic, '-m', 'x', '-D', 'publish', 'content-type', 'text/plain',
      '-D', 'publish', 'user-property', 'a', 'b', '-D', 'publish', 'response-topic', 'back', '-D', 'publish', 'correlation-data', 'cd',
      '-D', 'publish', 'message-expiry-interval', 600, '-D', 'publish', 'topic-alias', 5,
    ]);
    const line = await until(() => sub.lines().find((l) => l.includes('|x|')), 'the message');
    assert.match(line, /text\/plain/);
    assert.match(line, /\|cd\|/);
    assert.match(line, /a:b/);
    assert.match(line, /\|back\|/);
    const left = Number(/\|(\d+)$/.exec(line)?.[1]);
    assert.ok(left > 0 && left <= 600, line); // without the time that it was on its way
    sub.stop();
    await sub.done;
  });

  test('mosquitto: a shared subscription', { skip: needs('mosquitto_pub', 'mosquitto_sub') }, async () => {
    const topic = unique();
    const members = [0, 1].map(() => run('mosquitto_sub', [...at(), '-t', `$share/g/${topic}`, '-t', `${topic}/mark`, '-q', 1]));
    for (const m of members) await ready(m, `${topic}/mark`);
    const input = Array.from({ length: 20 }, (_, i) => `n${i}\n`).join('');
    await succeeds('mosquitto_pub', [...at(), '-t', topic, '-q', 1, '-l'], { input });
    const got = () => members.map((m) => m.lines().filter((l) => l.startsWith('n')));
    await until(() => got().flat().length >= 20, 'twenty messages');
    assert.deepEqual(got().map((l) => l.length), [10, 10]);
    for (const m of members) m.stop();
    await Promise.all(members.map((m) => m.done));
  });

  test('mosquitto: user name and password', { skip: needs('mosquitto_pub') }, async () => {
    const address = at('tcp.users');
    await succeeds('mosquitto_pub', [...address, '-t', 'x', '-m', 'x', '-u', 'alice', '-P', 'a', '-q', 1]);
    for (const wrong of [['-u', 'alice', '-P', 'b'], ['-u', 'nobody', '-P', 'a'], []]) {
      for (const version of ['mqttv311', 'mqttv5']) {
        const { code, errors } = await run('mosquitto_pub', [...address, '-V', version, '-t', 'x', '-m', 'x', ...wrong]).done;
        assert.notEqual(code, 0);
        assert.match(errors, /not authori[sz]ed|bad user name/i);
      }
    }
  });

  test('mosquitto: mutual TLS', { skip: needs('mosquitto_pub', 'mosquitto_sub') }, async () => {
    const topic = unique();
    const secure = [...at('ssl.default'), '--cafile', pki.ca, '--cert', own.cert, '--key', own.key];
    await succeeds('mosquitto_pub', [...secure, '-t', topic, '-m', 'secret', '-r', '-q', 2]);
    assert.equal(await succeeds('mosquitto_sub', [...secure, '-t', topic, '-C', 1, '-q', 2]), 'secret\n');
    assert.notEqual((await run('mosquitto_pub', [...at('ssl.default'), '--cafile', pki.ca, '-t', topic, '-m', 'x', '-q', 1]).done).code, 0);
  });

  for (const version of ['mqttv311', 'mqttv5']) {
    test(`mosquitto: TLS with --cafile, user name and password, ${version}`, { skip: needs('mosquitto_pub', 'mosquitto_sub') }, async () => {
      const topic = unique();
      const address = [...at('ssl.users'), '-V', version];
      const login = ['-u', 'alice', '-P', 'a'];
      await succeeds('mosquitto_pub', [...address, '--cafile', pki.ca, ...login, '-t', topic, '-m', 'kept', '-r', '-q', 2]);
      assert.equal(await succeeds('mosquitto_sub', [...address, '--cafile', pki.ca, ...login, '-t', topic, '-C', 1, '-q', 1]), 'kept\n');
      const refused = async (...args) => assert.notEqual((await run('mosquitto_pub', [...address, ...args, '-t', topic, '-m', 'x', '-q', 1]).done).code, 0);
      await refused('--cafile', pki.ca, '-u', 'alice', '-P', 'b');
      await refused('--cafile', pki.ca);
      await refused('--cafile', own.cert, ...login); // not the authority of the broker's certificate
    });
  }

  test('mosquitto_rr: request and response', { skip: needs('mosquitto_rr', 'mosquitto_sub') }, async () => {
    const topic = unique();
    const responder = await RawClient.connect(broker.tcp);
    await responder.subscribe(topic, { qos: 1 });
    const rr = run('mosquitto_rr', [...at(), '-V', 'mqttv5', '-t', topic, '-e', `${topic}/answer`, '-m', 'question', '-q', 1]);
    const m = await responder.expect('publish', { payload: 'question' });
    const { responseTopic, correlationData } = m.properties;
    await responder.publish(responseTopic, 'answer', { qos: 1, properties: correlationData ? { correlationData } : {} });
    assert.equal((await rr.done).output, 'answer\n');
  });

  test('a mosquitto broker bridges to it, both ways', { skip: needs('mosquitto') }, async () => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'varve-e2e-bridge-'));
    const { host, port } = broker.tcp;
    const conf = path.join(dir, 'mosquitto.conf');
    fs.writeFileSync(conf, `listener 0 ${path.join(dir, 'sock')}\nallow_anonymous true\nuser root\nconnection up\naddress ${host}:${port}\n` +
      `bridge_protocol_version mqttv50\ntopic # out 1 ${dir.slice(1)}/up/ bridged/up/\ntopic # in 1 ${dir.slice(1)}/down/ bridged/down/\n` +
      'notifications true\nnotifications_local_only false\nnotification_topic bridged/state\n');
    const watcher = await RawClient.connect(broker.tcp);
    await watcher.subscribe('bridged/#', { qos: 1 });
    const bridge = run('mosquitto', ['-c', conf]);
    await watcher.expect('publish', { topic: 'bridged/state', payload: '1' });
    bridge.stop();
    await watcher.take((p) => p.topic === 'bridged/state' && p.payload.toString() === '0', 'the notice that the bridge is down');
    await bridge.done;
    fs.rmSync(dir, { recursive: true, force: true });
  });

  // ---- Paho C ------------------------------------------------------------------------------------------------------

  test('MQTTVersion prints the library that the samples use', { skip: needs('MQTTVersion') }, async () => {
    assert.match((await run('MQTTVersion', []).done).output, /Paho/);
  });

  for (const version of ['31', '311', '5']) {
    for (const qos of [0, 1, 2]) {
      test(`paho_c_pub and paho_c_sub, version ${version}, QoS ${qos}`, { skip: needs('paho_c_pub', 'paho_c_sub') }, async () => {
        const topic = unique();
        const common = [...at(), '-V', version, '-q', qos];
        const sub = run('paho_c_sub', ['-t', topic, ...common, '-i', unique()]);
        await ready(sub, topic);
        await succeeds('paho_c_pub', ['-t', topic, ...common, '-i', unique(), '-m', 'from Paho']);
        await until(() => sub.lines().includes('from Paho'), 'the message');
        sub.stop('SIGINT');
        await sub.done;
      });
    }
  }

  for (const version of ['31', '311', '5']) {
    for (const qos of [0, 1, 2]) {
      const skip = needs('paho_cs_pub', 'paho_cs_sub', 'paho_c_sub', 'mosquitto_sub');
      test(`paho_cs_pub to paho_cs_sub, paho_c_sub and mosquitto_sub, version ${version}, QoS ${qos}`, { skip }, async () => {
        const topic = unique();
        const common = [...at(), '-V', version, '-q', qos];
        const mosquitto = version === '5' ? 'mqttv5' : `mqttv${version}`;
        const subscribers = [
          run('paho_cs_sub', [`${topic}/#`, ...common, '-i', unique()]),
          run('paho_c_sub', [`${topic}/#`, ...common, '-i', unique()]),
          run('mosquitto_sub', ['-t', `${topic}/#`, ...at(), '-V', mosquitto, '-q', qos, '-v']),
        ];
        for (const s of subscribers) await ready(s, `${topic}/mark`);
        const lines = numbered(qos === 0 ? 100 : 20); // it pauses for 100 ms after each with a QoS
        // At the end of its input it disconnects without waiting for acknowledgements: so not before all is there.
        const pub = run('paho_cs_pub', [`${topic}/x`, ...common, '-i', unique()], { more: lines.map((l) => `${l}\n`).join('') });
        for (const s of subscribers) await counted(s, topic, lines);
        pub.stdin.end();
        assert.equal((await pub.done).code, 0);
        for (const s of subscribers) s.stop('SIGINT');
        for (const s of subscribers) await s.done;
      });
    }
  }

  for (const version of ['31', '311', '5']) {
    test(`paho_c_pub sends lines, QoS 2 in flight without waiting, version ${version}`, { skip: needs('paho_c_pub') }, async () => {
      const c = await RawClient.connect(broker.tcp);
      const topic = unique();
      await c.subscribe(topic, { qos: 2 });
      const lines = numbered(100);
      const pub = run('paho_c_pub', [topic, ...at(), '-V', version, '-q', 2, '-i', unique()], { more: lines.map((l) => `${l}\n`).join('') });
      const got = await c.messages(100);
      assert.deepEqual(got.map((m) => m.payload.toString().trim()), lines);
      await c.expectNothing();
      pub.stop('SIGKILL'); // at the end of its input it would send what it has not read
      await pub.done;
    });

    test(`Paho: retained messages, version ${version}`, { skip: needs('paho_c_pub', 'paho_cs_pub', 'paho_c_sub', 'paho_cs_sub') }, async () => {
      const topic = unique();
      const common = () => [...at(), '-V', version, '-q', 1, '-i', unique()];
      for (const publisher of ['paho_c_pub', 'paho_cs_pub']) {
        await succeeds(publisher, [`${topic}/x`, ...common(), '-r', '-m', publisher]);
        for (const subscriber of ['paho_c_sub', 'paho_cs_sub']) {
          const sub = run(subscriber, [`${topic}/#`, ...common()]);
          await counted(sub, topic, [publisher]);
          sub.stop('SIGINT');
          await sub.done;
        }
      }
      await succeeds('paho_c_pub', [`${topic}/x`, ...common(), '-r', '-n']);
      const c = await RawClient.connect(broker.tcp);
      await c.subscribe(`${topic}/#`);
      await c.expectNothing();
    });
  }

  test('Paho: TLS with --cafile, user name and password', { skip: needs('paho_c_pub', 'paho_cs_pub', 'paho_cs_sub') }, async () => {
    const topic = unique();
    const { port } = broker.listener('ssl.users');
    const secure = () => ['-c', `ssl://localhost:${port}`, '--cafile', pki.ca, '-u', 'alice', '-P', 'a', '-q', 1, '-i', unique()];
    const sub = run('paho_cs_sub', [`${topic}/#`, ...secure()]);
    await ready(sub, `${topic}/mark`);
    await succeeds('paho_c_pub', [`${topic}/x`, ...secure(), '-V', 5, '-m', 'one']);
    await succeeds('paho_cs_pub', [`${topic}/x`, ...secure(), '-m', 'two']);
    await counted(sub, topic, ['one', 'two']);
    sub.stop('SIGINT');
    await sub.done;
  });

  // Some samples have the address of a public broker compiled in. A copy with ours in its place is run instead; as a
  // C string it may be shorter. stdbuf: their output is to be seen as it comes.
  function readdressed(t, program) {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'varve-e2e-paho-'));
    t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
    const binary = fs.readFileSync(execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim());
    const ours = Buffer.from(`tcp://${broker.tcp.host}:${broker.tcp.port}\0`);
    let found = 0;
    for (const theirs of ['tcp://mqtt.eclipseprojects.io:1883\0', 'mqtt://localhost:1883\0']) {
      const at_byte = binary.indexOf(theirs);
      if (at_byte < 0) continue;
      assert.ok(ours.length <= theirs.length, theirs);
      ours.copy(binary, at_byte);
      found += 1;
    }
    assert.equal(found, 1, `the address in ${program}`);
    fs.writeFileSync(path.join(dir, program), binary, { mode: 0o755 });
    return (options) => run('stdbuf', ['-oL', path.join(dir, program)], options);
  }

  const SAMPLE_TOPIC = 'MQTT Examples'; // of all of them but one, as are their client ids: so one after the other
  const samples = ['MQTTClient_publish', 'MQTTClient_publish_async', 'MQTTAsync_publish', 'MQTTClient_subscribe', 'MQTTAsync_subscribe'];
  test('the samples of the Paho library with one fixed topic', { skip: needs('stdbuf', ...samples) }, async (t) => {
    const c = await RawClient.connect(broker.tcp);
    await c.subscribe(SAMPLE_TOPIC, { qos: 2, noLocal: true });
    for (const program of samples.slice(0, 3)) {
      const { code, output } = await readdressed(t, program)().done;
      assert.equal(code, 0, `${program}: ${output}`);
      await c.expect('publish', { topic: SAMPLE_TOPIC, payload: 'Hello World!', qos: 1, retain: false, dup: false });
      await c.expectNothing();
    }
    for (const program of samples.slice(3)) {
      const sub = readdressed(t, program)({ more: '' });
      const p = await ready(sub, SAMPLE_TOPIC);
      const lines = numbered(50);
      for (const [i, line] of lines.entries()) await p.publish(SAMPLE_TOPIC, line, { qos: i % 3 });
      await p.publish(SAMPLE_TOPIC, 'end', { qos: 1 });
      await until(() => sub.lines().some((l) => l.endsWith(': end')), 'the end');
      const got = sub.lines().filter((l) => l.includes('message: line'));
      assert.deepEqual(got.map((l) => l.split('message: ')[1]), lines);
      sub.stdin.end('Q\n');
      const { code, output } = await sub.done;
      assert.equal(code, 0, `${program}: ${output}`);
    }
  });

  test('MQTTAsync_publish_time: each time that it says it sent arrives once, in order', { skip: needs('stdbuf', 'MQTTAsync_publish_time') }, async (t) => {
    const c = await RawClient.connect(broker.tcp);
    await c.subscribe('data/time', { qos: 1 });
    const pub = readdressed(t, 'MQTTAsync_publish_time')();
    const got = (await c.messages(100)).map((m) => m.payload.toString());
    const said = () => pub.lines().filter((l) => /^\d+$/.test(l));
    await until(() => said().length > 100, 'what it says'); // one more: the last line may be half there
    assert.deepEqual(got, said().slice(0, 100));
    pub.stop('SIGKILL'); // it goes on for ever
    await pub.done;
  });

  test('paho_c_pub over WebSocket, TLS, and WebSocket over TLS', { skip: needs('paho_c_pub') }, async () => {
    const c = await RawClient.connect(broker.tcp);
    const topic = unique();
    await c.subscribe(topic, { qos: 1 });
    const send = async (scheme, name, pathname, ...more) => {
      const { port } = broker.listener(name);
      await succeeds('paho_c_pub', ['-t', topic, '-c', `${scheme}://localhost:${port}${pathname}`, '-q', 1, '-m', name, '-i', unique(), ...more]);
      await c.expect('publish', { topic, payload: name });
    };
    await send('ws', 'ws.default', '/mqtt');
    await send('wss', 'wss.default', '/mqtt', '--cafile', pki.ca);
    await send('ssl', 'ssl.default', '', '--cafile', pki.ca, '--cert', own.cert, '--key', own.key);
  });

  test('Paho: a will, a user property, a message expiry', { skip: needs('paho_c_pub', 'paho_c_sub') }, async () => {
    const c = await RawClient.connect(broker.tcp);
    const topic = unique();
    await c.subscribe(`${topic}/#`, { qos: 1 });
    await succeeds('paho_c_pub', ['-t', topic, ...at(), '-i', unique(), '-V', 5, '-q', 1, '-m', 'x', '--user-property', 'name', 'value', '--message-expiry', 600]);
    const m = await c.expect('publish', { topic });
    assert.deepEqual(m.properties.userProperties, [['name', 'value']]);
    assert.ok(m.properties.messageExpiryInterval > 0 && m.properties.messageExpiryInterval <= 600);
    const sub = run('paho_c_sub', ['-t', `${topic}/in`, ...at(), '-i', unique(), '--will-topic', `${topic}/will`, '--will-payload', 'killed', '--will-qos', 1]);
    await ready(sub, `${topic}/in`);
    sub.stop('SIGKILL');
    await c.take((p) => p.topic === `${topic}/will` && p.payload.toString() === 'killed', 'the will');
  });

  test('Paho: user name and password', { skip: needs('paho_c_pub') }, async () => {
    const args = ['-t', 'x', ...at('tcp.users'), '-i', unique(), '-m', 'x', '-q', 1];
    await succeeds('paho_c_pub', [...args, '-u', 'alice', '-P', 'a']);
    const wrong = run('paho_c_pub', [...args, '-u', 'alice', '-P', 'b']);
    await until(() => /Connect failed/.test(wrong.lines().join() + wrong.errors()), 'the refusal to be said');
    wrong.stop('SIGKILL'); // it says so and waits for ever
    await wrong.done;
  });

  // ---- Varve's own -------------------------------------------------------------------------------------------------

  for (const version of ['3.1.1', '5']) {
    test(`varve pub and varve sub, ${version}`, async () => {
      const topic = unique();
      const sub = run(VARVE_BIN, ['sub', ...at(), '-V', version, '-t', `${topic}/#`, '-q', 2, '-v']);
      await ready(sub, `${topic}/mark`);
      await succeeds(VARVE_BIN, ['pub', ...at(), '-V', version, '-t', `${topic}/m`, '-m', 'one', '-q', 1]);
      await succeeds(VARVE_BIN, ['pub', ...at(), '-V', version, '-t', `${topic}/l`, '-l', '-q', 2], { input: 'two\nthree\n' });
      await until(() => sub.lines().some((l) => l.endsWith('three')), 'three lines');
      assert.deepEqual(sub.lines().filter((l) => !l.includes('ready?')), [`${topic}/m one`, `${topic}/l two`, `${topic}/l three`]);
      sub.stop();
      await sub.done;
    });
  }

  test('varve pub: a refused connection and a missing option give 1 and 2', async () => {
    const refused = await run(VARVE_BIN, ['pub', ...at('tcp.users'), '-t', 'x', '-m', 'x']).done;
    assert.equal(refused.code, 1);
    assert.match(refused.errors, /not authori[sz]ed/i);
    assert.equal((await run(VARVE_BIN, ['pub', ...at(), '-m', 'x']).done).code, 2);
    assert.equal((await run(VARVE_BIN, ['pub', '-h', '127.0.0.1', '-p', 1, '-t', 'x', '-m', 'x']).done).code, 1);
  });

  test('every subcommand has --help with an example', async () => {
    for (const name of ['serve', 'user', 'acl', 'ban', 'pub', 'sub', 'bench', 'doctor']) {
      const help = await succeeds(VARVE_BIN, [name, '--help']);
      assert.match(help, /example/i, name);
    }
    assert.equal((await run(VARVE_BIN, ['nonsense']).done).code, 2);
  });
});
