// The broker's HTTP API for tests, with the key of its data directory.
//
//   const api = new Api(broker);
//   await api.ok('POST', '/stations', { name: 's' })      the answer's JSON; fails unless the status is 2xx
//   await api.fails(404, 'GET', '/stations/none')         the error's {code, message}
//   await api.ask('GET', '/stations/s/messages')          {status, headers, text}
//
// A body that is an object is sent as JSON; {type, body} as it is.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';

const isRaw = (body) => typeof body?.type === 'string' && 'body' in body;

export class Api {
  constructor(broker, { key } = {}) {
    this.broker = broker;
    this.key = key ?? fs.readFileSync(path.join(broker.dir, 'data/admin.key'), 'utf8').trim();
  }

  get authorization() {
    return `Basic ${Buffer.from(this.key).toString('base64')}`;
  }
  url(where) {
    const { host, port } = this.broker.listener('http');
    return `http://${host}:${port}${where.startsWith('/metrics') ? where : `/api/v5${where}`}`;
  }

  async ask(method, where, body, { headers = {}, signal } = {}) {
    const all = { authorization: this.authorization, ...headers };
    if (isRaw(body)) all['content-type'] = body.type;
    else if (body !== undefined) all['content-type'] = 'application/json';
    const answer = await fetch(this.url(where), {
      method,
      headers: all,
      body: body === undefined ? undefined : isRaw(body) ? body.body : JSON.stringify(body),
      signal,
    });
    return { status: answer.status, headers: answer.headers, text: await answer.text() };
  }
  async ok(method, where, body, options) {
    const { status, text } = await this.ask(method, where, body, options);
    assert.ok(status >= 200 && status < 300, `${method} ${where}: ${status} ${text}`);
    return text === '' ? null : JSON.parse(text);
  }
  async fails(status, method, where, body, options) {
    const answer = await this.ask(method, where, body, options);
    assert.equal(answer.status, status, `${method} ${where}: ${answer.text}`);
    return JSON.parse(answer.text);
  }
  // Lines of NDJSON as objects.
  async lines(where, options) {
    const { status, text } = await this.ask('GET', where, undefined, options);
    assert.equal(status, 200, text);
    return text === '' ? [] : text.trimEnd().split('\n').map((line) => JSON.parse(line));
  }

  // An answer that is read by hand: an http.IncomingMessage, not flowing.
  stream(where) {
    return new Promise((resolve, reject) => {
      http.get(this.url(where), { headers: { authorization: this.authorization }, agent: false }, resolve).on('error', reject);
    });
  }
}

export const ndjson = (lines) => ({
  type: 'application/x-ndjson',
  body: lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'),
});
