// The HTTP API for tests of stations: what is wanted, or the error.
//
//   const api = new StationApi(broker);
//   await api.ok('POST', '/stations', { name: 's' })      the answer's JSON; fails unless the status is 2xx
//   await api.fails(404, 'GET', '/stations/none')         the error's {code, message}
//   await api.call('GET', '/stations/s/messages')         {status, headers, text}
//   await api.lines('/stations/s/messages')               lines of NDJSON as objects
//
// A body is sent as JSON, but {type, body} as it is.

import assert from 'node:assert/strict';
import http from 'node:http';

import { Api } from './http.mjs';

const isRaw = (body) => typeof body?.type === 'string' && 'body' in body;

export class StationApi extends Api {
  async call(method, where, body, { headers = {}, signal } = {}) {
    const all = { ...this.headers, ...headers };
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
    const { status, text } = await this.call(method, where, body, options);
    assert.ok(status >= 200 && status < 300, `${method} ${where}: ${status} ${text}`);
    return text === '' ? null : JSON.parse(text);
  }
  async fails(status, method, where, body, options) {
    const answer = await this.call(method, where, body, options);
    assert.equal(answer.status, status, `${method} ${where}: ${answer.text}`);
    return JSON.parse(answer.text);
  }
  async lines(where, options) {
    const { status, text } = await this.call('GET', where, undefined, options);
    assert.equal(status, 200, text);
    return text === '' ? [] : text.trimEnd().split('\n').map((line) => JSON.parse(line));
  }
  // An answer that is read by hand: an http.IncomingMessage, not flowing.
  stream(where) {
    return new Promise((resolve, reject) => {
      http.get(this.url(where), { headers: this.headers, agent: false }, resolve).on('error', reject);
    });
  }
}

export const ndjson = (lines) => ({
  type: 'application/x-ndjson',
  body: lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'),
});
