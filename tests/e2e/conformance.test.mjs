// The normative statements of MQTT 5, one by one.
//
// conformance.json says for each of the 251 statements whom it binds and which tests show that it is kept. The first
// part of this file checks that the table is complete and that those tests exist; the rest is wire-level tests of
// what no other file shows, named after the statements: "[MQTT-3.1.2-6] …".
//
// An entry of the table:
//   "MQTT-3.1.2-6": { "applies": "server" | "client" | "both", "how": [where, …] }
//   where is a file below tests/ in which the statement's id stands in brackets, or "file: part of a test's title",
//   or, for what binds clients alone and a broker cannot tell, "client only".

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Broker } from './lib/broker.mjs';
import * as packet from './lib/packet.mjs';
import { RawClient } from './lib/raw.mjs';
import { METHOD, ScramClient } from './lib/scram.mjs';
import { delay, unique, until } from './lib/wait.mjs';

const TESTS = fileURLToPath(new URL('..', import.meta.url));
const TABLE = JSON.parse(fs.readFileSync(new URL('conformance.json', import.meta.url), 'utf8'));

// The numbers in use in each section, from appendix B of the standard.
const STATEMENTS = {
  '1.5.4': '1-3', '1.5.5': '1', '1.5.7': '1', '2.1.3': '1', '2.2.1': '2-6', '2.2.2': '1', '3.1.0': '1-2', '3.1.2': '1-30',
  '3.1.3': '1-12', '3.1.4': '1-6', '3.2.0': '1-2', '3.2.2': '1-22', '3.3.1': '1-13', '3.3.2': '1-20', '3.3.4': '1-10',
  '3.4.2': '1-3', '3.5.2': '1-3', '3.6.1': '1', '3.6.2': '1-3', '3.7.2': '1-3', '3.8.1': '1', '3.8.3': '1-5', '3.8.4': '1-8',
  '3.9.2': '1-2', '3.9.3': '1-2', '3.10.1': '1', '3.10.3': '1-2', '3.10.4': '1-6', '3.11.2': '1-2', '3.11.3': '1-2',
  '3.12.4': '1', '3.14.0': '1', '3.14.1': '1', '3.14.2': '1-4', '3.14.4': '1-3', '3.15.1': '1', '3.15.2': '1-3',
  '4.1.0': '1-2', '4.2': '1', '4.3.1': '1', '4.3.2': '1-5', '4.3.3': '1-13', '4.4.0': '1-2', '4.5.0': '1-2', '4.6.0': '1-6',
  '4.7.0': '1', '4.7.1': '1-2', '4.7.2': '1', '4.7.3': '1-4', '4.8.2': '1-6', '4.9.0': '1-3', '4.12.0': '1-7', '4.12.1': '1-2',
  '4.13.1': '1', '4.13.2': '1', '6.0.0': '1-4',
};

const IDS = Object.entries(STATEMENTS).flatMap(([section, range]) => {
  const [first, last = first] = range.split('-').map(Number);
  return Array.from({ length: last - first + 1 }, (_, i) => `MQTT-${section}-${first + i}`);
});

function testFiles(dir = TESTS) {
  return fs.readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(dir, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : testFiles(file);
    return /(\.test\.mjs|^test_.*\.c)$/.test(entry.name) ? [file] : [];
  });
}

// Without lines that are only a comment: a title in a comment is no test.
const sources = new Map(
  testFiles().map((file) => [path.relative(TESTS, file), fs.readFileSync(file, 'utf8').replace(/^\s*(\/\/|\/?\*).*$/gm, '')]),
);

