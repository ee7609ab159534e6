// What rules hand to actions, over many lives of the broker: rows of objects (`async`: the acknowledgement says that they
// are in the action's buffer), an object for each message (`sync`: it says that the object is there), and rows of an Iceberg table.
// All go to directory:local, whose files are read here.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';

import { icebergRows } from '../e2e/lib/iceberg_rows.mjs';
import { until } from '../e2e/lib/wait.mjs';
import { identify } from './payload.mjs';
import { Publisher } from './publisher.mjs';

const BUCKET = 'sinks';
const resource_opts = { max_buffer_bytes: '1GiB', resume_interval: '100ms' };
const ACTIONS = [
  {
    name: 'rows', topic: 'k/rows', resource_opts,
    parameters: {
      mode: 'aggregated', bucket: BUCKET, key: '${action}/${node}/${datetime.unix}/${sequence}',
      container: { type: 'json_lines' }, aggregation: { time_interval: '1s', max_records: 50 },
    },
  },
  {
    name: 'table', topic: 'k/table', resource_opts,
    parameters: {
      mode: 'aggregated', bucket: BUCKET, key: 'table', container: { type: 'iceberg' }, aggregation: { time_interval: '1s', max_records: 500 },
    },
  },
  {
    name: 'each', topic: 'k/each', resource_opts: { ...resource_opts, query_mode: 'sync' },
    parameters: { mode: 'direct', bucket: BUCKET, key: 'each/${clientid}-${id}', content: '${payload}' },
  },
];

export const sinkPublishers = () => ACTIONS.map(({ name, topic }) => new Publisher({ name: `sink-${name}`, topic, qos: 1 }));

export async function createSinks(ask) {
  for (const { name, topic, parameters, resource_opts: opts } of ACTIONS) {
    await ask('POST', '/actions', { type: 's3', name, connector: 'directory:local', parameters, resource_opts: opts });
    const payload = name !== 'each' ? 'base64_encode(payload) as payload' : 'payload';
    await ask('POST', '/rules', { id: name, sql: `SELECT ${payload}, clientid, id FROM "${topic}"`, actions: [`s3:${name}`] });
  }
}

// The rows in the order of their objects: by the start of the interval, then by the sequence.
function rows(action) {
  const dir = path.join(action, fs.readdirSync(action)[0]); // the node
  const numerically = (a, b) => Number(a) - Number(b);
  return fs.readdirSync(dir).sort(numerically).flatMap((interval) =>
    fs.readdirSync(path.join(dir, interval)).sort(numerically).flatMap((sequence) =>
      fs.readFileSync(path.join(dir, interval, sequence), 'utf8').trimEnd().split('\n')
        .map((line) => Buffer.from(JSON.parse(line).payload, 'base64'))));
}

const table = async (dir) => {
  const found = await icebergRows(dir, (url) => (fs.existsSync(url) ? fs.readFileSync(url) : null));
  return found.map(({ payload }) => Buffer.from(payload, 'base64'));
};
const each = (dir) => fs.readdirSync(dir).map((name) => fs.readFileSync(path.join(dir, name)));

// Every acknowledged message is stored, byte for byte; none more often than it was sent.
function check(found, publisher) {
  const times = new Map();
  for (const bytes of found) {
    const { publisher: name, number } = identify(bytes);
    assert.equal(name, publisher.name);
    times.set(number, (times.get(number) ?? 0) + 1);
  }
  const lost = [...publisher.acknowledged].filter((number) => !times.has(number));
  assert.deepEqual(lost.slice(0, 10), [], `${publisher.name}: ${lost.length} acknowledged messages are not stored`);
  const copied = [...times].filter(([number, count]) => count > publisher.timesSent(number));
  assert.deepEqual(copied.slice(0, 10), [], `${publisher.name}: ${copied.length} messages are stored more often than they were sent`);
  return [...times.keys()];
}

// Returns how many messages are stored.
export async function checkSinks(ask, data, publishers) {
  let stored = 0;
  for (const { name } of ACTIONS) {
    await until(async () => {
      const { metrics: m } = await ask('GET', `/actions/s3:${name}/metrics`);
      assert.equal(m.matched, m.success + m.failed + m.dropped + m.inflight + m.queuing, JSON.stringify(m));
      assert.equal(m.failed + m.dropped, 0, JSON.stringify(m));
      return m.queuing + m.inflight === 0;
    }, `the buffer of ${name} to be stored`, { timeout_ms: 60_000, step_ms: 100 });
  }
  for (const { name } of ACTIONS) { // nothing is asked any more: reading takes so long that the broker would hang up
    const dir = path.join(data, 'objects', BUCKET, name);
    const found = await { rows, table, each }[name](dir);
    const numbers = check(found, publishers.find((publisher) => publisher.name === `sink-${name}`));
    const late = name === 'rows' ? numbers.findIndex((number, i) => number < numbers[i - 1]) : -1;
    assert.equal(late, -1, `${name}: out of order: ${numbers.slice(late - 5, late + 5)}`);
    stored += numbers.length;
  }
  return stored;
}
