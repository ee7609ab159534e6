// Shared subscriptions: each message to one member, by each strategy; members that come, go and stay away.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Broker } from './lib/broker.mjs';
import { Api } from './lib/http.mjs';
import * as mqttjs from './lib/mqttjs.mjs';
import { RawClient } from './lib/raw.mjs';
import { unique, until } from './lib/wait.mjs';

const STRATEGIES = ['round_robin', 'random', 'hash_clientid', 'sticky', 'local_first'];
const payloads = (client, topic) => client.inbox.filter((m) => m.type === 'publish' && m.topic.startsWith(topic)).map((m) => m.payload.toString());
const lasting = { sessionExpiryInterval: 600 };

describe('shared subscriptions', { concurrency: 2 }, () => {
  const brokers = {};
  before(async () => {
    for (const strategy of STRATEGIES) brokers[strategy] = await Broker.start({ shared_subscriptions: { strategy } });
  });
  after(async () => {
    for (const broker of Object.values(brokers)) await broker.stop();
  });

  async function group(broker, size, topic, qos = 1) {
    const members = [];
    for (let i = 0; i < size; i += 1) {
      const member = await RawClient.connect(broker.tcp, { version: i % 2 ? 4 : 5 });
      await member.subscribe(`$share/g/${topic}`, { qos });
      members.push(member);
    }
    return members;
  }

  for (const strategy of STRATEGIES) {
    for (const qos of [0, 1, 2]) {
      test(`${strategy}, QoS ${qos}: each message to exactly one member, in order for each member and publisher`, async () => {
        const broker = brokers[strategy];
        const topic = unique();
        const members = await group(broker, 4, `${topic}/#`, qos);
        const publishers = await Promise.all([0, 1].map(() => RawClient.connect(broker.tcp)));
        const each = 100;
        await Promise.all(
          publishers.map(async (p, n) => {
            for (let i = 0; i < each; i += 1) await p.publish(`${topic}/${n}`, `${n}:${i}`, { qos });
            await p.ping();
          }),
        );
        const all = () => members.flatMap((m) => payloads(m, topic));
        await until(() => all().length >= 2 * each, `${2 * each} messages`);
        for (const m of members) await m.settle(publishers[0]);
        assert.equal(new Set(all()).size, 2 * each);
        assert.equal(all().length, 2 * each);
        for (const m of members) {
          for (const n of [0, 1]) {
            const mine = payloads(m, `${topic}/${n}`).map((p) => Number(p.split(':')[1]));
            assert.deepEqual(mine, [...mine].sort((a, b) => a - b), 'order');
          }
        }
      });
    }
  }

  test('round_robin shares evenly', async () => {
    const topic = unique();
    const members = await group(brokers.round_robin, 4, topic);
    const p = await RawClient.connect(brokers.round_robin.tcp);
    for (let i = 0; i < 40; i += 1) await p.publish(topic, `${i}`, { qos: 1 });
    await until(() => members.every((m) => payloads(m, topic).length === 10), 'ten messages for each of the four');
  });

  test('random gives something to everyone', async () => {
    const topic = unique();
    const members = await group(brokers.random, 3, topic);
    const p = await RawClient.connect(brokers.random.tcp);
    for (let i = 0; i < 150; i += 1) await p.publish(topic, `${i}`, { qos: 1 });
    // The chance that one of three gets nothing of 150 is below 10^-25.
    await until(() => members.every((m) => payloads(m, topic).length > 0), 'messages for each of the three');
  });

  test('hash_clientid: all messages of one publisher go to one member', async () => {
    const topic = unique();
    const broker = brokers.hash_clientid;
    const members = await group(broker, 3, topic);
    const used = new Set();
    for (let n = 0; n < 20; n += 1) {
      const p = await RawClient.connect(broker.tcp);
      for (let i = 0; i < 5; i += 1) await p.publish(topic, `${n}`, { qos: 1 });
      const owners = await until(() => {
        const counts = members.map((m) => payloads(m, topic).filter((one) => one === `${n}`).length);
        return counts.reduce((a, b) => a + b) === 5 ? counts.filter((count) => count > 0) : null;
      }, 'five messages');
      assert.deepEqual(owners, [5], `publisher ${n}`);
      members.forEach((m, i) => payloads(m, topic).includes(`${n}`) && used.add(i));
    }
    assert.ok(used.size > 1, 'publishers are spread over the members');
  });

  test('sticky: one member gets everything until it leaves', async () => {
    const topic = unique();
    const members = await group(brokers.sticky, 3, topic);
    const p = await RawClient.connect(brokers.sticky.tcp);
    for (let i = 0; i < 20; i += 1) await p.publish(topic, `${i}`, { qos: 1 });
    const owner = await until(() => members.find((m) => payloads(m, topic).length === 20), 'one member with all messages');
    await owner.disconnect();
    for (let i = 20; i < 40; i += 1) await p.publish(topic, `${i}`, { qos: 1 });
    await until(() => members.find((m) => m !== owner && payloads(m, topic).length === 20), 'another member with the rest');
  });

  test('a group and a plain subscription are independent, groups too, and filters of one group', async () => {
    const broker = brokers.round_robin;
    const topic = unique();
    const clients = await Promise.all([0, 1, 2, 3].map(() => RawClient.connect(broker.tcp)));
    const [plain, g, h, other] = clients;
    await plain.subscribe(topic);
    await g.subscribe(`$share/g/${topic}`);
    await h.subscribe(`$share/h/${topic}`);
    await other.subscribe(`$share/g/${topic}/#`); // another filter: another group, which the topic matches too
    const p = await RawClient.connect(broker.tcp);
    await p.publish(topic, 'x', { qos: 1 });
    for (const c of clients) await c.expect('publish', { topic, payload: 'x' });
    for (const c of clients) await c.expectNothing(p);
  });

  test('one client may hold a plain and a shared subscription of a topic', async () => {
    const c = await RawClient.connect(brokers.round_robin.tcp);
    const topic = unique();
    await c.subscribe(topic, { qos: 1 }, { subscriptionIdentifier: 1 });
    await c.subscribe(`$share/g/${topic}`, { qos: 1 }, { subscriptionIdentifier: 2 });
    await c.publish(topic, 'x', { qos: 1 });
    await c.settle();
    const identifiers = c.inbox.filter((m) => m.type === 'publish').flatMap((m) => m.properties.subscriptionIdentifier);
    assert.deepEqual(identifiers.sort(), [1, 2]);
  });

  test('retained messages are not sent to a shared subscription', async () => {
    const c = await RawClient.connect(brokers.round_robin.tcp);
    const topic = unique();
    await c.publish(topic, 'x', { qos: 1, retain: true });
    await c.subscribe(`$share/g/${topic}`, { qos: 1 });
    await c.expectNothing();
  });

  test('the granted QoS of the member holds', async () => {
    const c = await RawClient.connect(brokers.round_robin.tcp);
    const topic = unique();
    await c.subscribe(`$share/g/${topic}`, { qos: 1 });
    await c.publish(topic, 'x', { qos: 2 });
    await c.expect('publish', { topic, qos: 1 });
  });

  test('unsubscribing leaves the group', async () => {
    const broker = brokers.round_robin;
    const topic = unique();
    const [a, b] = await group(broker, 2, topic);
    const p = await RawClient.connect(broker.tcp);
    await a.unsubscribe(`$share/g/${topic}`);
    for (let i = 0; i < 10; i += 1) await p.publish(topic, `${i}`, { qos: 1 });
    await b.messages(10);
    await a.expectNothing(p);
    await b.unsubscribe(`$share/g/${topic}`);
    await p.publish(topic, 'x', { qos: 1 });
    await b.expectNothing(p);
  });

  test('members that are offline are passed over while another is online', async () => {
    const broker = brokers.round_robin;
    const topic = unique();
    const options = { clientId: unique(), clean: false, properties: lasting };
    const away = await RawClient.connect(broker.tcp, options);
    await away.subscribe(`$share/g/${topic}`, { qos: 1 });
    await away.disconnect();
    const [here] = await group(broker, 1, topic);
    const api = new Api(broker);
    await until(async () => !(await api.get(`/clients/${options.clientId}`)).body.connected, 'its end to be known');
    const p = await RawClient.connect(broker.tcp);
    for (let i = 0; i < 10; i += 1) await p.publish(topic, `${i}`, { qos: 1 });
    await here.messages(10);
    const back = await RawClient.connect(broker.tcp, options);
    await back.expectNothing(p);
  });

  for (const strategy of STRATEGIES) {
    test(`${strategy}: when all members are offline, every message waits for one of them`, async () => {
      const broker = brokers[strategy];
      const topic = unique();
      const members = [0, 1, 2].map(() => ({ clientId: unique(), clean: false, properties: lasting }));
      for (const options of members) {
        const c = await RawClient.connect(broker.tcp, options);
        await c.subscribe(`$share/g/${topic}`, { qos: 2 });
        await c.disconnect();
      }
      const p = await RawClient.connect(broker.tcp);
      for (let i = 0; i < 30; i += 1) await p.publish(topic, `${i}`, { qos: 1 + (i % 2) });
      const got = [];
      for (const options of members) {
        const c = await RawClient.connect(broker.tcp, options);
        await c.settle(p);
        got.push(...payloads(c, topic));
      }
      assert.equal(got.length, 30);
      assert.equal(new Set(got).size, 30);
    });
  }

  test('a QoS 2 message in delivery is completed with the same member after it reconnects', async () => {
    const broker = brokers.round_robin;
    const topic = unique();
    const options = { clientId: unique(), clean: false, auto: false, properties: lasting };
    const a = await RawClient.connect(broker.tcp, options);
    await a.subscribe(`$share/g/${topic}`, { qos: 2 });
    const p = await RawClient.connect(broker.tcp);
    await p.publish(topic, 'x', { qos: 2 });
    const m = await a.expect('publish', { topic });
    const [b] = await group(broker, 1, topic, 2);
    await a.drop();
    await b.expectNothing(p);
    const again = await RawClient.connect(broker.tcp, { ...options, auto: true });
    await again.expect('publish', { topic, payload: 'x', id: m.id, dup: true });
  });

  test('a message that a member refuses is not given to another', async () => {
    const broker = brokers.sticky;
    const topic = unique();
    const a = await RawClient.connect(broker.tcp, { auto: false });
    await a.subscribe(`$share/g/${topic}`, { qos: 1 });
    const p = await RawClient.connect(broker.tcp);
    await p.publish(topic, 'x', { qos: 1 });
    const m = await a.expect('publish');
    const [b] = await group(broker, 1, topic);
    a.ack('puback', m.id, 0x83);
    await b.expectNothing(p);
  });

  test('an unacknowledged QoS 2 message of a session that ends goes to no other member', async () => {
    const broker = brokers.round_robin;
    const topic = unique();
    const a = await RawClient.connect(broker.tcp, { auto: false });
    await a.subscribe(`$share/g/${topic}`, { qos: 2 });
    const p = await RawClient.connect(broker.tcp);
    await p.publish(topic, 'x', { qos: 2 });
    await a.expect('publish');
    const [b] = await group(broker, 1, topic, 2);
    await a.drop();
    await b.expectNothing(p);
  });

  test('members that come and go during a flood: nothing is lost, nothing doubled', async () => {
    const broker = brokers.round_robin;
    const topic = unique();
    const [steady] = await group(broker, 1, topic);
    const p = await RawClient.connect(broker.tcp);
    let stop = false;
    const gone = [];
    const coming = (async () => {
      while (!stop) {
        const [c] = await group(broker, 1, topic);
        await c.ping();
        await c.unsubscribe(`$share/g/${topic}`);
        await c.settle();
        await c.disconnect();
        gone.push(c);
      }
    })();
    let total = 0;
    for (; total < 600 || gone.length < 3; total += 1) await p.publish(topic, `${total}`, { qos: 1 });
    stop = true;
    await coming;
    const all = () => [steady, ...gone].flatMap((c) => payloads(c, topic));
    // What was on its way to a member that has gone comes to another one by a detour.
    await until(() => all().length >= total, `${total} messages`);
    await steady.settle(p);
    assert.equal(new Set(all()).size, total);
    assert.equal(all().length, total);
  });

  test('MQTT.js 3.1.1 and 5 share one group', async () => {
    const url = brokers.round_robin.url();
    const topic = unique();
    const members = await Promise.all(mqttjs.VERSIONS.map(({ protocolVersion }) => mqttjs.connect(url, { protocolVersion })));
    for (const m of members) await m.subscribeAsync(`$share/js/${topic}`, { qos: 1 });
    const p = await mqttjs.connect(url);
    for (let i = 0; i < 20; i += 1) await p.publishAsync(topic, `${i}`, { qos: 1 });
    await Promise.all(members.map((m) => m.received(10)));
    for (const c of [...members, p]) await c.endAsync();
    assert.deepEqual(members.map((m) => m.inbox.length), [10, 10]);
  });
});