describe('the table of normative statements', () => {
  test('names each of the 251 statements, and no other', () => {
    assert.equal(IDS.length, 251);
    assert.deepEqual(IDS.filter((id) => !(id in TABLE)), [], 'missing');
    assert.deepEqual(Object.keys(TABLE).filter((id) => !IDS.includes(id)), [], 'not a statement');
  });

  test('says of each whom it binds, and names a test of each that binds a server', () => {
    for (const [id, { applies, how }] of Object.entries(TABLE)) {
      assert.ok(['server', 'client', 'both'].includes(applies), `${id} applies to "${applies}"`);
      assert.ok(Array.isArray(how) && how.length > 0, `${id}: nothing shows it`);
      if (how.includes('client only')) assert.deepEqual([applies, how.length], ['client', 1], id);
    }
  });

  test('names only tests that exist', () => {
    const missing = [];
    for (const [id, { how }] of Object.entries(TABLE)) {
      for (const where of how.filter((one) => one !== 'client only')) {
        const [file, ...title] = where.split(': ');
        if (!sources.get(file)?.includes(title.length > 0 ? title.join(': ') : `[${id}]`)) missing.push(`${id}: ${where}`);
      }
    }
    assert.deepEqual(missing, []);
  });

  test('every statement that a test names in brackets is one', () => {
    for (const [file, source] of sources) {
      for (const [tag, id] of source.matchAll(/\[(MQTT-[\d.]+-\d+)\]/g)) assert.ok(IDS.includes(id), `${file}: ${tag}`);
    }
  });
});

// ---- On the wire ---------------------------------------------------------------------------------------------------

const lasting = { sessionExpiryInterval: 600 };
const DENIED = 'denied/topic';
const RULES = { default: 'allow', rules: [{ permission: 'deny', action: 'all', topics: ['denied/#'] }] };

