// Requests to a broker's HTTP API.
//
//   const api = new Api(broker);                      by its admin.key; new Api(broker, 'key:secret'), new Api(broker, null)
//   const { status, body } = await api.get('/clients?limit=5');     paths below /api/v5; others with a leading //
//   await api.post('/publish', { topic: 'a', payload: 'x' });

import fs from 'node:fs';
import path from 'node:path';

import { within } from './wait.mjs';

const REQUEST_LIMIT_MS = 60_000;

export class Api {
  constructor(broker, key = undefined) {
    this.broker = broker;
    this.key = key === undefined ? fs.readFileSync(path.join(broker.dir, 'data/admin.key'), 'utf8').trim() : key;
  }

  get base() {
    const { host, port } = this.broker.listener('http');
    return `http://${host}:${port}`;
  }

  url(where) {
    return where.startsWith('//') ? this.base + where.slice(1) : `${this.base}/api/v5${where}`;
  }

  get headers() {
    if (this.token) return { authorization: `Bearer ${this.token}` };
    return this.key ? { authorization: `Basic ${Buffer.from(this.key).toString('base64')}` } : {};
  }

  // body: an object as JSON; a string as it is.
  async ask(method, where, body, headers = {}) {
    const request = { method, headers: { ...this.headers, ...headers } };
    if (body !== undefined) {
      request.body = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
      request.headers['content-type'] ??= 'application/json';
    }
    const answer = await within(fetch(this.url(where), request), REQUEST_LIMIT_MS, `${method} ${where}`);
    const text = await answer.text();
    const json = (answer.headers.get('content-type') ?? '').startsWith('application/json');
    return { status: answer.status, body: json && text !== '' ? JSON.parse(text) : text, headers: answer.headers };
  }

  get(where, headers) {
    return this.ask('GET', where, undefined, headers);
  }
  post(where, body, headers) {
    return this.ask('POST', where, body, headers);
  }
  put(where, body, headers) {
    return this.ask('PUT', where, body, headers);
  }
  delete(where, headers) {
    return this.ask('DELETE', where, undefined, headers);
  }

  // Another one with a token of this user.
  async login(username, password) {
    const { status, body } = await this.post('/login', { username, password });
    if (status !== 200) throw new Error(`login: ${status} ${JSON.stringify(body)}`);
    const other = new Api(this.broker, null);
    other.token = body.token;
    return other;
  }
}

export const encode = encodeURIComponent;
