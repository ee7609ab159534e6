// An MQTT client that does nothing by itself: the test says which bytes go out and looks at each packet that comes.
//
//   const c = await RawClient.connect(broker.tcp, { version: 5, clientId: 'c' });   // CONNECT, CONNACK 0
//   await c.subscribe('a/#', { qos: 1 });
//   const m = await c.expect('publish', { topic: 'a/b', payload: '1' });
//   c.send(packet.ack('puback', { id: m.id }));
//
// Incoming packets wait in `inbox`. expect() takes the first one of a type out of it and leaves the others. With
// {auto: true}, the default, QoS 1 and 2 deliveries are acknowledged as they come. Every packet is decoded strictly; what breaks
// the protocol is kept in RawClient.violations, which Broker.stop() checks.

import assert from 'node:assert/strict';
import net from 'node:net';
import tls from 'node:tls';

import * as packet from './packet.mjs';
import { PATIENCE_MS, unique } from './wait.mjs';

// Calls `over` when the time has passed. A process that was stopped for that long has its sockets read first: what came is not late.
const patience = (timeout_ms, over) => setTimeout(() => setImmediate(over), timeout_ms);

const hex = (n) => `0x${n.toString(16).padStart(2, '0')}`;

export class RawClient {
  static violations = [];

  constructor(socket, { version = 5, auto = true, decode = true } = {}) {
    this.socket = socket;
    this.version = version;
    this.auto = auto;
    this.decoder = decode ? new packet.Decoder(version) : null;
    this.bytes = Buffer.alloc(0); // what came, if it is not decoded
    this.inbox = [];
    this.waiting = [];
    this.closed = false;
    this.failure = null;
    this.ids = 0;
    socket.setNoDelay?.(true);
    socket.on('data', (chunk) => this.receive(chunk));
    socket.on('error', (error) => (this.failure ??= error));
    socket.on('close', () => {
      this.closed = true;
      this.wake();
    });
  }

  // Opens the connection without sending anything. options: version, auto, decode, tls (options of tls.connect),
  // preface (bytes to send before anything else, TLS too: a PROXY header), allowHalfOpen.
  static open(address, options = {}) {
    return new Promise((resolve, reject) => {
      const plain = net.connect({ ...address, allowHalfOpen: options.allowHalfOpen ?? false });
      plain.once('error', reject);
      plain.once('connect', () => {
        if (options.preface) plain.write(options.preface);
        plain.off('error', reject);
        if (!options.tls) return resolve(new RawClient(plain, options));
        const secure = tls.connect({ socket: plain, ...options.tls });
        secure.once('error', reject);
        secure.once('secureConnect', () => {
          secure.off('error', reject);
          resolve(new RawClient(secure, options));
        });
      });
    });
  }

  // Opens and connects; expects CONNACK 0. The CONNACK is in `connack`.
  static async connect(address, options = {}) {
    const client = await RawClient.open(address, options);
    client.connack = await client.handshake(options);
    assert.equal(client.connack.reason, 0, `CONNACK ${hex(client.connack.reason)}`);
    return client;
  }

  // Sends CONNECT and returns the CONNACK, whatever it says.
  handshake(options = {}) {
    this.clientId = options.clientId ?? unique('raw');
    this.send(packet.connect({ ...options, version: this.version, clientId: this.clientId }));
    return this.expect('connack');
  }

  receive(chunk) {
    if (!this.decoder) {
      this.bytes = Buffer.concat([this.bytes, chunk]);
      return this.wake();
    }
    let packets = [];
    try {
      packets = this.decoder.push(chunk);
    } catch (error) {
      if (!(error instanceof packet.ProtocolViolation)) throw error;
      RawClient.violations.push(error.message);
      this.failure ??= error;
      this.socket.destroy();
    }
    for (const one of packets) {
      if (this.auto) this.acknowledge(one);
      if (!this.auto || one.type !== 'pubrel') this.inbox.push(one);
    }
    return this.wake();
  }

  acknowledge({ type, qos, id }) {
    const answer = { publish: [null, 'puback', 'pubrec'][qos], pubrel: 'pubcomp' }[type];
    if (answer) this.send(packet.ack(answer, { version: this.version, id }));
  }

