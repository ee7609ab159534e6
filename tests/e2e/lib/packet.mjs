// MQTT 3.1, 3.1.1 and 5 on the wire, for tests: encoders that let a test write any byte it likes, and a decoder that
// is strict about what a server may send.
//
// It stands beside MQTT.js and mqtt-packet because those keep user properties in a map (their order is lost) and refuse
// to build what a malformed-input test needs. packet.test.mjs checks it against mqtt-packet.
//
// Property values are given and returned as an object: {messageExpiryInterval: 5, userProperties: [['k', 'v'], …],
// subscriptionIdentifier: [1, 2]}. The decoder throws ProtocolViolation on anything that a server must not send.

export class ProtocolViolation extends Error {}

export const TYPES = [
  'reserved', 'connect', 'connack', 'publish', 'puback', 'pubrec', 'pubrel', 'pubcomp', 'subscribe', 'suback',
  'unsubscribe', 'unsuback', 'pingreq', 'pingresp', 'disconnect', 'auth',
];

// ---- Scalars -------------------------------------------------------------------------------------------------------

export const u8 = (n) => Buffer.from([n]);
export const u16 = (n) => Buffer.from([n >> 8, n & 255]);
export function u32(n) {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(n);
  return out;
}
export function varint(n) {
  const out = [];
  do {
    out.push((n & 127) | (n > 127 ? 128 : 0));
    n >>>= 7;
  } while (n > 0);
  return Buffer.from(out);
}
// Two bytes of length, then the bytes: a string, or a Buffer for what is no valid string.
export function str(value) {
  const bytes = Buffer.isBuffer(value) ? value : Buffer.from(value, 'utf8');
  return Buffer.concat([u16(bytes.length), bytes]);
}

// ---- Properties (MQTT 5, section 2.2.2.2) --------------------------------------------------------------------------

const ACKS = ['puback', 'pubrec', 'pubrel', 'pubcomp', 'suback', 'unsuback'];
// id: [name, type, packets of a server that may carry it]
const PROPERTIES = {
  0x01: ['payloadFormatIndicator', 'bool', ['publish']],
  0x02: ['messageExpiryInterval', 'u32', ['publish']],
  0x03: ['contentType', 'str', ['publish']],
  0x08: ['responseTopic', 'str', ['publish']],
  0x09: ['correlationData', 'bin', ['publish']],
  0x0b: ['subscriptionIdentifier', 'varint', ['publish']],
  0x11: ['sessionExpiryInterval', 'u32', ['connack']], // a server must not send it in DISCONNECT [MQTT-3.14.2-2]
  0x12: ['assignedClientIdentifier', 'str', ['connack']],
  0x13: ['serverKeepAlive', 'u16', ['connack']],
  0x15: ['authenticationMethod', 'str', ['connack', 'auth']],
  0x16: ['authenticationData', 'bin', ['connack', 'auth']],
  0x17: ['requestProblemInformation', 'u8', []],
  0x18: ['willDelayInterval', 'u32', []],
  0x19: ['requestResponseInformation', 'u8', []],
  0x1a: ['responseInformation', 'str', ['connack']],
  0x1c: ['serverReference', 'str', ['connack', 'disconnect']],
  0x1f: ['reasonString', 'str', ['connack', 'disconnect', 'auth', ...ACKS]],
  0x21: ['receiveMaximum', 'u16', ['connack']],
  0x22: ['topicAliasMaximum', 'u16', ['connack']],
  0x23: ['topicAlias', 'u16', ['publish']],
  0x24: ['maximumQoS', 'bool', ['connack']],
  0x25: ['retainAvailable', 'bool', ['connack']],
  0x26: ['userProperties', 'pair', ['connack', 'publish', 'disconnect', 'auth', ...ACKS]],
  0x27: ['maximumPacketSize', 'u32', ['connack']],
  0x28: ['wildcardSubscriptionAvailable', 'bool', ['connack']],
  0x29: ['subscriptionIdentifiersAvailable', 'bool', ['connack']],
  0x2a: ['sharedSubscriptionAvailable', 'bool', ['connack']],
};
const PROPERTY_BY_NAME = new Map(
  Object.entries(PROPERTIES).map(([id, [name, type]]) => [name, { id: Number(id), type }]),
);
const REPEATABLE = ['userProperties', 'subscriptionIdentifier'];
const NON_ZERO = ['receiveMaximum', 'topicAlias', 'maximumPacketSize', 'subscriptionIdentifier'];

