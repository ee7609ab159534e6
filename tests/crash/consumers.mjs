// Consumers that live through many lives of their broker.

import { RawClient } from '../e2e/lib/raw.mjs';
import { identify } from './payload.mjs';

const LASTING = { sessionExpiryInterval: 3600 };

// Takes messages until the connection breaks or `stopped()` says so.
async function consume(client, stopped, take) {
  while (!client.closed) {
    let message;
    try {
      message = await client.next(200);
    } catch (error) {
      if (client.closed) return;
      if (stopped()) break;
      continue;
    }
    await take(message);
  }
  if (!client.closed) await client.drop();
}

// A member of a consumer group: what it has not acknowledged must come again.
export class Member {
  constructor({ name, filter, random, seen }) {
    Object.assign(this, { name, filter, random, seen }); // seen: Map "publisher:number" → times, of the whole group
  }

  async run(address, stopped) {
    const client = await RawClient.connect(address, { clientId: this.name, auto: false });
    await client.subscribe(this.filter, { qos: 1 });
    await consume(client, stopped, ({ type, id, payload: bytes }) => {
      if (type !== 'publish') return;
      const { publisher, number } = identify(bytes);
      if (this.random() < 0.02 && !stopped()) return; // forgotten: for another one
      const key = `${publisher}:${number}`;
      this.seen.set(key, (this.seen.get(key) ?? 0) + 1);
      client.ack('puback', id);
    });
  }
}

// A client with a session that outlives it: QoS 1 at least once, QoS 2 exactly once. `there`: in which part of the broker's lives it comes.
export class DurableSubscriber {
  constructor({ name, filter, qos, there = 1 }) {
    Object.assign(this, { name, filter, qos, there });
    this.seen = new Map(); // "publisher:number" → times
    this.open = new Set(); // QoS 2 identifiers before PUBREL
    this.subscribed = false;
  }

  async run(address, stopped) {
    const client = await RawClient.connect(address, {
      clientId: this.name,
      clean: false,
      properties: LASTING,
      auto: false,
    });
    if (this.subscribed && !client.connack.sessionPresent) throw new Error(`${this.name}: the session is lost`);
    if (!this.subscribed) {
      const suback = await client.subscribe(this.filter, { qos: this.qos });
      this.subscribed = suback.reasons[0] === this.qos;
    }
    await consume(client, stopped, (message) => this.take(client, message));
  }

  take(client, { type, qos, id, payload: bytes }) {
    if (type === 'pubrel') {
      this.open.delete(id);
      client.ack('pubcomp', id);
    }
    if (type !== 'publish') return;
    if (!(qos === 2 && this.open.has(id))) {
      const { publisher, number } = identify(bytes);
      const key = `${publisher}:${number}`;
      this.seen.set(key, (this.seen.get(key) ?? 0) + 1);
    }
    if (qos === 2) this.open.add(id);
    client.ack(qos === 2 ? 'pubrec' : 'puback', id);
  }
}
