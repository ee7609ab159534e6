// A store that is in trouble: a proxy before a real one. Requests that it lets through arrive as they were sent, with their signature.
//
//   const store = await Flaky.start(s3.endpoint, random);
//   store.endpoint                 for a connector
//   store.trouble = 0.5            so many of its requests go wrong, each in one of store.kinds: 503 at once (busy), an answer that is
//                                  lost, one that comes late, by store.late_ms
//   await store.down(); await store.up();

import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

// Below the ports that the kernel gives out by itself, and apart from those of tests/s3: nobody else takes it while the store is down.
const PORT_FIRST = 10_000;
const PORTS = 5000;

export const KINDS = ['busy', 'lost', 'late'];
const BUSY = '<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>';

export class Flaky {
  static async start(endpoint, random) {
    const store = new Flaky();
    Object.assign(store, { target: new URL(endpoint), random, trouble: 0, kinds: KINDS, late_ms: 500, port: 0, counts: { busy: 0, lost: 0, late: 0 } });
    for (;;) {
      store.port = PORT_FIRST + Math.floor(Math.random() * PORTS);
      try {
        await store.up();
        return store;
      } catch (error) {
        if (error.code !== 'EADDRINUSE') throw error;
      }
    }
  }
  get endpoint() {
    return `http://127.0.0.1:${this.port}`;
  }

  async up() {
    this.server = http.createServer((request, response) => this.#pass(request, response)).listen(this.port, '127.0.0.1');
    await new Promise((resolve, reject) => this.server.once('listening', resolve).once('error', reject));
  }
  down() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }

  async #pass(request, response) {
    const body = [];
    request.on('error', () => {});
    response.on('error', () => {});
    const kind = this.random() < this.trouble ? this.kinds[Math.floor(this.random() * this.kinds.length)] : null;
    if (kind) this.counts[kind] += 1;
    if (request.headers.expect && kind !== 'busy') response.writeContinue();
    for await (const piece of request) body.push(piece);
    if (kind === 'busy') return response.writeHead(503, { 'content-type': 'application/xml' }).end(BUSY);
    if (kind === 'late') await sleep(this.late_ms);
    const { status, headers, data } = await this.#forward(request, Buffer.concat(body));
    if (kind === 'lost' || status === 0) return response.destroy();
    return response.writeHead(status, headers).end(data);
  }
  #forward({ method, url, headers }, body) {
    const { expect, ...others } = headers;
    return new Promise((resolve) => {
      const forwarded = http.request({ host: this.target.hostname, port: this.target.port, method, path: url, headers: others }, (answer) => {
        const data = [];
        answer.on('data', (piece) => data.push(piece));
        answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, data: Buffer.concat(data) }));
        answer.on('error', () => resolve({ status: 0 }));
      });
      forwarded.on('error', () => resolve({ status: 0 }));
      forwarded.end(body);
    });
  }
}