const ENCODE = { bool: u8, u8, u16, u32, varint, str, bin: str, pair: ([k, v]) => Buffer.concat([str(k), str(v)]) };

// One property without any check: property(0x11, u32(5)).
export const property = (id, bytes) => Buffer.concat([u8(id), bytes]);

function propertyList(properties) {
  const out = [];
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === undefined) continue;
    const { id, type } = PROPERTY_BY_NAME.get(name) ?? {};
    if (!id) throw new Error(`no property is called ${name}`);
    const values = REPEATABLE.includes(name) && Array.isArray(value) ? value : [value];
    for (const one of values) out.push(property(id, ENCODE[type](one)));
  }
  return Buffer.concat(out);
}
// With the length in front. `properties` may be a Buffer: the list as it is.
export function props(properties) {
  const list = Buffer.isBuffer(properties) ? properties : propertyList(properties);
  return Buffer.concat([varint(list.length), list]);
}
const propsIf5 = (version, properties) => (version === 5 ? props(properties) : Buffer.alloc(0));

// ---- Encoders ------------------------------------------------------------------------------------------------------

// Any packet: first byte and the rest; the remaining length is right.
export function frame(first, ...parts) {
  const body = Buffer.concat(parts);
  return Buffer.concat([u8(first), varint(body.length), body]);
}

export function connect(options = {}) {
  const { version = 5, clientId = '', clean = true, keepAlive = 0, username, password, will, properties } = options;
  const flags =
    (username !== undefined ? 0x80 : 0) |
    (password !== undefined ? 0x40 : 0) |
    (will?.retain ? 0x20 : 0) |
    ((will?.qos ?? 0) << 3) |
    (will ? 0x04 : 0) |
    (clean ? 0x02 : 0);
  const parts = [
    str(options.protocolName ?? (version === 3 ? 'MQIsdp' : 'MQTT')),
    u8(options.level ?? version),
    u8(options.flags ?? flags),
    u16(keepAlive),
    propsIf5(version, properties),
    str(clientId),
  ];
  if (will) parts.push(propsIf5(version, will.properties), str(will.topic), str(will.payload ?? ''));
  if (username !== undefined) parts.push(str(username));
  if (password !== undefined) parts.push(str(password));
  return frame(options.first ?? 0x10, ...parts, options.trailing ?? Buffer.alloc(0));
}

export function publish({ version = 5, topic = '', payload = '', qos = 0, retain, dup, id, properties, first }) {
  const header = first ?? (0x30 | (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0));
  const identifier = qos > 0 || id !== undefined ? u16(id) : Buffer.alloc(0);
  return frame(header, str(topic), identifier, propsIf5(version, properties), Buffer.from(payload));
}

// puback, pubrec, pubrel, pubcomp
export function ack(type, { version = 5, id, reason, properties, first }) {
  const parts = [u16(id)];
  if (version === 5 && (reason !== undefined || properties)) parts.push(u8(reason ?? 0));
  if (version === 5 && properties) parts.push(props(properties));
  return frame(first ?? ((TYPES.indexOf(type) << 4) | (type === 'pubrel' ? 2 : 0)), ...parts);
}

export function subscriptionOptions({ qos = 0, noLocal, retainAsPublished, retainHandling = 0 }) {
  return qos | (noLocal ? 4 : 0) | (retainAsPublished ? 8 : 0) | (retainHandling << 4);
}

// filters: [{filter, qos, noLocal, retainAsPublished, retainHandling, options}]; options is the byte itself
export function subscribe({ version = 5, id = 1, filters, properties, first = 0x82 }) {
  const entries = filters.map((f) => Buffer.concat([str(f.filter), u8(f.options ?? subscriptionOptions(f))]));
  return frame(first, u16(id), propsIf5(version, properties), ...entries);
}