describe('normative statements', { concurrency: 4 }, () => {
  let broker;
  before(async () => {
    broker = await Broker.start({ authorization: RULES });
  });
  after(() => broker.stop());

  test('[MQTT-2.2.1-2] [MQTT-2.2.2-1] [MQTT-4.3.1-1] a QoS 0 delivery is topic, property length 0 and payload, without DUP', async () => {
    const topic = unique();
    const c = await RawClient.open(broker.tcp, { decode: false });
    c.send(packet.connect({ clientId: unique() }), packet.subscribe({ id: 1, filters: [{ filter: topic, qos: 2 }] }));
    const suback = Buffer.from('9004000100' + '02', 'hex');
    await until(() => c.bytes.includes(suback), 'SUBACK');
    const p = await RawClient.connect(broker.tcp);
    await p.publish(topic, 'x');
    const wanted = Buffer.concat([suback, packet.publish({ topic, payload: 'x' })]);
    await until(() => c.bytes.length >= c.bytes.indexOf(suback) + wanted.length, 'the message');
    assert.equal(c.bytes.subarray(c.bytes.indexOf(suback)).toString('hex'), wanted.toString('hex'));
  });

  test('[MQTT-2.2.1-5] [MQTT-3.3.4-1] [MQTT-4.3.2-4] [MQTT-4.3.3-8] [MQTT-4.3.3-11] each answer carries the identifier of its PUBLISH, in any order of them', async () => {
    const c = await RawClient.connect(broker.tcp);
    const ids = [300, 1, 65535, 256, 2];
    for (const id of ids) c.send(packet.publish({ topic: unique(), qos: 2, id }));
    for (const id of ids) await c.expect('pubrec', { id });
    c.send(packet.publish({ topic: unique(), qos: 1, id: 7 }));
    await c.expect('puback', { id: 7 });
    for (const id of [...ids].sort()) {
      c.ack('pubrel', id);
      await c.expect('pubcomp', { id, reason: 0 });
    }
  });

  test('[MQTT-4.3.3-4] PUBREC is answered by PUBREL with the identifier of the PUBLISH', async () => {
    const c = await RawClient.connect(broker.tcp, { auto: false });
    const topic = unique();
    await c.subscribe(topic, { qos: 2 });
    for (const n of [1, 2, 3]) c.send(packet.publish({ topic, payload: `${n}`, qos: 2, id: n }));
    const sent = await c.messages(3);
    for (const { id } of sent.reverse()) {
      c.ack('pubrec', id);
      await c.expect('pubrel', { id, reason: 0 });
    }
  });

  test('[MQTT-2.2.1-6] [MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.10.4-4] [MQTT-3.10.4-5] SUBACK and UNSUBACK carry the identifier that was sent', async () => {
    const c = await RawClient.connect(broker.tcp);
    for (const id of [65535, 1, 256, 1]) {
      c.send(packet.subscribe({ id, filters: [{ filter: unique() }] }));
      await c.expect('suback', { id, reasons: [0] });
      c.send(packet.unsubscribe({ id, filters: [unique('no-such-subscription')] }));
      await c.expect('unsuback', { id, reasons: [0x11] });
    }
  });

  // ---- CONNECT -----------------------------------------------------------------------------------------------------

  test('[MQTT-3.1.2-6] [MQTT-3.2.2-3] Clean Start 0 makes a session where there is none, and says whether there was one', async () => {
    const options = { clientId: unique(), clean: false, properties: lasting };
    const topic = unique();
    const first = await RawClient.connect(broker.tcp, options);
    assert.equal(first.connack.sessionPresent, false);
    await first.subscribe(topic, { qos: 1 });
    await first.disconnect();
    const second = await RawClient.connect(broker.tcp, options);
    assert.equal(second.connack.sessionPresent, true);
    await second.publish(topic, 'x', { qos: 1 });
    await second.expect('publish', { topic });
  });

  test('[MQTT-3.1.2-10] a will that was published or discarded is gone from the session', async () => {
    const topic = unique();
    const s = await RawClient.connect(broker.tcp);
    await s.subscribe(topic);
    const options = { clientId: unique(), clean: false, properties: lasting };
    const will = { topic, payload: 'will' };
    const resumeAndBreak = async () => {
      const c = await RawClient.connect(broker.tcp, options);
      assert.equal(c.connack.sessionPresent, true);
      await c.drop();
      await (await RawClient.connect(broker.tcp, options)).disconnect(); // its end was noticed by then
    };
    await (await RawClient.connect(broker.tcp, { ...options, will })).drop();
    await s.expect('publish', { payload: 'will' });
    await resumeAndBreak();
    await s.expectNothing();
    await (await RawClient.connect(broker.tcp, { ...options, will })).disconnect();
    await resumeAndBreak();
    await s.expectNothing();
  });

  test('[MQTT-3.1.2-14] a will without Will Retain is published, and not kept', async () => {
    const topic = unique();
    const s = await RawClient.connect(broker.tcp);
    await s.subscribe(topic, { retainAsPublished: true });
    await (await RawClient.connect(broker.tcp, { will: { topic, payload: 'gone', qos: 1 } })).drop();
    await s.expect('publish', { topic, retain: false });
    const late = await RawClient.connect(broker.tcp);
    await late.subscribe(topic);
    await late.expectNothing();
  });

  // A session under this client id with a client that is connected, and a CONNECT that the rules refuse for its will.
  async function refusedBesideAnother(clean) {
    const options = { clientId: unique(), properties: lasting };
    const topic = unique();
    const owner = await RawClient.connect(broker.tcp, { ...options, clean: false });
    await owner.subscribe(topic, { qos: 1 });
    const c = await RawClient.open(broker.tcp);
    const connack = await c.handshake({ ...options, clean, will: { topic: DENIED, payload: 'x' } });
    await c.expectClose();
    return { options, topic, owner, connack, c };
  }

  for (const clean of [false, true]) {
    test(`[MQTT-3.1.4-2] a CONNECT that is refused has no effect on the session of its client id, Clean Start ${clean ? 1 : 0}`, async () => {
      const { topic, owner, connack } = await refusedBesideAnother(clean);
      assert.equal(connack.reason, 0x87);
      await owner.publish(topic, 'still here', { qos: 1 });
      await owner.expect('publish', { topic });
    });
  }

  test('[MQTT-3.2.2-6] [MQTT-3.2.2-7] a refusal says Session Present 0 even where there is a session, and the connection ends', async () => {
    const { connack, c } = await refusedBesideAnother(false);
    assert.deepEqual([connack.reason, connack.sessionPresent], [0x87, false]);
    assert.equal(c.inbox.length, 0);
  });

  test('[MQTT-3.2.0-1] [MQTT-3.2.2-1] CONNACK is the first packet, with its reserved bits 0, also when messages wait', async () => {
    const options = { clientId: unique(), clean: false, properties: lasting };
    const topic = unique();
    const c = await RawClient.connect(broker.tcp, options);
    await c.subscribe(topic, { qos: 2 });
    await c.drop();
    const p = await RawClient.connect(broker.tcp);
    for (let i = 0; i < 50; i += 1) await p.publish(topic, `${i}`, { qos: 1 + (i % 2) });
    for (let i = 0; i < 3; i += 1) {
      const again = await RawClient.open(broker.tcp, { decode: false });
      again.send(packet.connect(options));
      await until(() => again.bytes.length > 500, 'CONNACK and messages');
      assert.deepEqual([again.bytes[0], again.bytes[2], again.bytes[3]], [0x20, 1, 0]);
      await again.drop();
    }
  });

  // ---- Answers: reason codes, and what fits ------------------------------------------------------------------------

  // What makes the broker send each packet with something else than success. The decoder of RawClient fails on a
  // reason code or a property that the packet must not have.
  const refusals = {
    PUBACK: { sent: packet.publish({ topic: DENIED, qos: 1, id: 1 }), reason: 0x87, statements: '[MQTT-3.4.2-1] [MQTT-3.4.2-2] [MQTT-3.4.2-3]' },
    PUBREC: { sent: packet.publish({ topic: DENIED, qos: 2, id: 1 }), reason: 0x87, statements: '[MQTT-3.5.2-1] [MQTT-3.5.2-2] [MQTT-3.5.2-3]' },
    PUBREL: { sent: packet.ack('pubrec', { id: 99 }), reason: 0x92, statements: '[MQTT-3.6.2-1] [MQTT-3.6.2-2] [MQTT-3.6.2-3]' },
    PUBCOMP: { sent: packet.ack('pubrel', { id: 99 }), reason: 0x92, statements: '[MQTT-3.7.2-1] [MQTT-3.7.2-2] [MQTT-3.7.2-3]' },
    SUBACK: {
      sent: packet.subscribe({ filters: [{ filter: DENIED }, { filter: '$share//x' }, { filter: 'a', qos: 1 }] }),
      reasons: [0x87, 0x8f, 1],
      statements: '[MQTT-3.9.3-2] [MQTT-3.9.2-1] [MQTT-3.9.2-2]',
    },
    UNSUBACK: {
      sent: packet.unsubscribe({ filters: ['never/subscribed', '#/x'] }),
      reasons: [0x11, 0x8f],
      statements: '[MQTT-3.11.3-2] [MQTT-3.11.2-1] [MQTT-3.11.2-2]',
    },
    DISCONNECT: {
      sent: packet.subscribe({ filters: [{ filter: '$share/g/t', noLocal: true }] }),
      reason: 0x82,
      statements: '[MQTT-3.14.2-1] [MQTT-3.14.2-3] [MQTT-3.14.2-4]',
    },
  };

  async function provoke(name, properties) {
    const { sent, reason, reasons } = refusals[name];
    const c = await RawClient.connect(broker.tcp, { auto: false, properties });
    c.send(sent);
    const answer = await c.expect(name.toLowerCase(), reasons ? { reasons } : { reason });
    if (name !== 'DISCONNECT') await c.ping();
    assert.equal(c.inbox.length, 0, 'one answer');
    return answer;
  }

  for (const [name, { statements }] of Object.entries(refusals)) {
    test(`${statements} ${name} has one of its reason codes, and no text that makes it too large for the client`, async () => {
      const whole = await provoke(name);
      assert.equal((await provoke(name, { maximumPacketSize: Math.max(whole.bytes, 16) })).bytes, whole.bytes, 'what fits is sent as it is');
      // Below 16 bytes CONNACK itself does not fit.
      const short = await provoke(name, { maximumPacketSize: Math.max(whole.bytes - 1, 16) });
      if (whole.bytes <= 16) return;
      assert.ok(short.bytes < whole.bytes);
      assert.deepEqual(short.properties, {});
    });
  }

  test('[MQTT-3.1.2-29] without Request Problem Information, reason strings are in CONNACK and DISCONNECT at most', async () => {
    for (const name of Object.keys(refusals)) {
      const { properties } = await provoke(name, { requestProblemInformation: 0 });
      if (name !== 'DISCONNECT') assert.deepEqual(properties, {}, name);
    }
    const c = await RawClient.connect(broker.tcp, { properties: { requestProblemInformation: 0 } });
    const topic = unique();
    await c.subscribe(topic);
    await c.publish(topic, 'x', { properties: { userProperties: [['a', 'b']] } });
    assert.deepEqual((await c.expect('publish')).properties.userProperties, [['a', 'b']]);
  });

  test('[MQTT-3.2.2-8] [MQTT-3.2.2-19] [MQTT-3.2.2-20] a refusing CONNACK has one of its reason codes, and fits', async () => {
    const refuse = async (properties) => {
      const c = await RawClient.open(broker.tcp);
      const connack = await c.handshake({ clientId: 'x'.repeat(1025), properties });
      await c.expectClose();
      assert.equal(connack.reason, 0x85);
      return connack;
    };
    const whole = await refuse();
    assert.ok(whole.properties.reasonString.length > 0);
    assert.equal((await refuse({ maximumPacketSize: whole.bytes })).bytes, whole.bytes);
    assert.deepEqual((await refuse({ maximumPacketSize: whole.bytes - 1 })).properties, {});
  });

  test('[MQTT-3.1.2-24] [MQTT-3.2.0-1] a client that does not take as much as a CONNACK gets nothing larger, and nothing before it', async () => {
    const topic = unique();
    const s = await RawClient.connect(broker.tcp);
    await s.subscribe(topic);
    for (const maximumPacketSize of [1, 2, 4, 5, 10]) {
      const c = await RawClient.open(broker.tcp);
      const options = { clientId: unique(), properties: { maximumPacketSize }, will: { topic, payload: 'was never connected' } };
      c.send(packet.connect(options), packet.pingreq(), packet.publish({ topic, payload: 'was never connected' }));
      await c.expectClose();
      assert.ok(c.inbox.length <= 1 && c.inbox.every((p) => p.type === 'connack' && p.reason === 0x95 && p.bytes <= maximumPacketSize));
    }
    await s.expectNothing();
  });

  test('[MQTT-3.1.2-24] an answer to many filters that is too large ends the connection rather than being left out', async () => {
    const c = await RawClient.connect(broker.tcp, { properties: { maximumPacketSize: 30 } });
    assert.equal((await c.subscribe(Array.from({ length: 25 }, () => unique()))).reasons.length, 25);
    c.send(packet.subscribe({ id: 9, filters: Array.from({ length: 26 }, () => ({ filter: unique() })) }));
    await c.expectRefusal(0x95);
  });

  // ---- PUBLISH -----------------------------------------------------------------------------------------------------

  test('[MQTT-3.3.1-8] a message without RETAIN neither replaces the retained one nor removes it', async () => {
    const c = await RawClient.connect(broker.tcp);
    const topic = unique();
    await c.publish(topic, 'kept', { qos: 1, retain: true });
    await c.publish(topic, 'passing', { qos: 1 });
    await c.publish(topic, '', { qos: 1 });
    await c.subscribe(topic);
    await c.expect('publish', { topic, payload: 'kept', retain: true });
    await c.expectNothing();
  });

  test('[MQTT-3.3.2-12] every topic alias from 1 to the announced maximum is accepted, all at once', async () => {
    const c = await RawClient.connect(broker.tcp);
    const { topicAliasMaximum } = c.connack.properties;
    assert.ok(topicAliasMaximum > 0);
    const base = unique();
    await c.subscribe(`${base}/+`);
    const aliases = Array.from({ length: topicAliasMaximum }, (_, i) => i + 1);
    const name = (alias) => `${base}/${alias}`;
    for (const topicAlias of aliases) c.send(packet.publish({ topic: name(topicAlias), properties: { topicAlias } }));
    const set = await c.messages(aliases.length);
    assert.deepEqual(set.map((m) => m.topic), aliases.map(name));
    aliases.reverse();
    for (const topicAlias of aliases) c.send(packet.publish({ topic: '', properties: { topicAlias } }));
    const used = await c.messages(aliases.length);
    assert.deepEqual(used.map((m) => m.topic), aliases.map(name));
  });

  test('[MQTT-3.3.4-10] [MQTT-4.9.0-3] with the quota used up, everything else is answered', async () => {
    const c = await RawClient.connect(broker.tcp, { auto: false, properties: { receiveMaximum: 1 } });
    const topic = unique();
    await c.subscribe(topic, { qos: 2 });
    c.send(packet.publish({ topic, payload: '1', qos: 1, id: 11 }), packet.publish({ topic, payload: '2', qos: 1, id: 12 }));
    for (const id of [11, 12]) await c.expect('puback', { id });
    const one = await c.expect('publish', { payload: '1' });
    assert.deepEqual((await c.subscribe([unique(), unique()], { qos: 1 })).reasons, [1, 1]);
    assert.deepEqual((await c.unsubscribe(unique())).reasons, [0x11]);
    await c.publish(unique(), 'x', { qos: 1 });
    await c.publish(unique(), 'x', { qos: 2 });
    c.ack('pubrec', 4711);
    await c.expect('pubrel', { id: 4711 });
    await c.ping();
    assert.equal(c.inbox.length, 0, 'the second message before the first was acknowledged');
    c.ack('puback', one.id);
    await c.expect('publish', { payload: '2' });
  });

  test('[MQTT-4.9.0-1] [MQTT-4.9.0-2] the quota is the Receive Maximum: so many messages at once, and not one more', async () => {
    const c = await RawClient.connect(broker.tcp, { auto: false, properties: { receiveMaximum: 7 } });
    const topic = unique();
    await c.subscribe(topic, { qos: 1 });
    for (let id = 1; id <= 20; id += 1) c.send(packet.publish({ topic, payload: `${id}`, qos: 1, id }));
    for (let id = 1; id <= 20; id += 1) await c.expect('puback', { id });
    assert.equal((await c.messages(7)).length, 7);
    await c.ping();
    assert.equal(c.inbox.length, 0);
  });

  test('[MQTT-4.3.3-13] a QoS 2 exchange goes on to its end although the message has expired', async () => {
    const options = { clientId: unique(), clean: false, auto: false, properties: lasting };
    const topic = unique();
    const s = await RawClient.connect(broker.tcp, options);
    await s.subscribe(topic, { qos: 2 });
    const p = await RawClient.connect(broker.tcp);
    p.send(packet.publish({ topic, payload: 'x', qos: 2, id: 3, properties: { messageExpiryInterval: 4 } }));
    await p.expect('pubrec', { id: 3, reason: 0 });
    const m = await s.expect('publish', { topic });
    await delay(5200);
    p.ack('pubrel', 3);
    await p.expect('pubcomp', { id: 3, reason: 0 });
    s.ack('pubrec', m.id);
    await s.expect('pubrel', { id: m.id });
    await s.drop();
    const again = await RawClient.connect(broker.tcp, options);
    await again.expect('pubrel', { id: m.id });
    again.ack('pubcomp', m.id);
    await again.ping();
    assert.equal(again.inbox.length, 0);
  });

  // ---- SUBSCRIBE, UNSUBSCRIBE --------------------------------------------------------------------------------------

  test('[MQTT-3.8.4-5] [MQTT-3.9.3-1] many filters in one SUBSCRIBE act like one after the other', async () => {
    const c = await RawClient.connect(broker.tcp);
    const [a, b] = [unique(), unique()];
    await c.publish(a, 'retained', { qos: 1, retain: true });
    const { reasons } = await c.subscribe([
      { filter: a, qos: 2, retainHandling: 1 },
      { filter: '$share/', qos: 0 },
      { filter: a, qos: 0, retainHandling: 1 }, // it exists by now: no retained message
      { filter: b, qos: 1 },
    ]);
    assert.deepEqual(reasons, [2, 0x8f, 0, 1]);
    await c.expect('publish', { topic: a, payload: 'retained' });
    await c.publish(a, 'live', { qos: 2 });
    await c.expect('publish', { topic: a, payload: 'live', qos: 0 });
    await c.publish(b, 'live', { qos: 2 });
    await c.expect('publish', { topic: b, payload: 'live', qos: 1 });
    await c.expectNothing();
  });

  test('[MQTT-3.10.4-6] [MQTT-3.11.3-1] many filters in one UNSUBSCRIBE act like one after the other', async () => {
    const c = await RawClient.connect(broker.tcp);
    const [a, b] = [unique(), unique()];
    await c.subscribe([a, b]);
    assert.deepEqual((await c.unsubscribe([unique(), b, a, b, a])).reasons, [0x11, 0, 0, 0x11, 0x11]);
    assert.equal(c.inbox.length, 0, 'one UNSUBACK');
  });

  test('[MQTT-3.10.4-1] UNSUBSCRIBE removes the filter that is the same to the letter, and no other', async () => {
    const c = await RawClient.connect(broker.tcp);
    const base = unique();
    const filters = [`${base}/a`, `${base}/+`, `${base}/#`, `$share/g/${base}/a`];
    for (const [i, filter] of filters.entries()) await c.subscribe(filter, {}, { subscriptionIdentifier: i + 1 });
    const others = [`${base}/A`, `${base}/a/`, `${base}/`, `/${base}/a`, `${base}/+/#`, `+/a`, '#', `$share/h/${base}/a`];
    assert.deepEqual((await c.unsubscribe(others)).reasons, others.map(() => 0x11));
    const matching = async () => {
      await c.publish(`${base}/a`, 'x');
      await c.settle();
      const got = c.inbox.splice(0).filter((p) => p.type === 'publish');
      return got.flatMap((m) => m.properties.subscriptionIdentifier ?? []).sort();
    };
    assert.deepEqual(await matching(), [1, 2, 3, 4]);
    assert.deepEqual((await c.unsubscribe(`${base}/+`)).reasons, [0]);
    assert.deepEqual(await matching(), [1, 3, 4]);
    assert.deepEqual((await c.unsubscribe(`$share/g/${base}/a`)).reasons, [0]);
    assert.deepEqual(await matching(), [1, 3]);
    assert.deepEqual((await c.unsubscribe([`${base}/a`, `${base}/#`])).reasons, [0, 0]);
    assert.deepEqual(await matching(), []);
  });

  test('[MQTT-3.10.4-3] what was sent before UNSUBSCRIBE is delivered to the end, over a reconnect too', async () => {
    const options = { clientId: unique(), clean: false, auto: false, properties: lasting };
    const topic = unique();
    const c = await RawClient.connect(broker.tcp, options);
    await c.subscribe(topic, { qos: 2 });
    const p = await RawClient.connect(broker.tcp);
    await p.publish(topic, '1', { qos: 1 });
    await p.publish(topic, '2', { qos: 2 });
    const [one, two] = await c.messages(2);
    assert.deepEqual((await c.unsubscribe(topic)).reasons, [0]);
    c.ack('pubrec', two.id);
    await c.expect('pubrel', { id: two.id });
    await c.drop();
    const again = await RawClient.connect(broker.tcp, options);
    await again.expect('publish', { id: one.id, payload: '1', dup: true });
    await again.expect('pubrel', { id: two.id });
    again.ack('puback', one.id);
    again.ack('pubcomp', two.id);
    await again.ping();
    assert.equal(again.inbox.length, 0);
  });
});