  send(...buffers) {
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(buffers));
  }

  wake() {
    for (const retry of this.waiting.splice(0)) retry();
  }

  // Takes the first packet for which `wanted` is true, waiting for it.
  take(wanted, what, timeout_ms = PATIENCE_MS) {
    return new Promise((resolve, reject) => {
      let timer = null;
      const attempt = () => {
        const index = this.inbox.findIndex(wanted);
        if (index >= 0) {
          clearTimeout(timer);
          resolve(this.inbox.splice(index, 1)[0]);
        } else if (this.closed) {
          clearTimeout(timer);
          reject(new Error(`${this.failure?.message ?? 'connection closed'} while waiting for ${what}; ${this.seen()}`));
        } else {
          this.waiting.push(attempt);
        }
      };
      timer = patience(timeout_ms, () => {
        this.waiting = this.waiting.filter((one) => one !== attempt);
        reject(new Error(`waited ${timeout_ms} ms in vain for ${what}; ${this.seen()}`));
      });
      attempt();
    });
  }
  seen() {
    const list = this.inbox.slice(-5).map((p) => `${p.type} ${p.topic ?? p.reason ?? p.reasons ?? ''}`);
    return `unread: ${this.inbox.length} [${list.join(', ')}]`;
  }

  // Takes the first packet of this type and compares the given fields; payload is compared as text.
  async expect(type, fields = {}, timeout_ms) {
    const got = await this.take((p) => p.type === type, type.toUpperCase(), timeout_ms);
    for (const [name, value] of Object.entries(fields)) {
      const actual = name === 'payload' && typeof value === 'string' ? got.payload.toString() : got[name];
      assert.deepEqual(actual, value, `${name} of ${type.toUpperCase()}`);
    }
    return got;
  }
  // The next packet of whatever type.
  next(timeout_ms) {
    return this.take(() => true, 'a packet', timeout_ms);
  }
  // n messages, in the order in which they came.
  async messages(n, timeout_ms) {
    const out = [];
    while (out.length < n) out.push(await this.expect('publish', {}, timeout_ms));
    return out;
  }

  // The server ends the connection; nothing but `allowed` types may be unread by then.
  async expectClose(timeout_ms = PATIENCE_MS) {
    if (!this.closed) {
      await new Promise((resolve, reject) => {
        const timer = patience(timeout_ms, () =>
          reject(new Error(`waited ${timeout_ms} ms in vain for the server to close; ${this.seen()}`)),
        );
        const attempt = () => {
          if (!this.closed) return this.waiting.push(attempt);
          clearTimeout(timer);
          return resolve();
        };
        attempt();
      });
    }
    if (this.failure instanceof packet.ProtocolViolation) throw this.failure;
  }
  // MQTT 5: DISCONNECT with one of the reasons, then the end. MQTT 3: the end, and no packet before it.
  async expectRefusal(reasons, timeout_ms) {
    if (this.version === 5) {
      const bye = await this.expect('disconnect', {}, timeout_ms);
      const list = [].concat(reasons);
      assert.ok(list.includes(bye.reason), `DISCONNECT ${hex(bye.reason)}, expected ${list.map(hex).join(' or ')}`);
      await this.expectClose(timeout_ms);
      assert.deepEqual(this.inbox.filter((p) => p.type !== 'publish'), [], 'packets after DISCONNECT');
      return bye;
    }
    await this.expectClose(timeout_ms);
    assert.deepEqual(this.inbox.map((p) => p.type).filter((type) => type !== 'publish'), [], 'packets before the end');
    return null;
  }

  nextId() {
    this.ids = (this.ids % 65535) + 1;
    return this.ids;
  }

  // filters: a filter, or a list of filters or {filter, …options}. Returns the SUBACK.
  subscribe(filters, options = {}, properties = undefined) {
    const list = [].concat(filters).map((f) => (typeof f === 'string' ? { filter: f, ...options } : f));
    const id = this.nextId();
    this.send(packet.subscribe({ version: this.version, id, filters: list, properties }));
    return this.take((p) => p.type === 'suback' && p.id === id, `SUBACK ${id}`);
  }
  unsubscribe(filters, properties = undefined) {
    const id = this.nextId();
    this.send(packet.unsubscribe({ version: this.version, id, filters: [].concat(filters), properties }));
    return this.take((p) => p.type === 'unsuback' && p.id === id, `UNSUBACK ${id}`);
  }
  // Publishes and completes the handshake of the QoS. Returns PUBACK or, for QoS 2, PUBREC if it refuses, else PUBCOMP.
  async publish(topic, payload = '', options = {}) {
    const { qos = 0 } = options;
    const { version } = this;
    const id = qos > 0 ? (options.id ?? this.nextId()) : undefined;
    this.send(packet.publish({ ...options, version, topic, payload, id }));
    if (qos === 0) return null;
    if (qos === 1) return this.take((p) => p.type === 'puback' && p.id === id, `PUBACK ${id}`);
    const rec = await this.take((p) => p.type === 'pubrec' && p.id === id, `PUBREC ${id}`);
    if (rec.reason >= 0x80) return rec;
    this.send(packet.ack('pubrel', { version, id }));
    return this.take((p) => p.type === 'pubcomp' && p.id === id, `PUBCOMP ${id}`);
  }
  ack(type, id, reason = undefined, properties = undefined) {
    this.send(packet.ack(type, { version: this.version, id, reason, properties }));
  }
  async ping() {
    this.send(packet.pingreq());
    await this.expect('pingresp');
  }

  // Ends as a client should, and waits until the server has closed.
  async disconnect(reason = undefined, properties = undefined) {
    this.send(packet.disconnect({ version: this.version, reason, properties }));
    await this.expectClose();
  }
  // Ends as a broken network does: no DISCONNECT.
  async drop() {
    this.socket.destroy();
    if (!this.closed) await new Promise((resolve) => this.socket.once('close', resolve));
  }

  // Everything that `publisher` sent before has reached this client: what is in the inbox is all there is. It works
  // by a message of its own, which goes the same way behind them.
  async settle(publisher = this) {
    const topic = unique('settle');
    await this.subscribe(topic, { qos: 1 });
    await publisher.publish(topic, '', { qos: 1 });
    await this.take((p) => p.type === 'publish' && p.topic === topic, 'the settling message');
    await this.unsubscribe(topic);
  }
  // Asserts that no message is left unread once everything that `publisher` sent is here.
  async expectNothing(publisher = this) {
    await this.settle(publisher);
    const rest = this.inbox.filter((p) => p.type === 'publish').map((p) => `${p.topic}: ${p.payload.toString().slice(0, 60)}`);
    assert.deepEqual(rest, [], 'messages that should not have come');
  }
}
