// What MQTT 5 added: aliases, flow control, packet size, subscription identifiers and options, properties, reasons.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Broker } from './lib/broker.mjs';
import * as mqttjs from './lib/mqttjs.mjs';
import * as packet from './lib/packet.mjs';
import { RawClient } from './lib/raw.mjs';
import { unique } from './lib/wait.mjs';

const texts = (messages) => messages.map((m) => m.payload.toString());

describe('MQTT 5', { concurrency: 4 }, () => {
  let broker;
  before(async () => {
    broker = await Broker.start();
  });
  after(() => broker.stop());

  // ---- Topic aliases -----------------------------------------------------------------------------------------------

  test('topic alias from the client: set, used, changed', async () => {
    const c = await RawClient.connect(broker.tcp);
    const [a, b] = [unique(), unique()];
    await c.subscribe([a, b]);
    const send = (topic, topicAlias, payload) => c.send(packet.publish({ topic, payload, properties: { topicAlias } }));
    send(a, 1, '1');
    send('', 1, '2');
    send(b, 100, '3');
    send('', 1, '4');
    send('', 100, '5');
    send(b, 1, '6');
    send('', 1, '7');
    const got = await c.messages(7);
    assert.deepEqual(got.map((m) => m.topic), [a, a, b, a, b, b, b]);
    assert.deepEqual(texts(got), ['1', '2', '3', '4', '5', '6', '7']);
    assert.ok(got.every((m) => m.properties.topicAlias === undefined), 'the alias of the publisher is not passed on');
  });

  test('topic alias from the client: QoS 1 and 2 and retained messages, too', async () => {
    const c = await RawClient.connect(broker.tcp);
    const topic = unique();
    await c.publish(topic, 'set', { qos: 1, properties: { topicAlias: 7 } });
    await c.publish('', 'kept', { qos: 2, retain: true, properties: { topicAlias: 7 } });
    await c.subscribe(topic);
    const m = await c.expect('publish', { topic, payload: 'kept', retain: true });
    assert.deepEqual(m.properties, {});
  });

  test('topic aliases end with the connection', async () => {
    const options = { clientId: unique(), properties: { sessionExpiryInterval: 60 } };
    const first = await RawClient.connect(broker.tcp, options);
    await first.publish(unique(), 'x', { properties: { topicAlias: 3 } });
    await first.disconnect();
    const second = await RawClient.connect(broker.tcp, { ...options, clean: false });
    second.send(packet.publish({ topic: '', payload: 'x', properties: { topicAlias: 3 } }));
    await second.expectRefusal([0x82, 0x94]);
  });

  test('topic alias to the client: never without a maximum', async () => {
    const c = await RawClient.connect(broker.tcp);
    const topic = unique();
    await c.subscribe(topic);
    for (let i = 0; i < 5; i += 1) await c.publish(topic, 'x', { properties: { topicAlias: 1 } });
    for (const m of await c.messages(5)) assert.deepEqual([m.topic, m.properties.topicAlias], [topic, undefined]);
  });

  for (const maximum of [1, 3, 65535]) {
    test(`topic alias to the client: at most ${maximum}, and every message can be told its topic`, async () => {
      const c = await RawClient.connect(broker.tcp, { properties: { topicAliasMaximum: maximum } });
      const base = unique();
      await c.subscribe(`${base}/#`, { qos: 1 });
      const p = await RawClient.connect(broker.tcp);
      const sent = [];
      for (let i = 0; i < 60; i += 1) {
        const topic = `${base}/${[0, 0, 1, 2, i][i % 5]}`;
        sent.push(topic);
        await p.publish(topic, topic, { qos: i % 2 });
      }
      const aliases = new Map();
      let shortened = 0;
      for (const m of await c.messages(60)) {
        const { topicAlias } = m.properties;
        if (m.topic !== '' && topicAlias) aliases.set(topicAlias, m.topic);
        if (m.topic === '') shortened += 1;
        if (topicAlias) assert.ok(topicAlias <= maximum, `alias ${topicAlias}`);
        assert.equal(m.topic || aliases.get(topicAlias), m.payload.toString());
      }
      assert.deepEqual(sent.length, 60);
      assert.ok(shortened > 0, 'the broker makes use of aliases');
    });
  }

  test('MQTT.js with aliases both ways', async () => {
    const c = await mqttjs.connect(broker.url(), {
      protocolVersion: 5,
      autoUseTopicAlias: true,
      autoAssignTopicAlias: true,
      properties: { topicAliasMaximum: 10 },
    });
    const base = unique();
    await c.subscribeAsync(`${base}/#`, { qos: 1 });
    for (let i = 0; i < 30; i += 1) await c.publishAsync(`${base}/${i % 15}`, `${i}`, { qos: 1 });
    await c.received(30);
    assert.deepEqual(c.inbox.map((m) => m.topic), Array.from({ length: 30 }, (_, i) => `${base}/${i % 15}`));
    await c.endAsync();
  });

  // ---- Flow control ------------------------------------------------------------------------------------------------

  for (const receiveMaximum of [1, 2, 10]) {
    test(`receive maximum ${receiveMaximum}: no more than that unacknowledged, each acknowledgement lets one through`, async () => {
      const c = await RawClient.connect(broker.tcp, { auto: false, properties: { receiveMaximum } });
      const p = await RawClient.connect(broker.tcp);
      const topic = unique();
      await c.subscribe(topic, { qos: 2 });
      const total = 40;
      for (let i = 0; i < total; i += 1) await p.publish(topic, `${i}`, { qos: 1 + (i % 2) });
      const open = [];
      let got = 0;
      while (got < total) {
        const room = Math.min(receiveMaximum - open.length, total - got);
        for (const m of await c.messages(room)) {
          assert.equal(m.payload.toString(), `${got}`);
          got += 1;
          open.push(m);
        }
        // The quota is 0 here: other packets are answered, and no QoS 1 or 2 message comes before them.
        await c.ping();
        assert.equal(c.inbox.length, 0, 'more than the receive maximum');
        const m = open.splice(got % open.length, 1)[0];
        if (m.qos === 1) {
          c.ack('puback', m.id);
        } else {
          c.ack('pubrec', m.id);
          await c.expect('pubrel', { id: m.id });
          await c.ping();
          assert.equal(c.inbox.length, 0, 'PUBREC alone does not give back quota');
          c.ack('pubcomp', m.id);
        }
      }
    });
  }

  test('receive maximum: a refusing PUBREC gives back quota, and QoS 0 needs none', async () => {
    const c = await RawClient.connect(broker.tcp, { auto: false, properties: { receiveMaximum: 1 } });
    const topic = unique();
    await c.subscribe(topic, { qos: 2 });
    await c.publish(topic, '1', { qos: 2 });
    await c.publish(topic, '2', { qos: 2 });
    await c.publish(topic, 'zero', { qos: 0 });
    const one = await c.expect('publish', { payload: '1' });
    c.ack('pubrec', one.id, 0x80);
    const rest = await c.messages(2);
    assert.deepEqual(texts(rest).sort(), ['2', 'zero']);
  });

  test('receive maximum counts anew on each connection, with what is sent again', async () => {
    const options = { clientId: unique(), clean: false, auto: false, properties: { sessionExpiryInterval: 60, receiveMaximum: 10 } };
    const topic = unique();
    const c = await RawClient.connect(broker.tcp, options);
    await c.subscribe(topic, { qos: 1 });
    for (let i = 0; i < 10; i += 1) await c.publish(topic, `${i}`, { qos: 1 });
    await c.messages(10);
    await c.drop();
    const again = await RawClient.connect(broker.tcp, { ...options, properties: { sessionExpiryInterval: 60, receiveMaximum: 3 } });
    const window = await again.messages(3);
    await again.ping();
    assert.equal(again.inbox.length, 0, 'more than the receive maximum of this connection');
    again.auto = true;
    for (const m of window) again.ack('puback', m.id);
    const rest = await again.messages(7);
    assert.deepEqual(texts([...window, ...rest]), [...'0123456789']);
  });

  test('receive maximum of the broker: more than it announced unacknowledged QoS 2 is 0x93', async () => {
    const c = await RawClient.connect(broker.tcp);
    const maximum = c.connack.properties.receiveMaximum ?? 65535;
    const topic = unique();
    const burst = (from, count) =>
      c.send(...Array.from({ length: count }, (_, i) => packet.publish({ topic, payload: '', qos: 2, id: from + i })));
    burst(1, maximum);
    await c.ping();
    const answers = c.inbox.splice(0).filter((p) => p.type === 'pubrec');
    assert.equal(answers.length, maximum, 'all of what was announced is taken');
    burst(maximum + 1, 1);
    await c.expectRefusal(0x93);
  });

  // ---- Maximum packet size -----------------------------------------------------------------------------------------

  test('a message that is too large for a subscriber is dropped for that one only', async () => {
    const small = await RawClient.connect(broker.tcp, { properties: { maximumPacketSize: 100, receiveMaximum: 1 } });
    const large = await RawClient.connect(broker.tcp);
    const p = await RawClient.connect(broker.tcp);
    const topic = unique();
    await small.subscribe(topic, { qos: 2 });
    await large.subscribe(topic, { qos: 2 });
    for (let qos = 0; qos < 3; qos += 1) {
      await p.publish(topic, 'x'.repeat(100), { qos });
      await p.publish(topic, 'fits', { qos });
    }
    for (const m of await small.messages(3)) assert.equal(m.payload.toString(), 'fits');
    assert.equal((await large.messages(6)).length, 6);
  });

  test('maximum packet size is exact to the byte, properties included', async () => {
    const topic = 'size/' + unique();
    const properties = { userProperties: [['key', 'value']] };
    const p = await RawClient.connect(broker.tcp);
    const size = packet.publish({ topic, payload: 'x'.repeat(50), properties }).length;
    for (const [maximumPacketSize, fits] of [[size, true], [size - 1, false]]) {
      const c = await RawClient.connect(broker.tcp, { properties: { maximumPacketSize } });
      await c.subscribe(topic);
      await p.publish(topic, 'x'.repeat(50), { properties });
      await p.publish(topic, 'end');
      const first = await c.expect('publish');
      assert.equal(first.payload.length, fits ? 50 : 3);
      await c.disconnect();
    }
  });

  test('no packet to a client is larger than it allows: reason strings and user properties go first', async () => {
    const c = await RawClient.connect(broker.tcp, { properties: { maximumPacketSize: 40 } });
    await c.subscribe(['a/#/b', '$share//x', 'ok']).catch(() => {});
    await c.unsubscribe(['nothing/here', 'ok']).catch(() => {});
    if (!c.closed) c.ack('pubrel', 99);
    if (!c.closed) await c.expect('pubcomp').catch(() => {});
    c.send(packet.frame(0xf0, packet.u8(0x19)));
    await c.expectClose();
    assert.ok(c.inbox.every((p) => p.bytes <= 40));
  });

  test('a packet larger than the broker announced is refused with 0x95', async () => {
    const c = await RawClient.connect(broker.tcp);
    const maximum = c.connack.properties.maximumPacketSize;
    const topic = unique();
    await c.subscribe(topic);
    const header = packet.publish({ topic, payload: '' }).length - 2 + 4;
    await c.publish(topic, Buffer.alloc(maximum - header));
    assert.equal((await c.expect('publish', { topic })).payload.length, maximum - header);
    c.publish(topic, Buffer.alloc(maximum - header + 1));
    await c.expectRefusal(0x95);
  });

  // ---- Subscriptions -----------------------------------------------------------------------------------------------

  test('a subscription identifier comes with each message of the subscription', async () => {
    const c = await RawClient.connect(broker.tcp);
    const base = unique();
    await c.subscribe(`${base}/a`, {}, { subscriptionIdentifier: 1 });
    await c.subscribe(`${base}/b`, {}, { subscriptionIdentifier: 268_435_455 });
    await c.subscribe(`${base}/c`, {});
    for (const name of ['a', 'b', 'c']) await c.publish(`${base}/${name}`, 'x');
    const got = await c.messages(3);
    assert.deepEqual(got.map((m) => m.properties.subscriptionIdentifier), [[1], [268_435_455], undefined]);
  });

  test('overlapping subscriptions: one copy with all identifiers, or a copy for each, at the highest QoS', async () => {
    const c = await RawClient.connect(broker.tcp);
    const base = unique();
    await c.subscribe(`${base}/#`, { qos: 0 }, { subscriptionIdentifier: 1 });
    await c.subscribe(`${base}/+`, { qos: 2 }, { subscriptionIdentifier: 2 });
    await c.subscribe(`${base}/x`, { qos: 1 });
    await c.publish(`${base}/x`, 'x', { qos: 2 });
    await c.settle();
    const got = c.inbox.filter((m) => m.type === 'publish');
    const identifiers = got.flatMap((m) => m.properties.subscriptionIdentifier ?? []);
    assert.deepEqual(identifiers.sort(), [1, 2]);
    assert.ok(got.length === 1 || got.length === 3);
    assert.ok(got.some((m) => m.qos === 2));
    if (got.length === 1) assert.equal(got[0].qos, 2);
  });

  test('a subscription identifier is replaced with its subscription, and may be taken away', async () => {
    const c = await RawClient.connect(broker.tcp);
    const topic = unique();
    await c.subscribe(topic, {}, { subscriptionIdentifier: 5 });
    await c.subscribe(topic, {}, { subscriptionIdentifier: 6 });
    await c.publish(topic, 'x');
    assert.deepEqual((await c.expect('publish')).properties.subscriptionIdentifier, [6]);
    await c.subscribe(topic);
    await c.publish(topic, 'x');
    assert.equal((await c.expect('publish')).properties.subscriptionIdentifier, undefined);
  });

  test('no local: a client does not get back what it published, others get it', async () => {
    const c = await RawClient.connect(broker.tcp);
    const other = await RawClient.connect(broker.tcp);
    const topic = unique();
    await c.subscribe(topic, { noLocal: true });
    await other.subscribe(topic, { noLocal: true });
    await c.publish(topic, 'mine', { qos: 1 });
    await other.expect('publish', { payload: 'mine' });
    await other.publish(topic, 'theirs', { qos: 1 });
    await c.expect('publish', { payload: 'theirs' });
    await c.expectNothing(other);
    await other.expectNothing(c);
  });

  test('no local holds after the client has reconnected, too', async () => {
    const options = { clientId: unique(), clean: false, properties: { sessionExpiryInterval: 60 } };
    const topic = unique();
    const first = await RawClient.connect(broker.tcp, options);
    await first.subscribe(topic, { noLocal: true, qos: 1 });
    await first.disconnect();
    const second = await RawClient.connect(broker.tcp, options);
    await second.publish(topic, 'mine', { qos: 1 });
    await second.expectNothing();
  });

  test('no local and a normal subscription that overlap: one says no, the other yes', async () => {
    const c = await RawClient.connect(broker.tcp);
    const base = unique();
    await c.subscribe(`${base}/#`, { noLocal: true }, { subscriptionIdentifier: 1 });
    await c.subscribe(`${base}/x`, {}, { subscriptionIdentifier: 2 });
    await c.publish(`${base}/x`, 'x', { qos: 1 });
    assert.deepEqual((await c.expect('publish')).properties.subscriptionIdentifier, [2]);
    await c.expectNothing();
  });

  test('each filter of a SUBSCRIBE gets its own reason code, in order', async () => {
    const c = await RawClient.connect(broker.tcp);
    const base = unique();
    const suback = await c.subscribe([
      { filter: `${base}/0`, qos: 0 },
      { filter: `${base}/1`, qos: 1 },
      { filter: `${base}/2`, qos: 2 },
      { filter: `${base}/0`, qos: 2 },
    ]);
    assert.deepEqual(suback.reasons, [0, 1, 2, 2]);
    assert.deepEqual((await c.unsubscribe([`${base}/1`, `${base}/none`, `${base}/2`])).reasons, [0, 0x11, 0]);
  });

  test('a publish that nobody gets is acknowledged with 0x10 or 0', async () => {
    const c = await RawClient.connect(broker.tcp);
    const topic = unique();
    assert.ok([0, 0x10].includes((await c.publish(topic, 'x', { qos: 1 })).reason));
    assert.equal((await c.publish(topic, 'x', { qos: 2 })).reason, 0);
    await c.subscribe(topic, { qos: 2 });
    assert.equal((await c.publish(topic, 'x', { qos: 1 })).reason, 0);
  });

  // ---- Properties --------------------------------------------------------------------------------------------------

  test('request and response: response topic and correlation data go through', async () => {
    const requester = await mqttjs.connect(broker.url(), { protocolVersion: 5 });
    const responder = await mqttjs.connect(broker.url(), { protocolVersion: 5 });
    const [ask, answer] = [unique('ask'), unique('answer')];
    await requester.subscribeAsync(answer, { qos: 1 });
    await responder.subscribeAsync(ask, { qos: 1 });
    responder.on('message', (_topic, payload, { properties }) => {
      const { responseTopic, correlationData } = properties;
      responder.publish(responseTopic, `re: ${payload}`, { qos: 1, properties: { correlationData } });
    });
    const correlationData = Buffer.from([0, 1, 2, 255]);
    await requester.publishAsync(ask, 'ping', { qos: 1, properties: { responseTopic: answer, correlationData } });
    const [message] = await requester.received(1);
    assert.equal(message.payload, 're: ping');
    assert.ok(message.packet.properties.correlationData.equals(correlationData));
    await requester.endAsync();
    await responder.endAsync();
  });

  test('all properties of a message arrive unaltered, user properties in their order', async () => {
    const c = await RawClient.connect(broker.tcp);
    const topic = unique();
    const properties = {
      payloadFormatIndicator: 0,
      contentType: 'application/x',
      responseTopic: 'some/where',
      correlationData: Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
      userProperties: Array.from({ length: 100 }, (_, i) => [`k${i % 7}`, `v${(i * 37) % 100}`]),
    };
    await c.subscribe(topic, { qos: 2 });
    for (const qos of [0, 1, 2]) {
      await c.publish(topic, 'x', { qos, properties });
      assert.deepEqual((await c.expect('publish', { qos })).properties, properties);
    }
  });

  test('empty strings and empty binary data are values, not absences', async () => {
    const c = await RawClient.connect(broker.tcp);
    const topic = unique();
    await c.subscribe(topic);
    const properties = { contentType: '', correlationData: Buffer.alloc(0), userProperties: [['', '']] };
    await c.publish(topic, 'x', { properties });
    assert.deepEqual((await c.expect('publish')).properties, properties);
  });

  test('a client of 3.1.1 gets a message with properties without them, and the other way round', async () => {
    const five = await RawClient.connect(broker.tcp);
    const four = await RawClient.connect(broker.tcp, { version: 4 });
    const topic = unique();
    await five.subscribe(topic, { qos: 1 });
    await four.subscribe(topic, { qos: 1 });
    await five.publish(topic, 'from 5', { qos: 1, properties: { userProperties: [['a', 'b']], contentType: 'c' } });
    await four.expect('publish', { payload: 'from 5' });
    await five.expect('publish', { payload: 'from 5' });
    await four.publish(topic, 'from 4', { qos: 1 });
    assert.deepEqual((await five.expect('publish', { payload: 'from 4' })).properties, {});
  });

  test('request response information: nothing is returned without the request', async () => {
    const c = await RawClient.connect(broker.tcp, { properties: { requestResponseInformation: 0 } });
    assert.equal(c.connack.properties.responseInformation, undefined);
    await RawClient.connect(broker.tcp, { properties: { requestResponseInformation: 1 } });
  });

  test('a refusal says why in a reason string, unless the client asked for none', async () => {
    for (const [requestProblemInformation, wanted] of [[1, true], [0, false]]) {
      const c = await RawClient.connect(broker.tcp, { properties: { requestProblemInformation } });
      const suback = await c.subscribe([{ filter: '$share//x' }]).catch(() => null);
      if (suback) {
        assert.equal(suback.reasons[0], 0x8f);
        assert.equal(suback.properties.reasonString !== undefined, wanted, 'reason string in SUBACK');
      }
    }
    const c = await RawClient.connect(broker.tcp);
    c.send(Buffer.from([0x00, 0x00]));
    const bye = await c.expectRefusal([0x81, 0x82]);
    assert.ok(bye.properties.reasonString?.length > 5);
  });

  test('user properties of CONNECT, SUBSCRIBE, UNSUBSCRIBE, acknowledgements and DISCONNECT are taken', async () => {
    const userProperties = [['a', '1'], ['a', '2']];
    const c = await RawClient.connect(broker.tcp, { auto: false, properties: { userProperties } });
    const topic = unique();
    await c.subscribe(topic, { qos: 2 }, { userProperties });
    await c.publish(topic, 'x', { qos: 1 });
    const m = await c.expect('publish');
    c.ack('puback', m.id, 0, { userProperties, reasonString: 'thanks' });
    await c.publish(topic, 'x', { qos: 2 });
    const m2 = await c.expect('publish');
    c.ack('pubrec', m2.id, 0x10, { userProperties });
    await c.expect('pubrel');
    c.ack('pubcomp', m2.id, 0, { userProperties });
    await c.unsubscribe(topic, { userProperties });
    await c.disconnect(0, { userProperties, reasonString: 'bye' });
  });

  test('payload format indicator is passed on as it is', async () => {
    const c = await RawClient.connect(broker.tcp);
    const topic = unique();
    await c.subscribe(topic);
    await c.publish(topic, 'äöü', { properties: { payloadFormatIndicator: 1 } });
    assert.equal((await c.expect('publish')).properties.payloadFormatIndicator, 1);
  });
});

