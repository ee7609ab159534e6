// A publisher that lives through many lives of its broker: what was not acknowledged when the connection broke, it sends
// again on the next one, as MQTT asks for.
//
// QoS 1: with a message id of its own for each message (user property `msg-id`), so that the station drops the second copy;
// without (MQTT 3.1.1), where copies are allowed. QoS 2: with the same packet identifier in a session that outlives the
// connection, so that there is no second copy, with a message id or without.

import { RawClient } from '../e2e/lib/raw.mjs';
import * as packet from '../e2e/lib/packet.mjs';
import { payload } from './payload.mjs';

const WINDOW = 16;
const PATIENCE_MS = 60_000; // a broker that is busy with removals and a disk that is busy with others answer late
const LASTING = { sessionExpiryInterval: 3600 };

export class Publisher {
  constructor({ name, topic, qos, version = 5, messageId = false }) {
    Object.assign(this, { name, topic, qos, version, messageId });
    this.sent = 0; // numbers 1 to `sent` have been sent
    this.acknowledged = new Set();
    this.open = new Map(); // packet id → {number, released}
    this.ids = 0;
    this.refused = 0;
    this.again = new Map(); // number → how often it was sent after the first time
  }

  timesSent(number) {
    return number > this.sent ? 0 : 1 + (this.again.get(number) ?? 0);
  }

  // Publishes until the connection breaks or `stopped()` says so.
  async run(address, stopped) {
    const durable = this.qos === 2;
    const client = await RawClient.connect(address, {
      version: this.version,
      clientId: this.name,
      clean: !durable,
      properties: durable ? LASTING : undefined,
      auto: false,
    });
    if (durable && this.sent > 0 && !client.connack.sessionPresent) throw new Error(`${this.name}: the session is lost`);
    this.sendAgain(client);
    while (!client.closed && !(stopped() && this.open.size === 0)) {
      while (!stopped() && this.open.size < WINDOW) this.sendNext(client);
      try {
        this.take(client, await client.next(PATIENCE_MS));
      } catch (error) {
        if (client.closed) return;
        throw error;
      }
    }
    if (!client.closed) await client.drop();
  }

  sendAgain(client) {
    const before = [...this.open.entries()].sort(([, a], [, b]) => a.number - b.number);
    if (this.qos === 1) this.open.clear(); // a session of its own each time: identifiers mean nothing any more
    for (const [id, one] of before) {
      if (!one.released) this.again.set(one.number, (this.again.get(one.number) ?? 0) + 1);
      if (this.qos === 1) this.publish(client, this.nextId(), one.number, false);
      else if (one.released) client.ack('pubrel', id);
      else this.publish(client, id, one.number, true);
    }
  }

  nextId() {
    do this.ids = (this.ids % 65535) + 1;
    while (this.open.has(this.ids));
    return this.ids;
  }

  sendNext(client) {
    this.sent += 1;
    this.publish(client, this.nextId(), this.sent, false);
  }

  publish(client, id, number, dup) {
    const { version, topic, qos } = this;
    const properties = this.messageId ? { userProperties: [['msg-id', `${this.name}-${number}`]] } : undefined;
    this.open.set(id, { number, released: false });
    client.send(packet.publish({ version, topic, qos, id, dup, payload: payload(this.name, number), properties }));
  }

  take(client, { type, id, reason = 0 }) {
    const one = this.open.get(id);
    if (!one || !['puback', 'pubrec', 'pubcomp'].includes(type)) return;
    if (reason >= 0x80) {
      this.refused += 1;
      this.open.delete(id);
      return;
    }
    if (type === 'puback' || type === 'pubrec') this.acknowledged.add(one.number);
    if (type === 'pubrec') {
      one.released = true;
      client.ack('pubrel', id);
    } else {
      this.open.delete(id);
    }
  }
}