describe('normative statements on what a broker does not offer', { concurrency: 2 }, () => {
  let broker;
  before(async () => {
    broker = await Broker.start({ mqtt: { max_qos: 0, retain: false } });
  });
  after(() => broker.stop());

  test('[MQTT-3.2.2-9] CONNACK names the highest QoS', async () => {
    const { connack } = await RawClient.connect(broker.tcp);
    assert.equal(connack.properties.maximumQoS, 0);
    assert.equal(connack.properties.retainAvailable, 0);
  });

  test('[MQTT-3.2.2-10] SUBSCRIBE with any QoS is accepted, at the QoS there is', async () => {
    const c = await RawClient.connect(broker.tcp);
    const topic = unique();
    const filters = [2, 1, 0].map((qos) => ({ filter: `${topic}/${qos}`, qos }));
    assert.deepEqual((await c.subscribe(filters)).reasons, [0, 0, 0]);
    for (const { filter } of filters) {
      await c.publish(filter, 'x');
      await c.expect('publish', { topic: filter, qos: 0 });
    }
  });

  for (const [statement, what, will, reason] of [
    ['[MQTT-3.2.2-12]', 'a will of QoS 1', { qos: 1 }, 0x9b],
    ['[MQTT-3.2.2-12]', 'a will of QoS 2', { qos: 2 }, 0x9b],
    ['[MQTT-3.2.2-13]', 'a retained will', { retain: true }, 0x9a],
  ]) {
    test(`${statement} ${what} is refused with 0x${reason.toString(16)}, and the connection ends`, async () => {
      const c = await RawClient.open(broker.tcp);
      assert.equal((await c.handshake({ will: { topic: 'w', payload: 'x', ...will } })).reason, reason);
      await c.expectClose();
    });
  }
});