describe('capabilities switched off', { concurrency: 2 }, () => {
  let broker;
  before(async () => {
    broker = await Broker.start({
      mqtt: { max_qos: 1, wildcards: false, shared: false, receive_maximum: 3, max_topic_alias: 0, max_packet_bytes: 2000 },
    });
  });
  after(() => broker.stop());

  test('CONNACK says what is not available', async () => {
    const { properties } = (await RawClient.connect(broker.tcp)).connack;
    assert.equal(properties.maximumQoS, 1);
    assert.equal(properties.wildcardSubscriptionAvailable, 0);
    assert.equal(properties.sharedSubscriptionAvailable, 0);
    assert.equal(properties.receiveMaximum, 3);
    assert.equal(properties.topicAliasMaximum ?? 0, 0);
    assert.equal(properties.maximumPacketSize, 2000);
  });

  test('a publish above the maximum QoS is refused with 0x9B, a will too', async () => {
    const c = await RawClient.connect(broker.tcp);
    c.send(packet.publish({ topic: 't', payload: '', qos: 2, id: 1 }));
    await c.expectRefusal(0x9b);
    const will = await RawClient.open(broker.tcp);
    assert.equal((await will.handshake({ will: { topic: 'w', qos: 2 } })).reason, 0x9b);
    await will.expectClose();
  });

  test('a subscription above the maximum QoS is granted the maximum', async () => {
    const c = await RawClient.connect(broker.tcp);
    assert.deepEqual((await c.subscribe(unique(), { qos: 2 })).reasons, [1]);
  });

  test('wildcards and shared subscriptions are refused with 0xA2 and 0x9E', async () => {
    const c = await RawClient.connect(broker.tcp);
    const { reasons } = await c.subscribe(['a/+', '#', '$share/g/a', 'plain']);
    assert.deepEqual(reasons, [0xa2, 0xa2, 0x9e, 0]);
    const four = await RawClient.connect(broker.tcp, { version: 4 });
    assert.deepEqual((await four.subscribe(['a/+', 'plain'])).reasons, [0x80, 0]);
  });

  test('any topic alias is too large when none is announced', async () => {
    const c = await RawClient.connect(broker.tcp);
    c.publish('t', 'x', { properties: { topicAlias: 1 } });
    await c.expectRefusal(0x94);
  });

  test('receive maximum 3 is kept to exactly', async () => {
    const c = await RawClient.connect(broker.tcp);
    const topic = unique();
    // QoS 1 is acknowledged as it is taken, so however many come in one segment, none is too many by then.
    c.send(...Array.from({ length: 3 }, (_, i) => packet.publish({ topic, qos: 1, id: i + 1 })));
    for (let i = 0; i < 3; i += 1) await c.expect('puback');
    await c.ping();
  });

  test('a packet above max_packet_bytes is refused before it is there', async () => {
    const c = await RawClient.connect(broker.tcp);
    c.send(packet.publish({ topic: 't', payload: Buffer.alloc(1_000_000) }).subarray(0, 5));
    await c.expectRefusal(0x95);
    const four = await RawClient.connect(broker.tcp, { version: 4 });
    four.send(Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]));
    await four.expectRefusal();
  });
});
