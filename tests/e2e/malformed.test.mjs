// Malformed packets and protocol errors from raw sockets: a table of what is sent and what must follow.
//
// In MQTT 5 that is a DISCONNECT with one of the given reason codes, before CONNACK a CONNACK with one of them or
// nothing, and always the end of the connection. In MQTT 3 it is the end alone. The broker serves others meanwhile.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Broker } from './lib/broker.mjs';
import * as packet from './lib/packet.mjs';
import { RawClient } from './lib/raw.mjs';
import { unique } from './lib/wait.mjs';

const { frame, property, props, str, u16, u32, u8 } = packet;

const MALFORMED = [0x81];
const PROTOCOL = [0x82];
const EITHER = [0x81, 0x82]; // the specification names neither, or both would be right

const bytes = (...numbers) => Buffer.from(numbers);
const invalidUtf8 = {
  'a lone continuation byte': bytes(0x61, 0x80),
  'a truncated sequence': bytes(0xe2, 0x82),
  'an overlong encoding': bytes(0xc0, 0xaf),
  'a surrogate': bytes(0xed, 0xa0, 0x80),
  'a surrogate pair in CESU-8': bytes(0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80),
  'a code point above U+10FFFF': bytes(0xf4, 0x90, 0x80, 0x80),
  'U+0000': bytes(0x61, 0x00, 0x62),
};

// ---- Before CONNACK ------------------------------------------------------------------------------------------------

const connect = (options) => packet.connect({ clientId: unique(), ...options });
// CONNECT of MQTT 5 with a body of one's own: flags, properties (Buffer), payload.
const rawConnect = (flags, properties, ...payload) =>
  frame(0x10, str('MQTT'), u8(5), u8(flags), u16(0), packet.varint(properties.length), properties, ...payload);
const withProperty = (...list) => rawConnect(2, Buffer.concat(list), str(unique()));
const withWillProperty = (...list) => {
  const properties = Buffer.concat(list);
  return rawConnect(6, Buffer.alloc(0), str(unique()), packet.varint(properties.length), properties, str('w'), str('x'));
};

