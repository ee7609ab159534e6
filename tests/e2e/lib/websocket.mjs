// WebSocket (RFC 6455) by hand, as a client that can cut its frames anywhere and break any rule.
//
//   const ws = await WebSocketStream.open(address, { tls, fragment: 3 });
//   const c = new RawClient(ws, { version: 5 });                     // MQTT over it
//   ws.frame(0x9, 'ping me');                                        // any frame
//   ws.control                                                       // pong, close and text frames that came

import crypto from 'node:crypto';
import net from 'node:net';
import { Duplex } from 'node:stream';
import tls from 'node:tls';

import { until } from './wait.mjs';

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };

// One frame as a client sends it: masked, unless told otherwise.
export function frame(opcode, payload = '', { fin = true, mask = true, reserved = 0 } = {}) {
  const bytes = Buffer.from(payload);
  const head = [(fin ? 0x80 : 0) | (reserved << 4) | opcode];
  const flag = mask ? 0x80 : 0;
  if (bytes.length < 126) head.push(flag | bytes.length);
  else if (bytes.length < 65536) head.push(flag | 126, bytes.length >> 8, bytes.length & 255);
  else head.push(flag | 127, 0, 0, 0, 0, ...[24, 16, 8, 0].map((shift) => (bytes.length >>> shift) & 255));
  if (!mask) return Buffer.concat([Buffer.from(head), bytes]);
  const key = crypto.randomBytes(4);
  return Buffer.concat([Buffer.from(head), key, Buffer.from(bytes.map((byte, i) => byte ^ key[i & 3]))]);
}

// options: tls, preface (bytes to send before anything else: a PROXY header)
function dial(address, options) {
  return new Promise((resolve, reject) => {
    const plain = net.connect(address);
    if (options.preface) plain.write(options.preface);
    const socket = options.tls ? tls.connect({ socket: plain, ...options.tls }) : plain;
    plain.once('error', reject);
    socket.once('error', reject);
    socket.once(options.tls ? 'secureConnect' : 'connect', () => {
      socket.off('error', reject);
      socket.setNoDelay(true);
      resolve(socket);
    });
  });
}

// The opening handshake: {socket, status, headers, rest}. headers: {name: value, or undefined to leave one out}.
export async function handshake(address, options = {}) {
  const key = crypto.randomBytes(16).toString('base64');
  const headers = {
    host: `${address.host}:${address.port}`,
    upgrade: 'websocket',
    connection: 'Upgrade',
    'sec-websocket-key': key,
    'sec-websocket-version': '13',
    'sec-websocket-protocol': 'mqtt',
    ...options.headers,
  };
  const lines = Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]));
  const request = `${options.method ?? 'GET'} ${options.path ?? '/mqtt'} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
  const socket = await dial(address, options);
  let got = Buffer.alloc(0);
  let closed = false;
  const onData = (chunk) => (got = Buffer.concat([got, chunk]));
  socket.on('data', onData);
  socket.on('error', () => {});
  socket.on('close', () => (closed = true));
  if (options.trickle) {
    for (const byte of Buffer.from(request)) {
      socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
  } else {
    socket.write(Buffer.concat([Buffer.from(request), options.follow ?? Buffer.alloc(0)]));
  }
  await until(() => closed || got.includes('\r\n\r\n'), 'the answer to the WebSocket handshake');
  socket.off('data', onData);
  const end = got.indexOf('\r\n\r\n');
  if (end < 0) return { socket, status: 0, headers: {}, rest: got };
  const [first, ...fields] = got.subarray(0, end).toString().split('\r\n');
  const answer = Object.fromEntries(fields.map((f) => [f.slice(0, f.indexOf(':')).toLowerCase(), f.slice(f.indexOf(':') + 1).trim()]));
  const accept = crypto.createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  return { socket, status: Number(first.split(' ')[1]), headers: answer, rest: got.subarray(end + 4), accepted: answer['sec-websocket-accept'] === accept };
}

// The payload of binary frames as a stream. options: fragment (bytes in each frame, messages of `perMessage` frames).
export class WebSocketStream extends Duplex {
  static async open(address, options = {}) {
    const { socket, status, headers, rest, accepted } = await handshake(address, options);
    if (status !== 101 || !accepted) {
      socket.destroy();
      throw new Error(`WebSocket handshake: ${status}`);
    }
    return new WebSocketStream(socket, rest, { ...options, protocol: headers['sec-websocket-protocol'] });
  }

  constructor(socket, rest, options) {
    super();
    this.socket = socket;
    this.options = options;
    this.protocol = options.protocol;
    this.control = [];
    this.buffer = Buffer.alloc(0);
    socket.on('data', (chunk) => this.parse(chunk));
    socket.on('close', () => this.destroy());
    if (rest.length > 0) this.parse(rest);
  }

  parse(chunk) {
    this.buffer = Buffer.concat([this.buffer, chunk]);
    for (;;) {
      if (this.buffer.length < 2) return;
      let length = this.buffer[1] & 127;
      let at = 2;
      if (this.buffer[1] & 0x80) throw new Error('the server masks a frame');
      if (length === 126) [length, at] = this.buffer.length < 4 ? [Infinity, 4] : [this.buffer.readUInt16BE(2), 4];
      else if (length === 127) [length, at] = this.buffer.length < 10 ? [Infinity, 10] : [Number(this.buffer.readBigUInt64BE(2)), 10];
      if (this.buffer.length < at + length) return;
      const payload = this.buffer.subarray(at, at + length);
      const opcode = this.buffer[0] & 15;
      if (opcode === OPCODE.binary || opcode === OPCODE.continuation) this.push(Buffer.from(payload));
      else this.control.push({ opcode, payload: Buffer.from(payload) });
      this.buffer = this.buffer.subarray(at + length);
    }
  }

  // Any frame at all.
  frame(opcode, payload, options) {
    this.socket.write(frame(opcode, payload, options));
  }

  _read() {}
  _write(chunk, _encoding, done) {
    const { fragment } = this.options;
    if (!fragment) {
      this.frame(OPCODE.binary, chunk);
      return done();
    }
    // One message in many frames, and a message that ends in the middle of a packet now and then.
    for (let at = 0; at < chunk.length; at += fragment) {
      const fresh = at % (fragment * 3) === 0;
      const last = at + fragment >= chunk.length || (at + fragment) % (fragment * 3) === 0;
      this.frame(fresh ? OPCODE.binary : OPCODE.continuation, chunk.subarray(at, at + fragment), { fin: last });
    }
    return done();
  }
  _final(done) {
    this.socket.end();
    done();
  }
  _destroy(error, done) {
    this.socket.destroy();
    done(error);
  }
}
