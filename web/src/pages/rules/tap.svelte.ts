// A live tap: what a statement makes of real messages and events, as they come.
//
// The broker itself evaluates: a rule of its own, tap_…, republishes its results below $tap, where nobody else sees them, and the page
// subscribes there as an MQTT client. The rule goes when the tap ends, when the page is left, and after ten minutes; what a browser
// that was killed has left behind goes when the next tap begins.

import type { MqttClient } from 'mqtt';

import { api, hooks, messageOf } from '../../api/client';
import { endpointOf } from '../tools/endpoint';

const PREFIX = 'tap_';
const ENDS_MS = 10 * 60_000;
const STALE_MS = ENDS_MS + 5 * 60_000;
const CONNECT_MS = 10_000;
const MOST = 100;

export interface Result {
  number: number;
  at: string;
  text: string;
}

export class Tap {
  state = $state<'off' | 'starting' | 'on'>('off');
  error = $state('');
  results = $state.raw<Result[]>([]);
  total = $state(0);
  #client: MqttClient | null = null;
  #rule = '';
  #timer: ReturnType<typeof setTimeout> | undefined;
  #turn = 0;

  async start(sql: string, login: { username: string; password: string }): Promise<void> {
    await this.stop();
    const turn = ++this.#turn;
    this.state = 'starting';
    this.error = '';
    this.results = [];
    this.total = 0;
    try {
      await this.#sweep();
      const id = PREFIX + Array.from(crypto.getRandomValues(new Uint8Array(6)), (byte) => byte.toString(16).padStart(2, '0')).join('');
      const topic = `$tap/${id}`;
      await this.#connect(topic, login);
      if (turn !== this.#turn) return;
      await api.post('/api/v5/rules', {
        body: { id, sql, description: 'A live tap of the dashboard. It goes by itself.', actions: [{ function: 'republish', args: { topic, payload: '', qos: 0, retain: 'false' } as never }] },
      });
      this.#rule = id;
      if (turn !== this.#turn) return await this.#remove();
      this.#timer = setTimeout(() => void this.stop(), ENDS_MS);
      this.state = 'on';
    } catch (failure) {
      const text = messageOf(failure);
      await this.stop();
      this.error = text;
    }
  }

  async #connect(topic: string, { username, password }: { username: string; password: string }): Promise<void> {
    const url = endpointOf(await api.get('/api/v5/listeners'), location);
    if (url === null) throw new Error('There is no WebSocket listener that this page reaches.');
    const { default: mqtt } = await import('mqtt');
    const client = mqtt.connect(url, {
      clientId: topic.slice(1).replace('/', '-'), username: username || undefined, password: password || undefined,
      protocolVersion: 5, reconnectPeriod: 0, connectTimeout: CONNECT_MS, timerVariant: 'native',
    });
    this.#client = client;
    client.on('message', (_, payload) => {
      this.total++;
      this.results = [{ number: this.total, at: new Date().toISOString().slice(11, 23), text: payload.toString() }, ...this.results].slice(0, MOST);
    });
    await new Promise<void>((connected, failed) => {
      client.on('connect', () => connected());
      client.on('error', (error) => failed(new Error(`MQTT: ${messageOf(error)}. Does the broker ask for a user name and password?`)));
      client.on('close', () => {
        failed(new Error(`No connection to ${url}.`));
        if (this.#client === client && this.state === 'on') void this.stop();
      });
    });
    const [granted] = await client.subscribeAsync(topic, { qos: 0 });
    if (granted && granted.qos >= 0x80) throw new Error(`The broker does not let this user subscribe ${topic}.`);
  }

  async stop(): Promise<void> {
    this.#turn++;
    clearTimeout(this.#timer);
    this.#client?.end(true);
    this.#client = null;
    this.state = 'off';
    await this.#remove();
  }

  async #remove(): Promise<void> {
    const id = this.#rule;
    this.#rule = '';
    if (id === '') return;
    try {
      await api.delete('/api/v5/rules/{id}', { path: { id } });
    } catch {
      // it is gone already, or goes with the next tap
    }
  }

  // The page is being closed: nothing is waited for any more.
  leave(): void {
    if (this.#rule !== '') void fetch(`/api/v5/rules/${this.#rule}`, { method: 'DELETE', headers: hooks.headers(), keepalive: true });
    this.#rule = '';
    this.#client?.end(true);
  }

  async #sweep(): Promise<void> {
    const { data } = await api.list('/api/v5/rules', { query: { like_id: PREFIX, limit: 1000 } });
    for (const { id = '', created_at = '' } of data) {
      if (isTap(id) && Date.now() - Date.parse(created_at) > STALE_MS) await api.delete('/api/v5/rules/{id}', { path: { id } }).catch(() => {});
    }
  }
}

export function isTap(id: string): boolean {
  return /^tap_[0-9a-f]{12}$/.test(id);
}