// [title, bytes, reasons that a CONNACK may give; the end without a CONNACK is right, too]
const beforeConnack = [
  ['the first packet is PINGREQ', packet.pingreq(), []],
  ['the first packet is PUBLISH', packet.publish({ topic: 't' }), []],
  ['the first packet is SUBSCRIBE', packet.subscribe({ filters: [{ filter: 't' }] }), []],
  ['the first packet is DISCONNECT', packet.disconnect(), []],
  ['the first packet is AUTH', packet.auth({ properties: { authenticationMethod: 'SCRAM-SHA-256' } }), []],
  ['the first packet is CONNACK', bytes(0x20, 0x03, 0, 0, 0), []],
  ['the first bytes are HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), []],
  ['the first bytes are a TLS hello', bytes(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0, 0, 0), []],
  ['the first byte is 0', bytes(0, 0), []],
  ['CONNECT with flags in the fixed header', connect({ first: 0x11 }), MALFORMED],
  ['CONNECT of remaining length 0', frame(0x10), MALFORMED],
  ['CONNECT with the protocol name "MQTX"', connect({ protocolName: 'MQTX' }), [0x84, 0x81, 0x82]],
  ['CONNECT with the protocol name "mqtt"', connect({ protocolName: 'mqtt' }), [0x84, 0x81, 0x82]],
  ['CONNECT with an empty protocol name', connect({ protocolName: '' }), [0x84, 0x81, 0x82]],
  ['CONNECT with the reserved flag set', connect({ flags: 0x03 }), MALFORMED],
  ['CONNECT with will QoS but no will', connect({ flags: 0x0a }), EITHER],
  ['CONNECT with will retain but no will', connect({ flags: 0x22 }), EITHER],
  ['CONNECT with will QoS 3', connect({ will: { topic: 'w', payload: 'x', qos: 3 } }), EITHER],
  ['CONNECT that promises a will and has none', connect({ flags: 0x06 }), EITHER],
  ['CONNECT that promises a user name and has none', connect({ flags: 0x82 }), EITHER],
  ['CONNECT that promises a password and has none', connect({ flags: 0xc2, username: 'u' }), EITHER],
  ['CONNECT with a user name that the flags do not promise', connect({ username: 'u', flags: 0x02 }), EITHER],
  ['CONNECT with a password that the flags do not promise', connect({ username: 'u', password: 'p', flags: 0x82 }), EITHER],
  ['CONNECT with bytes after the payload', connect({ trailing: bytes(0) }), EITHER],
  ['CONNECT that ends in the client id', frame(0x10, str('MQTT'), u8(5), u8(2), u16(0), u8(0), u16(10), Buffer.from('abc')), EITHER],
  ['CONNECT that ends before the client id', frame(0x10, str('MQTT'), u8(5), u8(2), u16(0), u8(0)), EITHER],
  ['CONNECT that ends in the keep-alive', frame(0x10, str('MQTT'), u8(5), u8(2), u8(0)), EITHER],
  ['CONNECT with an empty will topic', connect({ will: { topic: '', payload: 'x' } }), [0x81, 0x82, 0x90]],
  ['CONNECT with # in the will topic', connect({ will: { topic: 'a/#', payload: 'x' } }), [0x81, 0x82, 0x90]],
  ['CONNECT with + in the will topic', connect({ will: { topic: 'a/+', payload: 'x' } }), [0x81, 0x82, 0x90]],
  ['CONNECT with a remaining length of five bytes', bytes(0x10, 0xff, 0xff, 0xff, 0xff, 0x01), MALFORMED],
  ['CONNECT with a property length of five bytes', frame(0x10, str('MQTT'), u8(5), u8(2), u16(0), bytes(0x80, 0x80, 0x80, 0x80, 0), str('c')), MALFORMED],
  ['CONNECT with a property length that is longer than needed', frame(0x10, str('MQTT'), u8(5), u8(2), u16(0), bytes(0x80, 0), str('c')), MALFORMED],
  ['CONNECT with a property length beyond the packet', frame(0x10, str('MQTT'), u8(5), u8(2), u16(0), u8(100), str('c')), MALFORMED],
  ['CONNECT with a property that is cut off', rawConnect(2, bytes(0x11, 0, 0), str('c')), MALFORMED],
  ['CONNECT with an unknown property', withProperty(property(0x7f, u8(0))), EITHER],
  ['CONNECT with a property of PUBLISH', withProperty(property(0x23, u16(1))), EITHER],
  ['CONNECT with a property of CONNACK', withProperty(property(0x12, str('x'))), EITHER],
  ['CONNECT with a property id of two bytes', withProperty(bytes(0x91, 0x00, 0, 0, 0, 1)), EITHER],
  ...Object.entries({
    'session expiry': property(0x11, u32(1)),
    'receive maximum': property(0x21, u16(1)),
    'maximum packet size': property(0x27, u32(100)),
    'topic alias maximum': property(0x22, u16(1)),
    'request response information': property(0x19, u8(1)),
    'request problem information': property(0x17, u8(1)),
    'authentication method': property(0x15, str('x')),
  }).map(([name, one]) => [`CONNECT with ${name} twice`, withProperty(one, one), PROTOCOL]),
  ['CONNECT with receive maximum 0', withProperty(property(0x21, u16(0))), PROTOCOL],
  ['CONNECT with maximum packet size 0', withProperty(property(0x27, u32(0))), PROTOCOL],
  ['CONNECT with request problem information 2', withProperty(property(0x17, u8(2))), PROTOCOL],
  ['CONNECT with request response information 2', withProperty(property(0x19, u8(2))), PROTOCOL],
  ['CONNECT with authentication data but no method', withProperty(property(0x16, str('x'))), PROTOCOL],
  ['CONNECT with will delay twice', withWillProperty(property(0x18, u32(1)), property(0x18, u32(1))), PROTOCOL],
  ['CONNECT with will payload format 2', withWillProperty(property(0x01, u8(2))), EITHER],
  ['CONNECT with a topic alias in the will', withWillProperty(property(0x23, u16(1))), EITHER],
  ['CONNECT with wildcards in the response topic of the will', withWillProperty(property(0x08, str('a/#'))), [0x81, 0x82, 0x90]],
  ...Object.entries(invalidUtf8).flatMap(([what, text]) => [
    [`CONNECT with ${what} in the client id`, connect({ clientId: text }), [0x81, 0x85]],
    [`CONNECT with ${what} in the will topic`, connect({ will: { topic: text, payload: 'x' } }), [0x81, 0x90]],
    [`CONNECT with ${what} in the user name`, connect({ username: text }), [0x81, 0x86]],
    [`CONNECT with ${what} in a user property`, withProperty(property(0x26, Buffer.concat([str('k'), str(text)]))), MALFORMED],
  ]),
];

// The same for MQTT 3.1.1: nothing but the end.
const connect4 = (options) => packet.connect({ version: 4, clientId: unique(), ...options });
const before311Connack = [
  ['3.1.1 CONNECT with flags in the fixed header', connect4({ first: 0x18 })],
  ['3.1.1 CONNECT with the reserved flag set', connect4({ flags: 0x03 })],
  ['3.1.1 CONNECT with a password without a user name', connect4({ flags: 0x42, password: 'p' })],
  ['3.1.1 CONNECT with will QoS 3', connect4({ will: { topic: 'w', payload: 'x', qos: 3 } })],
  ['3.1.1 CONNECT with will QoS but no will', connect4({ flags: 0x12 })],
  ['3.1.1 CONNECT with bytes after the payload', connect4({ trailing: bytes(1, 2) })],
  ['3.1.1 CONNECT with a client id that is no UTF-8', connect4({ clientId: bytes(0xff) })],
  ['3.1.1 CONNECT that is cut off', frame(0x10, str('MQTT'), u8(4), u8(2))],
  ['3.1 CONNECT with bytes after the payload', packet.connect({ version: 3, clientId: 'x', trailing: bytes(0) })],
];

// ---- After CONNACK, MQTT 5 -----------------------------------------------------------------------------------------

const publishWith = (...list) => frame(0x30, str('t'), props(Buffer.concat(list)), Buffer.from('x'));
const subscribeWith = (properties, ...filters) => frame(0x82, u16(1), props(properties), ...filters);
const option = (filter, byte) => Buffer.concat([str(filter), u8(byte)]);

const afterConnack = [
  ['a second CONNECT', connect(), PROTOCOL],
  ['packet type 0', bytes(0, 0), EITHER],
  ['CONNACK from a client', bytes(0x20, 3, 0, 0, 0), EITHER],
  ['SUBACK from a client', bytes(0x90, 4, 0, 1, 0, 0), EITHER],
  ['UNSUBACK from a client', bytes(0xb0, 4, 0, 1, 0, 0), EITHER],
  ['PINGRESP from a client', bytes(0xd0, 0), EITHER],
  ['a remaining length of five bytes', bytes(0x30, 0x80, 0x80, 0x80, 0x80, 0x01), MALFORMED],
  ['a remaining length that is longer than needed', Buffer.concat([bytes(0x30, 0x84, 0x00), str('t'), u8(0)]), MALFORMED],

  ['PUBLISH with QoS 3', frame(0x36, str('t'), u16(1), u8(0)), MALFORMED],
  ['PUBLISH with QoS 0 and DUP', packet.publish({ topic: 't', first: 0x38 }), EITHER],
  ['PUBLISH with QoS 1 and packet identifier 0', packet.publish({ topic: 't', qos: 1, id: 0 }), EITHER],
  ['PUBLISH with QoS 2 and packet identifier 0', packet.publish({ topic: 't', qos: 2, id: 0 }), EITHER],
  ['PUBLISH with an empty topic and no alias', packet.publish({ topic: '' }), PROTOCOL],
  ['PUBLISH with # in the topic', packet.publish({ topic: 'a/#' }), [0x81, 0x82, 0x90]],
  ['PUBLISH with + in the topic', packet.publish({ topic: '+/a' }), [0x81, 0x82, 0x90]],
  ['PUBLISH with topic alias 0', packet.publish({ topic: 't', properties: { topicAlias: 0 } }), [0x94]],
  ['PUBLISH with a topic alias above the maximum', packet.publish({ topic: 't', properties: { topicAlias: 101 } }), [0x94]],
  ['PUBLISH with an alias that was never set', packet.publish({ topic: '', properties: { topicAlias: 9 } }), [0x82, 0x94]],
  ['PUBLISH with topic alias twice', publishWith(property(0x23, u16(1)), property(0x23, u16(1))), PROTOCOL],
  ['PUBLISH with a subscription identifier', packet.publish({ topic: 't', properties: { subscriptionIdentifier: 1 } }), EITHER],
  ['PUBLISH with payload format indicator 2', packet.publish({ topic: 't', properties: { payloadFormatIndicator: 2 } }), EITHER],
  ['PUBLISH with payload format indicator twice', publishWith(property(1, u8(0)), property(1, u8(0))), PROTOCOL],
  ['PUBLISH with message expiry twice', publishWith(property(2, u32(1)), property(2, u32(1))), PROTOCOL],
  ['PUBLISH with content type twice', publishWith(property(3, str('a')), property(3, str('a'))), PROTOCOL],
  ['PUBLISH with response topic twice', publishWith(property(8, str('a')), property(8, str('a'))), PROTOCOL],
  ['PUBLISH with correlation data twice', publishWith(property(9, str('a')), property(9, str('a'))), PROTOCOL],
  ['PUBLISH with wildcards in the response topic', publishWith(property(8, str('a/+'))), [0x81, 0x82, 0x90]],
  ['PUBLISH with an unknown property', publishWith(property(0x04, u8(0))), EITHER],
  ['PUBLISH with a property of CONNECT', publishWith(property(0x11, u32(0))), EITHER],
  ['PUBLISH that ends in the topic', frame(0x30, u16(10), Buffer.from('abc')), EITHER],
  ['PUBLISH of remaining length 0', frame(0x30), EITHER],
  ['PUBLISH that ends before the packet identifier', frame(0x32, str('t'), u8(0)), EITHER],
  ['PUBLISH without a property length', frame(0x30, str('t')), EITHER],
  ['PUBLISH with a property length beyond the packet', frame(0x30, str('t'), u8(50), Buffer.from('x')), EITHER],
  ...Object.entries(invalidUtf8).flatMap(([what, text]) => [
    [`PUBLISH with ${what} in the topic`, packet.publish({ topic: text }), [0x81, 0x90]],
    [`PUBLISH with ${what} in the content type`, publishWith(property(3, str(text))), MALFORMED],
    [`PUBLISH with ${what} in the response topic`, publishWith(property(8, str(text))), [0x81, 0x90]],
    [`PUBLISH with ${what} in the name of a user property`, publishWith(property(0x26, Buffer.concat([str(text), str('v')]))), MALFORMED],
    [`SUBSCRIBE with ${what} in the filter`, subscribeWith({}, Buffer.concat([str(text), u8(0)])), [0x81, 0x8f]],
    [`UNSUBSCRIBE with ${what} in the filter`, frame(0xa2, u16(1), u8(0), str(text)), [0x81, 0x8f]],
  ]),

  ['PUBACK with flags', packet.ack('puback', { id: 1, first: 0x42 }), MALFORMED],
  ['PUBREC with flags', packet.ack('pubrec', { id: 1, first: 0x51 }), MALFORMED],
  ['PUBREL without its flags', packet.ack('pubrel', { id: 1, first: 0x60 }), MALFORMED],
  ['PUBREL with other flags', packet.ack('pubrel', { id: 1, first: 0x63 }), MALFORMED],
  ['PUBCOMP with flags', packet.ack('pubcomp', { id: 1, first: 0x74 }), MALFORMED],
  ['PUBACK with packet identifier 0', packet.ack('puback', { id: 0 }), EITHER],
  ['PUBREL with packet identifier 0', packet.ack('pubrel', { id: 0 }), EITHER],
  ['PUBACK of one byte', frame(0x40, u8(1)), MALFORMED],
  ['PUBACK with an unknown reason code', packet.ack('puback', { id: 1, reason: 0x7f }), EITHER],
  ['PUBREC with an unknown reason code', packet.ack('pubrec', { id: 1, reason: 0x01 }), EITHER],
  ['PUBREL with an unknown reason code', packet.ack('pubrel', { id: 1, reason: 0x10 }), EITHER],
  ['PUBCOMP with an unknown reason code', packet.ack('pubcomp', { id: 1, reason: 0x80 }), EITHER],
  ['PUBACK with reason string twice', frame(0x40, u16(1), u8(0), props(Buffer.concat([property(0x1f, str('a')), property(0x1f, str('a'))]))), PROTOCOL],
  ['PUBACK with a property of PUBLISH', frame(0x40, u16(1), u8(0), props(property(0x23, u16(1)))), EITHER],
  ['PUBACK with bytes after the properties', frame(0x40, u16(1), u8(0), u8(0), u8(7)), EITHER],

  ['SUBSCRIBE with flags 0', packet.subscribe({ filters: [{ filter: 't' }], first: 0x80 }), MALFORMED],
  ['SUBSCRIBE with flags 3', packet.subscribe({ filters: [{ filter: 't' }], first: 0x83 }), MALFORMED],
  ['SUBSCRIBE without a filter', packet.subscribe({ filters: [] }), EITHER],
  ['SUBSCRIBE with packet identifier 0', packet.subscribe({ id: 0, filters: [{ filter: 't' }] }), EITHER],
  ['SUBSCRIBE with reserved option bits (0x40)', packet.subscribe({ filters: [{ filter: 't', options: 0x40 }] }), MALFORMED],
  ['SUBSCRIBE with reserved option bits (0x80)', packet.subscribe({ filters: [{ filter: 't', options: 0x80 }] }), MALFORMED],
  ['SUBSCRIBE with QoS 3', packet.subscribe({ filters: [{ filter: 't', options: 3 }] }), EITHER],
  ['SUBSCRIBE with retain handling 3', packet.subscribe({ filters: [{ filter: 't', options: 0x30 }] }), EITHER],
  ['SUBSCRIBE with no local on a shared subscription', packet.subscribe({ filters: [{ filter: '$share/g/t', noLocal: true }] }), PROTOCOL],
  ['SUBSCRIBE with subscription identifier 0', subscribeWith({ subscriptionIdentifier: 0 }, option('t', 0)), PROTOCOL],
  ['SUBSCRIBE with subscription identifier twice', subscribeWith({ subscriptionIdentifier: [1, 2] }, option('t', 0)), PROTOCOL],
  ['SUBSCRIBE with a subscription identifier of five bytes', subscribeWith(property(0x0b, bytes(0x80, 0x80, 0x80, 0x80, 1)), option('t', 0)), EITHER],
  ['SUBSCRIBE with a property of CONNECT', subscribeWith(property(0x21, u16(1)), option('t', 0)), EITHER],
  ['SUBSCRIBE that ends before the options', subscribeWith({}, str('t')), EITHER],
  ['SUBSCRIBE whose second filter is cut off', subscribeWith({}, option('t', 0), bytes(0, 9, 0x61)), EITHER],
  ['UNSUBSCRIBE with flags 0', packet.unsubscribe({ filters: ['t'], first: 0xa0 }), MALFORMED],
  ['UNSUBSCRIBE without a filter', packet.unsubscribe({ filters: [] }), EITHER],
  ['UNSUBSCRIBE with packet identifier 0', packet.unsubscribe({ id: 0, filters: ['t'] }), EITHER],
  ['UNSUBSCRIBE with a filter that is cut off', frame(0xa2, u16(1), u8(0), bytes(0, 9, 0x61)), EITHER],
  ['UNSUBSCRIBE with a subscription identifier', frame(0xa2, u16(1), props({ subscriptionIdentifier: 1 }), str('t')), EITHER],

  ['PINGREQ with flags', bytes(0xc1, 0), MALFORMED],
  ['PINGREQ with a payload', bytes(0xc0, 1, 0), MALFORMED],
  ['DISCONNECT with flags', bytes(0xe1, 0), MALFORMED],
  ['DISCONNECT with an unknown reason code', packet.disconnect({ reason: 0x7f }), EITHER],
  ['DISCONNECT with session expiry twice', frame(0xe0, u8(0), props(Buffer.concat([property(0x11, u32(0)), property(0x11, u32(0))]))), PROTOCOL],
  ['DISCONNECT with a property of PUBLISH', frame(0xe0, u8(0), props(property(0x23, u16(1)))), EITHER],
  ['DISCONNECT that raises the session expiry from 0', packet.disconnect({ reason: 0, properties: { sessionExpiryInterval: 1 } }), PROTOCOL],
  ['AUTH with flags', packet.auth({ first: 0xf1, properties: { authenticationMethod: 'x' } }), EITHER],
  ['AUTH without an authentication method in CONNECT', packet.auth({ reason: 0x19, properties: { authenticationMethod: 'x' } }), PROTOCOL],
  ['AUTH of remaining length 0 without a method in CONNECT', bytes(0xf0, 0), EITHER],
];

// ---- After CONNACK, MQTT 3.1.1 -------------------------------------------------------------------------------------

const four = { version: 4 };
const after311Connack = [
  ['3.1.1: a second CONNECT', connect4()],
  ['3.1.1: packet type 0', bytes(0, 0)],
  ['3.1.1: packet type 15', bytes(0xf0, 0)],
  ['3.1.1: CONNACK from a client', bytes(0x20, 2, 0, 0)],
  ['3.1.1: PUBLISH with QoS 3', frame(0x36, str('t'), u16(1))],
  ['3.1.1: PUBLISH with an empty topic', packet.publish({ ...four, topic: '' })],
  ['3.1.1: PUBLISH with # in the topic', packet.publish({ ...four, topic: '#' })],
  ['3.1.1: PUBLISH with + in the topic', packet.publish({ ...four, topic: 'a/+' })],
  ['3.1.1: PUBLISH with U+0000 in the topic', packet.publish({ ...four, topic: bytes(0x61, 0) })],
  ['3.1.1: PUBLISH with a topic that is no UTF-8', packet.publish({ ...four, topic: bytes(0xff) })],
  ['3.1.1: PUBLISH with packet identifier 0', packet.publish({ ...four, topic: 't', qos: 1, id: 0 })],
  ['3.1.1: PUBLISH that is cut off', frame(0x32, str('t'), u8(0))],
  ['3.1.1: PUBREL without its flags', packet.ack('pubrel', { ...four, id: 1, first: 0x60 })],
  ['3.1.1: PUBACK with flags', packet.ack('puback', { ...four, id: 1, first: 0x41 })],
  ['3.1.1: PUBACK of three bytes', frame(0x40, u16(1), u8(0))],
  ['3.1.1: SUBSCRIBE with flags 0', packet.subscribe({ ...four, filters: [{ filter: 't' }], first: 0x80 })],
  ['3.1.1: SUBSCRIBE without a filter', packet.subscribe({ ...four, filters: [] })],
  ['3.1.1: SUBSCRIBE with QoS 3', packet.subscribe({ ...four, filters: [{ filter: 't', options: 3 }] })],
  ['3.1.1: SUBSCRIBE with option bits of MQTT 5', packet.subscribe({ ...four, filters: [{ filter: 't', options: 4 }] })],
  ['3.1.1: SUBSCRIBE with packet identifier 0', packet.subscribe({ ...four, id: 0, filters: [{ filter: 't' }] })],
  ['3.1.1: UNSUBSCRIBE with flags 0', packet.unsubscribe({ ...four, filters: ['t'], first: 0xa0 })],
  ['3.1.1: UNSUBSCRIBE without a filter', packet.unsubscribe({ ...four, filters: [] })],
  ['3.1.1: PINGREQ with a payload', bytes(0xc0, 1, 0)],
  ['3.1.1: PINGREQ with flags', bytes(0xc2, 0)],
  ['3.1.1: DISCONNECT with flags', bytes(0xe4, 0)],
  ['3.1.1: a remaining length of five bytes', bytes(0x30, 0xff, 0xff, 0xff, 0xff, 0x01)],
];

describe('malformed packets and protocol errors', { concurrency: 8 }, () => {
  let broker;
  let bystander;
  before(async () => {
    broker = await Broker.start({}, { log_level: 'warning' });
    bystander = await RawClient.connect(broker.tcp);
  });
  after(() => broker.stop());

  for (const [title, sent, reasons] of beforeConnack) {
    test(title, async () => {
      const c = await RawClient.open(broker.tcp, { decode: false });
      c.send(sent);
      await c.expectClose();
      if (c.bytes.length === 0) return;
      if (c.bytes.toString('hex') === '20020001') return assert.ok(reasons.includes(0x84), 'CONNACK 1');
      const [connack, ...rest] = new packet.Decoder(5).push(c.bytes);
      assert.equal(connack?.type, 'connack', `answered with ${c.bytes.toString('hex')}`);
      assert.equal(rest.length, 0);
      assert.ok(reasons.includes(connack.reason), `CONNACK 0x${connack.reason.toString(16)}`);
    });
  }

  for (const [title, sent] of before311Connack) {
    test(title, async () => {
      const c = await RawClient.open(broker.tcp, { version: 4 });
      c.send(sent);
      await c.expectClose();
      assert.deepEqual(c.inbox, [], 'malformed means: closed without CONNACK');
    });
  }

  for (const [title, sent, reasons] of afterConnack) {
    test(title, async () => {
      const c = await RawClient.connect(broker.tcp);
      c.send(sent);
      await c.expectRefusal(reasons);
    });
  }

  for (const [title, sent] of after311Connack) {
    test(title, async () => {
      const c = await RawClient.connect(broker.tcp, four);
      c.send(sent);
      await c.expectRefusal();
    });
  }

  test('nothing that follows a malformed packet in the same segment is done', async () => {
    const topic = unique();
    await bystander.subscribe(topic);
    for (const version of [4, 5]) {
      const c = await RawClient.connect(broker.tcp, { version });
      c.send(bytes(0, 0), packet.publish({ version, topic, payload: 'late' }));
      await c.expectRefusal(EITHER);
    }
    const refused = await RawClient.open(broker.tcp, { decode: false });
    refused.send(connect({ flags: 0x03 }), packet.publish({ topic, payload: 'late' }));
    await refused.expectClose();
    await bystander.expectNothing();
  });

  test('a malformed packet in pieces is found as well', async () => {
    const c = await RawClient.connect(broker.tcp);
    for (const byte of packet.publish({ topic: 'a/#', payload: 'x' })) {
      c.send(u8(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await c.expectRefusal([0x81, 0x82, 0x90]);
  });

  test('random bytes never get an answer that breaks the protocol, and never hurt others', async () => {
    let state = 12345;
    const random = (n) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 8) % n;
    };
    for (let round = 0; round < 150; round += 1) {
      const connected = random(2) === 0;
      const c = connected
        ? await RawClient.connect(broker.tcp, { version: random(2) ? 5 : 4 })
        : await RawClient.open(broker.tcp);
      c.decoder = connected ? c.decoder : null;
      c.send(Buffer.from(Array.from({ length: 1 + random(200) }, () => random(256))));
      await new Promise((resolve) => setImmediate(resolve));
      await c.drop();
    }
    await bystander.ping();
  });

  // Closed is not crashed: whatever the table sent, a connection that was there before it still works.
  test('one flipped bit in a valid packet gives a refusal or a valid answer, nothing else', async () => {
    const originals = [
      packet.publish({ topic: 'flip/me', payload: 'x', qos: 1, id: 5, properties: { contentType: 'c', userProperties: [['a', 'b']] } }),
      packet.subscribe({ id: 6, filters: [{ filter: 'flip/+', qos: 1 }], properties: { subscriptionIdentifier: 3 } }),
      packet.unsubscribe({ id: 7, filters: ['flip/+'] }),
      packet.ack('pubrel', { id: 8, reason: 0x92, properties: { reasonString: 'r' } }),
    ];
    for (const original of originals) {
      for (let bit = 0; bit < original.length * 8; bit += 3) {
        const flipped = Buffer.from(original);
        flipped[bit >> 3] ^= 1 << (bit & 7);
        const c = await RawClient.connect(broker.tcp);
        c.send(flipped);
        if (flipped[0] === original[0] && flipped[1] === original[1]) c.send(packet.pingreq());
        else c.socket.end();
        await c.take((p) => ['pingresp', 'disconnect'].includes(p.type), 'an answer').catch(() => null);
        await c.drop();
      }
    }
    await bystander.ping();
  });
});