export function unsubscribe({ version = 5, id = 1, filters, properties, first = 0xa2 }) {
  return frame(first, u16(id), propsIf5(version, properties), ...filters.map(str));
}

export const pingreq = () => Buffer.from([0xc0, 0]);

export function disconnect({ version = 5, reason, properties, first = 0xe0 } = {}) {
  if (version !== 5 || (reason === undefined && !properties)) return frame(first);
  return frame(first, u8(reason ?? 0), properties ? props(properties) : Buffer.alloc(0));
}

export function auth({ reason = 0x18, properties, first = 0xf0 }) {
  return frame(first, u8(reason), props(properties));
}

// ---- Decoder: what a server sends ----------------------------------------------------------------------------------

// Reason codes that a server may use (MQTT 5, section 2.4 and the tables of each packet).
const REASONS = {
  connack: [
    0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99, 0x9a, 0x9b,
    0x9c, 0x9d, 0x9f,
  ],
  puback: [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
  pubrec: [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
  pubrel: [0x00, 0x92],
  pubcomp: [0x00, 0x92],
  suback: [0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2],
  unsuback: [0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91],
  disconnect: [
    0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99,
    0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
  ],
  auth: [0x00, 0x18],
};
const FLAGS = { pubrel: 2 };

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

class Reader {
  constructor(bytes, what) {
    this.bytes = bytes;
    this.at = 0;
    this.what = what;
  }
  fail(why) {
    throw new ProtocolViolation(`${this.what}: ${why} [${this.bytes.toString('hex').slice(0, 400)}]`);
  }
  get left() {
    return this.bytes.length - this.at;
  }
  take(n) {
    if (n > this.left) this.fail(`ends ${n - this.left} bytes too early`);
    this.at += n;
    return this.bytes.subarray(this.at - n, this.at);
  }
  u8() {
    return this.take(1)[0];
  }
  bool() {
    const value = this.u8();
    if (value > 1) this.fail(`a flag is ${value}`);
    return value;
  }
  u16() {
    return this.take(2).readUInt16BE();
  }
  u32() {
    return this.take(4).readUInt32BE();
  }
  varint() {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.u8();
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) {
        if (byte === 0 && shift > 0) this.fail('a variable byte integer is longer than it needs to be');
        return value;
      }
    }
    return this.fail('a variable byte integer has more than four bytes');
  }
  bin() {
    return Buffer.from(this.take(this.u16()));
  }
  str() {
    const bytes = this.take(this.u16());
    let text;
    try {
      text = utf8.decode(bytes);
    } catch {
      this.fail('a string is no UTF-8');
    }
    if (text.includes('\0')) this.fail('a string has U+0000');
    return text;
  }
  pair() {
    return [this.str(), this.str()];
  }
  properties(type) {
    const end = this.varint() + this.at;
    if (end > this.bytes.length) this.fail('the property length goes beyond the packet');
    const out = {};
    while (this.at < end) {
      const id = this.u8();
      const [name, kind, packets] = PROPERTIES[id] ?? this.fail(`property 0x${id.toString(16)} is unknown`);
      if (!packets.includes(type)) this.fail(`property ${name} is not for this packet`);
      const value = this[kind]();
      if (NON_ZERO.includes(name) && value === 0) this.fail(`${name} is 0`);
      if (REPEATABLE.includes(name)) (out[name] ??= []).push(value);
      else if (name in out) this.fail(`${name} comes twice`);
      else out[name] = value;
    }
    if (this.at !== end) this.fail('a property goes beyond the property length');
    return out;
  }
}

