// TCP, TLS, mutual TLS, WebSocket, WebSocket over TLS, the PROXY protocol, and certificates that change underway.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import tls from 'node:tls';

import { Broker, varve } from './lib/broker.mjs';
import { Pki, read } from './lib/certificates.mjs';
import * as mqttjs from './lib/mqttjs.mjs';
import * as packet from './lib/packet.mjs';
import { RawClient } from './lib/raw.mjs';
import { temporaryDirectory } from './lib/temporary.mjs';
import { unique, until } from './lib/wait.mjs';
import { OPCODE, WebSocketStream, frame, handshake } from './lib/websocket.mjs';

// A publish that comes back: the transport carries both directions. Large enough to need many TLS records and frames.
async function roundTrip(c) {
  const topic = unique();
  await c.subscribe(topic, { qos: 1 });
  for (const length of [0, 10, 200_000]) {
    const payload = Buffer.alloc(length, 'x');
    await c.publish(topic, payload, { qos: 1 });
    assert.ok((await c.expect('publish', { topic })).payload.equals(payload));
  }
}

describe('transports', { concurrency: 3 }, () => {
  let pki;
  let evil;
  let broker;
  const certs = {};
  before(async () => {
    const dir = temporaryDirectory();
    pki = new Pki(dir);
    evil = new Pki(dir, 'evil');
    certs.server = pki.issue('server', { cn: 'localhost', san: ['DNS:localhost', 'IP:127.0.0.1'] });
    certs.sni = pki.issue('sni', { cn: 'b.example', san: ['DNS:b.example'] });
    certs.wild = pki.issue('wild', { cn: '*.wild.example', san: ['DNS:*.wild.example'] });
    certs.client = pki.issue('client');
    certs.revoked = pki.issue('revoked');
    certs.stranger = evil.issue('stranger');
    const crl = pki.crl([certs.revoked]);
    const server = { cert: certs.server.cert, key: certs.server.key };
    broker = await Broker.start({
      listeners: {
        tcp: { default: {}, proxied: { proxy_protocol: true, allow_anonymous: true } },
        ssl: {
          default: {
            tls: {
              ...server,
              sni: [
                { host: 'b.example', ...certs.sni },
                { host: '*.wild.example', ...certs.wild },
              ],
            },
          },
          mutual: { tls: { ...server, ca: pki.ca, require_client_cert: true } },
          optional: { tls: { ...server, ca: pki.ca } },
          revoking: { tls: { ...server, ca: pki.ca, crl, require_client_cert: true } },
          modern: { tls: { ...server, min_version: '1.3' } },
          proxied: { proxy_protocol: true, allow_anonymous: true, tls: server },
        },
        ws: { default: {}, proxied: { proxy_protocol: true, allow_anonymous: true, path: '/other' } },
        wss: { default: { tls: server } },
      },
    });
  });
  after(() => broker.stop());

  const trust = (more = {}) => ({ ca: read(pki.ca), servername: 'localhost', ...more });
  const identity = ({ cert, key }) => ({ cert: read(cert), key: read(key) });
  const secure = (name, more, options = {}) => RawClient.connect(broker.listener(name), { ...options, tls: trust(more) });

  // ---- MQTT.js over everything -------------------------------------------------------------------------------------

  for (const { name, protocolVersion } of mqttjs.VERSIONS) {
    for (const [listener, options] of [
      ['tcp.default', () => ({})],
      ['ssl.default', () => trust()],
      ['ssl.mutual', () => trust(identity(certs.client))],
      ['ws.default', () => ({})],
      ['wss.default', () => ({ wsOptions: trust() })],
    ]) {
      test(`MQTT.js ${name} over ${listener}`, async () => {
        const c = await mqttjs.connect(broker.url(listener), { protocolVersion, ...options() });
        const topic = unique();
        await c.subscribeAsync(topic, { qos: 2 });
        for (const size of [1, 70_000, 500_000]) await c.publishAsync(topic, 'x'.repeat(size), { qos: 2 });
        await c.received(3);
        assert.deepEqual(c.inbox.map((m) => m.payload.length), [1, 70_000, 500_000]);
        await c.endAsync();
      });
    }
  }

  test('a message crosses all transports', async () => {
    const topic = unique();
    const clients = [
      await RawClient.connect(broker.tcp, { version: 4 }),
      await secure('ssl.default'),
      await secure('ssl.mutual', identity(certs.client)),
    ];
    for (const name of ['ws.default', 'wss.default']) {
      const ws = await WebSocketStream.open(broker.listener(name), name.startsWith('wss') ? { tls: trust() } : {});
      const c = new RawClient(ws);
      await c.handshake();
      clients.push(c);
    }
    for (const c of clients) await c.subscribe(topic, { qos: 1 });
    for (const c of clients) {
      await c.publish(topic, 'x', { qos: 1 });
      for (const other of clients) await other.expect('publish', { topic });
    }
  });

  // ---- TLS ---------------------------------------------------------------------------------------------------------

  for (const version of ['TLSv1.2', 'TLSv1.3']) {
    test(`${version}`, async () => {
      const c = await secure('ssl.default', { minVersion: version, maxVersion: version });
      assert.equal(c.socket.getProtocol(), version);
      await roundTrip(c);
      await c.disconnect();
    });
  }

  test('TLS 1.1 and older are refused', async () => {
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' };
    await assert.rejects(secure('ssl.default', old));
  });

  test('min_version 1.3 refuses TLS 1.2', async () => {
    await assert.rejects(secure('ssl.modern', { maxVersion: 'TLSv1.2' }));
    await (await secure('ssl.modern')).ping();
  });

  test('a certificate is chosen by the name that the client asks for', async () => {
    const subject = async (servername) => {
      const c = await secure('ssl.default', { servername });
      const { CN } = c.socket.getPeerCertificate().subject;
      await c.disconnect();
      return CN;
    };
    assert.equal(await subject('localhost'), 'localhost');
    assert.equal(await subject('b.example'), 'b.example');
    assert.equal(await subject('one.wild.example'), '*.wild.example');
    const c = await secure('ssl.default', { servername: 'unknown.example', checkServerIdentity: () => undefined });
    assert.equal(c.socket.getPeerCertificate().subject.CN, 'localhost');
  });

  test('the whole of a TLS handshake byte by byte, and MQTT in tiny records', async () => {
    const c = await secure('ssl.default', {}, {});
    const topic = unique();
    for (const byte of packet.subscribe({ id: 9, filters: [{ filter: topic }] })) c.socket.write(Buffer.from([byte]));
    await c.expect('suback', { id: 9 });
  });

  test('plain MQTT on a TLS port is closed, TLS on a plain port too', async () => {
    const plain = await RawClient.open(broker.listener('ssl.default'), { decode: false });
    plain.send(packet.connect({ clientId: unique() }));
    await plain.expectClose();
    assert.ok(!plain.bytes.subarray(0, 1).equals(Buffer.from([0x20])));
    await assert.rejects(RawClient.open(broker.tcp, { tls: trust() }));
  });

  test('mutual TLS: a client of the authority comes in, one without certificate or of another authority does not', async () => {
    await roundTrip(await secure('ssl.mutual', identity(certs.client)));
    await assert.rejects(secure('ssl.mutual'));
    await assert.rejects(secure('ssl.mutual', identity(certs.stranger)));
  });

  test('an authority without require_client_cert: without a certificate is fine, with a wrong one is not', async () => {
    await (await secure('ssl.optional')).ping();
    await (await secure('ssl.optional', identity(certs.client))).ping();
    await assert.rejects(secure('ssl.optional', identity(certs.stranger)));
  });

  test('a revoked certificate is refused, another is not', async () => {
    await (await secure('ssl.revoking', identity(certs.client))).ping();
    await assert.rejects(secure('ssl.revoking', identity(certs.revoked)));
    await (await secure('ssl.mutual', identity(certs.revoked))).ping(); // where no list is checked
  });

  test('TLS sessions may be resumed', async () => {
    const { host, port } = broker.listener('ssl.default');
    let session = null;
    const first = await secure('ssl.default', { maxVersion: 'TLSv1.2' });
    session = first.socket.getSession();
    await first.disconnect();
    const socket = tls.connect({ host, port, ...trust({ maxVersion: 'TLSv1.2' }), session });
    const c = new RawClient(socket);
    await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    assert.equal((await c.handshake()).reason, 0);
  });

  test('many TLS connections at once', async () => {
    const clients = await Promise.all(Array.from({ length: 40 }, () => secure('ssl.default')));
    await Promise.all(clients.map((c) => c.ping()));
    await Promise.all(clients.map((c) => c.disconnect()));
  });

  test('a connection that never finishes its TLS handshake does not hold up others', async () => {
    const stuck = await RawClient.open(broker.listener('ssl.default'), { decode: false });
    stuck.send(Buffer.from([0x16, 0x03, 0x01]));
    await (await secure('ssl.default')).ping();
    await stuck.drop();
  });

  // ---- WebSocket ---------------------------------------------------------------------------------------------------

  test('the handshake answers with the subprotocol mqtt', async () => {
    const answer = await handshake(broker.listener('ws.default'));
    assert.equal(answer.status, 101);
    assert.ok(answer.accepted);
    assert.equal(answer.headers['sec-websocket-protocol'], 'mqtt');
    assert.equal(answer.headers.upgrade.toLowerCase(), 'websocket');
    answer.socket.destroy();
  });

  test('mqtt is found in a list of subprotocols', async () => {
    const { status, headers, socket } = await handshake(broker.listener('ws.default'), { headers: { 'sec-websocket-protocol': 'soap, mqtt, mqttv3.1' } });
    assert.equal(status, 101);
    assert.equal(headers['sec-websocket-protocol'], 'mqtt');
    socket.destroy();
  });

  for (const [what, options] of Object.entries({
    'another path': { path: '/other' },
    'POST': { method: 'POST' },
    'no key': { headers: { 'sec-websocket-key': undefined } },
    'a key that is no base64': { headers: { 'sec-websocket-key': '***' } },
    'no upgrade': { headers: { upgrade: undefined } },
    'an upgrade to something else': { headers: { upgrade: 'h2c' } },
    'version 8': { headers: { 'sec-websocket-version': '8' } },
    'only a subprotocol that is not mqtt': { headers: { 'sec-websocket-protocol': 'soap' } },
    'a header of 100 kB': { headers: { 'x-long': 'x'.repeat(100_000) } },
  })) {
    test(`a handshake with ${what} is refused`, async () => {
      const { status, socket } = await handshake(broker.listener('ws.default'), options);
      assert.ok(status === 0 || (status >= 400 && status < 500), `HTTP ${status}`);
      socket.destroy();
    });
  }

  test('a handshake that comes byte by byte', async () => {
    const { status, socket } = await handshake(broker.listener('ws.default'), { trickle: true });
    assert.equal(status, 101);
    socket.destroy();
  });

  test('a page of another site is answered 403, where nobody has to log in', async () => {
    const from = (origin) => handshake(broker.listener('ws.default'), { headers: { origin } });
    for (const origin of ['http://localhost:3000', 'http://127.0.0.1:8083', undefined]) {
      const { status, socket } = await from(origin);
      assert.equal(status, 101, origin);
      socket.destroy();
    }
    const { status, rest } = await from('https://app.example');
    assert.equal(status, 403);
    assert.match(rest.toString(), /pages of this origin may not connect here/);
  });

  test('a query behind the path is no other path', async () => {
    const { status, socket } = await handshake(broker.listener('ws.default'), { path: '/mqtt?token=1' });
    assert.equal(status, 101);
    socket.destroy();
  });

  test('frames that come in the same segment as the handshake are not lost', async () => {
    const follow = frame(OPCODE.binary, packet.connect({ clientId: unique() }));
    const { socket, status, rest } = await handshake(broker.listener('ws.default'), { follow });
    assert.equal(status, 101);
    const ws = new WebSocketStream(socket, rest, {});
    const c = new RawClient(ws);
    await c.expect('connack', { reason: 0 });
    await c.ping();
  });

  for (const [name, fragment] of [['ws.default', 1], ['ws.default', 3], ['ws.default', 50], ['wss.default', 2]]) {
    test(`${name}: packets in fragments of ${fragment} bytes, messages that end inside packets`, async () => {
      const options = name.startsWith('wss') ? { tls: trust(), fragment } : { fragment };
      const ws = await WebSocketStream.open(broker.listener(name), options);
      const c = new RawClient(ws);
      assert.equal((await c.handshake()).reason, 0);
      const topic = unique();
      await c.subscribe(topic, { qos: 2 });
      for (let i = 0; i < 10; i += 1) await c.publish(topic, `message ${i} ${'x'.repeat(i * 40)}`, { qos: i % 3 });
      const got = await c.messages(10);
      assert.deepEqual(got.map((m) => m.payload.toString().slice(0, 9)), Array.from({ length: 10 }, (_, i) => `message ${i}`));
      await c.ping();
    });
  }

  test('several packets in one frame', async () => {
    const ws = await WebSocketStream.open(broker.listener('ws.default'));
    const c = new RawClient(ws);
    const topic = unique();
    c.send(
      packet.connect({ clientId: unique() }),
      packet.subscribe({ id: 1, filters: [{ filter: topic }] }),
      packet.publish({ topic, payload: 'x' }),
      packet.pingreq(),
    );
    await c.expect('connack');
    await c.expect('suback');
    await c.expect('publish', { topic });
    await c.expect('pingresp');
  });

  test('a ping between the fragments of a message is answered with its payload', async () => {
    const ws = await WebSocketStream.open(broker.listener('ws.default'));
    const c = new RawClient(ws);
    const bytes = packet.connect({ clientId: unique() });
    ws.frame(OPCODE.binary, bytes.subarray(0, 5), { fin: false });
    ws.frame(OPCODE.ping, 'are you there');
    ws.frame(OPCODE.continuation, bytes.subarray(5));
    await c.expect('connack', { reason: 0 });
    const pong = await until(() => ws.control.find((f) => f.opcode === OPCODE.pong), 'a pong');
    assert.equal(pong.payload.toString(), 'are you there');
  });

  test('a pong that nobody asked for is fine', async () => {
    const ws = await WebSocketStream.open(broker.listener('ws.default'));
    ws.frame(OPCODE.pong, 'x');
    const c = new RawClient(ws);
    assert.equal((await c.handshake()).reason, 0);
  });

  test('an empty binary frame is fine', async () => {
    const ws = await WebSocketStream.open(broker.listener('ws.default'));
    ws.frame(OPCODE.binary, '');
    const c = new RawClient(ws);
    assert.equal((await c.handshake()).reason, 0);
  });

  test('a close frame is answered with a close frame, and the will is published', async () => {
    const topic = unique();
    const watcher = await RawClient.connect(broker.tcp);
    await watcher.subscribe(topic);
    const ws = await WebSocketStream.open(broker.listener('ws.default'));
    const c = new RawClient(ws);
    await c.handshake({ will: { topic, payload: 'closed' } });
    ws.frame(OPCODE.close, Buffer.from([0x03, 0xe8]));
    await c.expectClose();
    assert.ok(ws.control.some((f) => f.opcode === OPCODE.close));
    await watcher.expect('publish', { payload: 'closed' });
  });

  for (const [what, break_] of Object.entries({
    'a text frame': (ws) => ws.frame(OPCODE.text, 'hello'),
    'a frame without a mask': (ws) => ws.frame(OPCODE.binary, packet.pingreq(), { mask: false }),
    'reserved bits': (ws) => ws.frame(OPCODE.binary, packet.pingreq(), { reserved: 4 }),
    'an unknown opcode': (ws) => ws.frame(3, 'x'),
    'a continuation without a beginning': (ws) => ws.frame(OPCODE.continuation, 'x'),
    'a ping of 126 bytes': (ws) => ws.frame(OPCODE.ping, 'x'.repeat(126)),
    'a fragmented ping': (ws) => ws.frame(OPCODE.ping, 'x', { fin: false }),
    'a frame length with the top bit set': (ws) => ws.socket.write(Buffer.from([0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4])),
  })) {
    test(`${what} ends a WebSocket connection`, async () => {
      const ws = await WebSocketStream.open(broker.listener('ws.default'));
      const c = new RawClient(ws);
      await c.handshake();
      break_(ws);
      await c.expectClose();
    });
  }

  test('what the broker sends are binary frames', async () => {
    const ws = await WebSocketStream.open(broker.listener('ws.default'));
    const c = new RawClient(ws);
    await c.handshake();
    await roundTrip(c);
    assert.deepEqual(ws.control, []);
  });

  test('DISCONNECT over WebSocket closes it in order', async () => {
    const ws = await WebSocketStream.open(broker.listener('ws.default'));
    const c = new RawClient(ws);
    await c.handshake();
    await c.disconnect();
  });

  // ---- PROXY protocol ----------------------------------------------------------------------------------------------

  const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
  const v2 = (command, family, body) =>
    Buffer.concat([signature, Buffer.from([command, family, body.length >> 8, body.length & 255]), body]);
  const v4 = Buffer.from([10, 1, 2, 3, 10, 9, 9, 9, 0x9c, 0x40, 0x07, 0x5b]);
  const v6 = Buffer.concat([Buffer.alloc(15), Buffer.from([7]), Buffer.alloc(16), Buffer.from([0x9c, 0x40, 0x07, 0x5b])]);
  const headers = {
    'v1 TCP4': 'PROXY TCP4 10.1.2.3 10.9.9.9 40000 1883\r\n',
    'v1 TCP6': 'PROXY TCP6 2001:db8::1 2001:db8::2 40000 1883\r\n',
    'v1 UNKNOWN': 'PROXY UNKNOWN\r\n',
    'v1 UNKNOWN with addresses': 'PROXY UNKNOWN ff:ff ff:ff 1 2\r\n',
    'v2 TCP4': v2(0x21, 0x11, v4),
    'v2 TCP6': v2(0x21, 0x21, v6),
    'v2 LOCAL': v2(0x20, 0x00, Buffer.alloc(0)),
    'v2 with TLVs': v2(0x21, 0x11, Buffer.concat([v4, Buffer.from([0x04, 0, 2, 0, 0, 0x02, 0, 1, 0x61])])),
    'v2 unspecified family': v2(0x21, 0x00, Buffer.alloc(0)),
  };
  for (const [what, preface] of Object.entries(headers)) {
    test(`PROXY ${what} before MQTT, TLS and WebSocket`, async () => {
      await (await RawClient.connect(broker.listener('tcp.proxied'), { preface })).ping();
      await (await RawClient.connect(broker.listener('ssl.proxied'), { preface, tls: trust() })).ping();
      const ws = new RawClient(await WebSocketStream.open(broker.listener('ws.proxied'), { preface, path: '/other' }));
      assert.equal((await ws.handshake()).reason, 0);
    });
  }

  test('PROXY and CONNECT in one segment, and the header byte by byte', async () => {
    const preface = Buffer.concat([Buffer.from(headers['v1 TCP4']), packet.connect({ clientId: unique() })]);
    const c = await RawClient.open(broker.listener('tcp.proxied'), { preface });
    await c.expect('connack', { reason: 0 });
    const slow = await RawClient.open(broker.listener('tcp.proxied'));
    for (const byte of headers['v2 TCP4']) {
      slow.send(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal((await slow.handshake()).reason, 0);
  });

  test('the address of the PROXY header is the client\'s address in the log', async () => {
    const clientId = unique('proxied');
    await RawClient.connect(broker.listener('tcp.proxied'), { clientId, preface: headers['v1 TCP4'] });
    await until(() => broker.stderr.split('\n').some((l) => l.includes(clientId) && l.includes('10.1.2.3')), 'the line in the log');
  });

  for (const [what, bytes] of Object.entries({
    'no header': packet.connect({ clientId: 'x' }),
    'nonsense in v1': Buffer.from('PROXY TCP5 1 2 3 4\r\n'),
    'a v1 line that does not end': Buffer.from(`PROXY TCP4 ${'1'.repeat(200)}`),
    'a v1 address that is none': Buffer.from('PROXY TCP4 10.1.2.300 10.9.9.9 40000 1883\r\n'),
    'v2 of version 3': v2(0x31, 0x11, v4),
    'v2 with an unknown command': v2(0x25, 0x11, v4),
    'v2 with too few bytes for its family': v2(0x21, 0x11, v4.subarray(0, 5)),
  })) {
    test(`where a PROXY header is due, ${what} is refused`, async () => {
      const c = await RawClient.open(broker.listener('tcp.proxied'), { decode: false });
      c.send(bytes);
      await c.expectClose();
      assert.equal(c.bytes.length, 0);
    });
  }
});

describe('listeners', { concurrency: 2 }, () => {
  test('a certificate changes by SIGHUP, connections stay, and a broken one changes nothing', async (t) => {
    const pki = new Pki(temporaryDirectory());
    const files = pki.issue('server', { cn: 'before', san: ['DNS:localhost'] });
    const next = pki.issue('next', { cn: 'after', san: ['DNS:localhost'] });
    const client = pki.issue('client');
    const config = {
      listeners: {
        ssl: { default: { tls: { cert: files.cert, key: files.key, ca: pki.ca, crl: pki.crl() } } },
        wss: { default: { tls: { cert: files.cert, key: files.key } } },
      },
    };
    const broker = await Broker.during(t, config);
    const options = { ca: read(pki.ca), servername: 'localhost' };
    const subject = async (name = 'ssl.default') => {
      const socket = tls.connect({ ...broker.listener(name), ...options });
      await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
      const { CN } = socket.getPeerCertificate().subject;
      socket.destroy();
      return CN;
    };
    const old = await RawClient.connect(broker.listener('ssl.default'), { tls: options });
    const mine = { ...options, cert: read(client.cert), key: read(client.key) };
    const certified = await RawClient.connect(broker.listener('ssl.default'), { tls: mine });
    assert.equal(await subject(), 'before');

    fs.copyFileSync(next.cert, files.cert);
    fs.copyFileSync(next.key, files.key);
    broker.signal('SIGHUP');
    await until(async () => (await subject()) === 'after' && (await subject('wss.default')) === 'after', 'the certificate to change');
    await old.ping();
    const fresh = await RawClient.connect(broker.listener('ssl.default'), { tls: options });
    const topic = unique();
    await fresh.subscribe(topic, { qos: 1 });
    await old.publish(topic, 'from the old connection', { qos: 1 });
    await fresh.expect('publish', { topic });

    pki.crl([client]);
    broker.signal('SIGHUP');
    await until(
      () => RawClient.connect(broker.listener('ssl.default'), { tls: mine }).then((c) => c.drop().then(() => false), () => true),
      'the revocation to take effect',
    );
    await certified.ping();

    fs.writeFileSync(files.cert, 'this is no certificate');
    broker.signal('SIGHUP');
    await until(() => broker.stderr.split('\n').some((line) => /error/i.test(line) && line.includes(files.cert)), 'an error in the log');
    assert.equal(await subject(), 'after');
    await old.ping();
    await broker.stop();
  });

  test('listeners of IPv6, several of one kind, and one that is off', async (t) => {
    const broker = await Broker.during(t, {
      listeners: { tcp: { default: { enabled: false }, six: { bind: '[::1]:0' }, another: {} }, ws: { default: { enabled: false } } },
    });
    assert.deepEqual(Object.keys(broker.run.listeners).sort(), ['http', 'tcp.another', 'tcp.six']);
    const six = broker.listener('tcp.six');
    assert.equal(six.host, '::1');
    await (await RawClient.connect(six)).ping();
    await (await RawClient.connect(broker.listener('tcp.another'))).ping();
    await broker.stop();
  });

  test('a port that is taken, a certificate that is missing, an unknown key: the start fails and says why', async () => {
    const dir = temporaryDirectory();
    const broker = await Broker.start();
    const serve = (...sets) => varve(['serve', '--data', path.join(dir, 'data'), '--set', 'listeners.http.bind=127.0.0.1:0', '--set', 'listeners.ws.default.enabled=false', ...sets.flatMap((s) => ['--set', s])]);
    const taken = await serve(`listeners.tcp.default.bind=127.0.0.1:${broker.tcp.port}`);
    assert.equal(taken.code, 1);
    assert.match(taken.stderr, new RegExp(`${broker.tcp.port}`));
    const missing = await serve('listeners.tcp.default.bind=127.0.0.1:0', 'listeners.ssl.default.tls.cert=/nowhere/cert.pem', 'listeners.ssl.default.tls.key=/nowhere/key.pem', 'listeners.ssl.default.bind=127.0.0.1:0');
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /\/nowhere\/cert\.pem/);
    const unknown = await serve('listeners.tcp.default.bnd=127.0.0.1:0');
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /listeners\.tcp\.default\.bnd/);
    const bad = await serve('mqtt.max_qos=3');
    assert.equal(bad.code, 1);
    assert.match(bad.stderr, /mqtt\.max_qos/);
    assert.ok(!fs.existsSync(path.join(dir, 'data/run.json')));
    await broker.stop();
    fs.rmSync(dir, { recursive: true, force: true });
  });

  test('a second broker on the same data directory does not start', async (t) => {
    const broker = await Broker.during(t);
    const { code, stderr } = await varve(['serve', '--data', path.join(broker.dir, 'data'), ...['tcp.default', 'ws.default', 'http'].flatMap((name) => ['--set', `listeners.${name}.bind=127.0.0.1:0`])]);
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`${broker.pid}`));
    await (await RawClient.connect(broker.tcp)).ping();
    await broker.stop();
  });
});
