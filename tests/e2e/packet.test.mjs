// The tests' own codec against mqtt-packet: a mistake in it would hide one of the broker.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import mqttPacket from 'mqtt-packet';

import * as packet from './lib/packet.mjs';

function theirs(bytes, protocolVersion) {
  const parser = mqttPacket.parser({ protocolVersion });
  let out;
  parser.on('packet', (one) => (out = one));
  parser.on('error', (error) => assert.fail(error));
  parser.parse(bytes);
  return out;
}

const everyProperty = {
  payloadFormatIndicator: 1,
  messageExpiryInterval: 70000,
  contentType: 'text/plain',
  responseTopic: 'answer/here',
  correlationData: Buffer.from([0, 1, 255]),
  subscriptionIdentifier: [1, 200000],
  topicAlias: 300,
  userProperties: [['b', '1'], ['a', '2'], ['b', '3']],
};

test('what we encode, mqtt-packet decodes to the same', () => {
  const connect = theirs(
    packet.connect({
      version: 5, clientId: 'c', clean: false, keepAlive: 258, username: 'u', password: 'p',
      will: { topic: 'w', payload: 'x', qos: 2, retain: true, properties: { willDelayInterval: 9 } },
      properties: { sessionExpiryInterval: 7, receiveMaximum: 8 },
    }),
  );
  assert.equal(connect.clientId, 'c');
  assert.equal(connect.clean, false);
  assert.equal(connect.keepalive, 258);
  assert.equal(connect.username, 'u');
  assert.equal(connect.password.toString(), 'p');
  assert.deepEqual(connect.will.properties, { willDelayInterval: 9 });
  assert.equal(connect.will.qos, 2);
  assert.equal(connect.will.retain, true);
  assert.deepEqual(connect.properties, { sessionExpiryInterval: 7, receiveMaximum: 8 });

  const publish = theirs(packet.publish({ topic: 't', payload: 'x', qos: 1, id: 77, dup: true, properties: everyProperty }), 5);
  assert.equal(publish.messageId, 77);
  assert.equal(publish.dup, true);
  assert.equal(publish.properties.responseTopic, 'answer/here');
  assert.deepEqual(publish.properties.subscriptionIdentifier, [1, 200000]);
  assert.deepEqual({ ...publish.properties.userProperties }, { b: ['1', '3'], a: '2' });

  const filters = [{ filter: 'a/+', qos: 1, noLocal: true, retainAsPublished: true, retainHandling: 2 }];
  const [subscription] = theirs(packet.subscribe({ id: 5, filters }), 5).subscriptions;
  assert.deepEqual({ ...subscription }, { topic: 'a/+', qos: 1, nl: true, rap: true, rh: 2 });
  assert.deepEqual(theirs(packet.unsubscribe({ id: 6, filters: ['x', 'y'] }), 5).unsubscriptions, ['x', 'y']);
  assert.equal(theirs(packet.ack('pubrel', { id: 9, reason: 0x92 }), 5).reasonCode, 0x92);
  assert.equal(theirs(packet.disconnect({ reason: 4 }), 5).reasonCode, 4);
  assert.equal(theirs(packet.auth({ reason: 0x18, properties: { authenticationMethod: 'M' } }), 5).reasonCode, 0x18);
});

test('what mqtt-packet encodes, we decode to the same', () => {
  const bytes = [
    mqttPacket.generate({ cmd: 'connack', reasonCode: 0, sessionPresent: true, properties: { topicAliasMaximum: 4 } }, { protocolVersion: 5 }),
    mqttPacket.generate(
      {
        cmd: 'publish', topic: 'a', payload: 'z'.repeat(300), qos: 2, messageId: 12, retain: true, dup: true,
        properties: { ...everyProperty, payloadFormatIndicator: true, userProperties: { k: ['1', '2'] } },
      },
      { protocolVersion: 5 },
    ),
    mqttPacket.generate({ cmd: 'suback', messageId: 3, granted: [0, 1, 0x8f] }, { protocolVersion: 5 }),
    mqttPacket.generate({ cmd: 'disconnect', reasonCode: 0x8e }, { protocolVersion: 5 }),
  ];
  const decoder = new packet.Decoder(5);
  const all = Buffer.concat(bytes);
  const out = [];
  for (const byte of all) out.push(...decoder.push(Buffer.from([byte])));
  assert.deepEqual(out.map((p) => p.type), ['connack', 'publish', 'suback', 'disconnect']);
  assert.equal(out[0].sessionPresent, true);
  assert.deepEqual(out[1].properties, { ...everyProperty, userProperties: [['k', '1'], ['k', '2']] });
  assert.equal(out[1].payload.length, 300);
  assert.deepEqual(out[2].reasons, [0, 1, 0x8f]);
  assert.equal(out[3].reason, 0x8e);
});

test('the decoder refuses what a server must not send', () => {
  const wrong = {
    'reserved acknowledge flags': '2003020000',
    'session present beside a refusal': '2003018000',
    'a connect': '100c00044d5154540502000000000000'.slice(0, 28),
    'QoS 3': '3605000174000100',
    'DUP with QoS 0': '380400017400',
    'packet identifier 0': '320600017400000000'.slice(0, 16),
    'a wildcard in a topic': '300400012b00',
    'flags of SUBACK': '9104000100' + '00',
    'an unknown reason code': '90040001' + '0003',
    'a property of another packet': '200600000311000000',
    'a property twice': '2009000006' + '22000122' + '0001',
    'session expiry in DISCONNECT': 'e007000511' + '00000001',
    'a remaining length that is too long': '20830000' + '0000',
  };
  for (const [what, bytes] of Object.entries(wrong)) {
    assert.throws(() => new packet.Decoder(5).push(Buffer.from(bytes, 'hex')), packet.ProtocolViolation, what);
  }
});