function decodeBody(type, flags, reader, version) {
  const five = version === 5;
  const packet = { type };
  switch (type) {
    case 'connack': {
      const acknowledge = reader.u8();
      if (acknowledge > 1) reader.fail('reserved bits of the acknowledge flags are set');
      packet.sessionPresent = acknowledge === 1;
      packet.reason = reader.u8();
      if (!five && packet.reason > 5) reader.fail(`return code ${packet.reason}`);
      packet.properties = five ? reader.properties(type) : {};
      if (packet.reason !== 0 && packet.sessionPresent) reader.fail('session present beside a refusal');
      break;
    }
    case 'publish':
      packet.dup = (flags & 8) !== 0;
      packet.qos = (flags >> 1) & 3;
      packet.retain = (flags & 1) !== 0;
      if (packet.qos === 3) reader.fail('QoS 3');
      if (packet.qos === 0 && packet.dup) reader.fail('DUP with QoS 0');
      packet.topic = reader.str();
      if (/[+#]/.test(packet.topic)) reader.fail('wildcards in a topic name');
      if (packet.qos > 0) {
        packet.id = reader.u16();
        if (packet.id === 0) reader.fail('packet identifier 0');
      }
      packet.properties = five ? reader.properties(type) : {};
      if (packet.topic === '' && !packet.properties.topicAlias) reader.fail('neither topic name nor alias');
      packet.payload = Buffer.from(reader.take(reader.left));
      break;
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
      packet.id = reader.u16();
      packet.reason = five && reader.left > 0 ? reader.u8() : 0;
      packet.properties = five && reader.left > 0 ? reader.properties(type) : {};
      break;
    case 'suback':
    case 'unsuback':
      packet.id = reader.u16();
      packet.properties = five ? reader.properties(type) : {};
      packet.reasons = [...reader.take(reader.left)];
      if (!five && type === 'unsuback' && packet.reasons.length > 0) reader.fail('a payload in MQTT 3');
      break;
    case 'pingresp':
      break;
    case 'disconnect':
      if (!five) reader.fail('a server of MQTT 3 sends no DISCONNECT');
      packet.reason = reader.left > 0 ? reader.u8() : 0;
      packet.properties = reader.left > 0 ? reader.properties(type) : {};
      break;
    case 'auth':
      if (!five) reader.fail('MQTT 3 has no AUTH');
      packet.reason = reader.left > 0 ? reader.u8() : 0;
      packet.properties = reader.left > 0 ? reader.properties(type) : {};
      break;
    default:
      reader.fail('a server does not send this packet');
  }
  if (reader.left > 0) reader.fail(`${reader.left} bytes too many`);
  const codes = packet.reasons ?? (packet.reason === undefined ? [] : [packet.reason]);
  const allowed = five ? REASONS[type] : type === 'suback' ? [0, 1, 2, 0x80] : undefined;
  for (const code of codes) {
    if (allowed && !allowed.includes(code)) reader.fail(`reason code 0x${code.toString(16)}`);
  }
  return packet;
}

// Turns a stream of bytes into packets. `version` may be set later, but before the first packet.
export class Decoder {
  constructor(version = 5) {
    this.version = version;
    this.rest = Buffer.alloc(0);
  }
  // Returns the packets that are complete. Each has `type`, its fields and `bytes` (the whole length).
  push(chunk) {
    this.rest = this.rest.length > 0 ? Buffer.concat([this.rest, chunk]) : chunk;
    const out = [];
    for (;;) {
      const header = this.header();
      if (!header || this.rest.length < header.total) return out;
      const type = TYPES[this.rest[0] >> 4];
      const flags = this.rest[0] & 15;
      const reader = new Reader(this.rest.subarray(header.length, header.total), `${type} from the server`);
      if (type !== 'publish' && flags !== (FLAGS[type] ?? 0)) reader.fail(`flags ${flags}`);
      const packet = decodeBody(type, flags, reader, this.version);
      packet.bytes = header.total;
      this.rest = this.rest.subarray(header.total);
      out.push(packet);
    }
  }
  header() {
    let remaining = 0;
    for (let i = 1; i < this.rest.length && i <= 4; i += 1) {
      remaining += (this.rest[i] & 127) * 128 ** (i - 1);
      if (this.rest[i] < 128) {
        if (this.rest[i] === 0 && i > 1) throw new ProtocolViolation('the remaining length is longer than needed');
        return { length: i + 1, total: i + 1 + remaining };
      }
    }
    if (this.rest.length > 4) throw new ProtocolViolation('the remaining length has more than four bytes');
    return null;
  }
}