describe('normative statements on enhanced authentication', { concurrency: 2 }, () => {
  let broker;
  before(async () => {
    broker = new Broker({ mqtt: { connect_timeout: '60s' } }); // passwords take their time in a sanitizer build
    const { code, stderr } = await broker.cli('user', 'create', 'alice', '--password', 'wonderland');
    assert.equal(code, 0, stderr);
    await broker.start();
  });
  after(() => broker.stop());

  // Every AUTH and CONNACK of a login and a re-authentication.
  async function exchange(properties = {}) {
    const c = await RawClient.open(broker.tcp);
    const seen = [];
    for (const again of [false, true]) {
      const scram = new ScramClient('alice', 'wonderland');
      const first = { authenticationMethod: METHOD, authenticationData: scram.first() };
      if (again) c.send(packet.auth({ reason: 0x19, properties: first }));
      else c.send(packet.connect({ clientId: unique(), properties: { ...properties, ...first } }));
      const challenge = await c.expect('auth');
      const last = { authenticationMethod: METHOD, authenticationData: scram.final(challenge.properties.authenticationData) };
      c.send(packet.auth({ reason: 0x18, properties: last }));
      seen.push(challenge, await c.expect(again ? 'auth' : 'connack'));
    }
    return seen;
  }

  test('[MQTT-3.15.2-1] [MQTT-4.12.0-2] [MQTT-4.12.0-5] AUTH asks on with 0x18, succeeds with 0, and names the method, as CONNACK does', async () => {
    const seen = await exchange();
    assert.deepEqual(seen.map((p) => [p.type, p.reason]), [['auth', 0x18], ['connack', 0], ['auth', 0x18], ['auth', 0]]);
    for (const p of seen) assert.equal(p.properties.authenticationMethod, METHOD);
  });

  test('[MQTT-3.15.2-2] [MQTT-3.15.2-3] AUTH fits, and a client that takes no packet of that size gets none that is larger', async () => {
    const largest = Math.max(...(await exchange()).map((p) => p.bytes));
    for (const p of await exchange({ maximumPacketSize: largest })) assert.ok(p.bytes <= largest);
    const c = await RawClient.open(broker.tcp);
    const properties = { maximumPacketSize: 20, authenticationMethod: METHOD, authenticationData: new ScramClient('alice', 'x').first() };
    c.send(packet.connect({ clientId: unique(), properties }));
    // The challenge that is left out counts as sent: so the answer to it, a wrong one, is refused.
    c.send(packet.auth({ properties: { authenticationMethod: METHOD, authenticationData: 'x' } }));
    await c.expectClose();
    assert.ok(c.inbox.every((p) => p.type === 'connack' && p.reason >= 0x80 && p.bytes <= 20));
  });

  test('[MQTT-4.12.0-4] an authentication that fails is refused with 0x80 or above, and the connection ends', async () => {
    const c = await RawClient.open(broker.tcp);
    const scram = new ScramClient('alice', 'guess');
    const first = { authenticationMethod: METHOD, authenticationData: scram.first() };
    c.send(packet.connect({ clientId: unique(), properties: first }));
    const challenge = await c.expect('auth', { reason: 0x18 });
    const last = { authenticationMethod: METHOD, authenticationData: scram.final(challenge.properties.authenticationData) };
    c.send(packet.auth({ properties: last }));
    assert.ok((await c.expect('connack')).reason >= 0x80);
    await c.expectClose();
  });

  test('[MQTT-3.1.4-2] [MQTT-4.13.2-1] a wrong password is refused, the connection ends, and no other session notices', async () => {
    const options = { username: 'alice', password: 'wonderland', clientId: unique() };
    const owner = await RawClient.connect(broker.tcp, options);
    const thief = await RawClient.open(broker.tcp);
    assert.equal((await thief.handshake({ ...options, password: 'x' })).reason, 0x86);
    await thief.expectClose();
    await owner.ping();
  });
});
