// The description of the API, from which clients and the dashboard make their types: whole, and true of what is answered.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Broker } from './lib/broker.mjs';
import { connect } from './lib/mqttjs.mjs';
import { StationApi } from './lib/stations.mjs';

let broker;
let api;
let doc;
before(async () => {
  broker = await Broker.start();
  api = new StationApi(broker);
  doc = await api.ok('GET', '/openapi.json');
});
after(() => broker.stop());

const named = (schema) => (schema?.$ref ? doc.components.schemas[schema.$ref.split('/').pop()] : schema);
const parts = (schema) => schema.allOf ?? schema.anyOf ?? schema.oneOf;
const answerOf = (path, method = 'get') => {
  const [, response] = Object.entries(doc.paths[`/api/v5${path}`][method].responses).find(([code]) => code.startsWith('2'));
  return response.content['application/json'].schema;
};

test('every answer is described to its last property', () => {
  const weak = new Set();
  const seen = new Set();
  const look = (given, where) => {
    const schema = named(given);
    if (schema === undefined) return weak.add(`${where}: nothing`);
    if (seen.has(schema)) return null;
    seen.add(schema);
    if (parts(schema)) return parts(schema).forEach((one) => look(one, where));
    if (schema.type === undefined) return weak.add(`${where}: no type`);
    if (schema.type === 'array') return look(schema.items, `${where}[]`);
    if (schema.type !== 'object') return null;
    if (!schema.properties && !schema.additionalProperties) return weak.add(`${where}: an object without properties`);
    return Object.entries(schema.properties ?? {}).forEach(([key, one]) => look(one, `${where}.${key}`));
  };
  for (const [where, item] of Object.entries(doc.paths))
    for (const [method, { responses }] of Object.entries(item))
      for (const [code, { content }] of Object.entries(responses))
        if (code.startsWith('2') && content?.['application/json']) look(content['application/json'].schema, `${method} ${where}`);
  assert.deepEqual([...weak], []);
});

test('every tag and operation is there once', () => {
  const tags = doc.tags.map(({ name }) => name);
  assert.deepEqual(tags, [...new Set(tags)]);
  const used = Object.values(doc.paths).flatMap((item) => Object.values(item).flatMap((one) => one.tags));
  assert.deepEqual([...new Set(used)].sort(), [...tags].sort());
});

// Properties that are answered and not described.
function undescribed(value, given, where) {
  const schema = named(given);
  if (value === null || typeof value !== 'object') return [];
  if (Array.isArray(value)) {
    const items = schema.items ?? parts(schema)?.map(named).find((one) => one.type === 'array')?.items ?? {};
    return value.flatMap((one) => undescribed(one, items, `${where}[]`));
  }
  const all = {};
  let free = false;
  const gather = (one) => {
    const it = named(one);
    (parts(it) ?? []).forEach(gather);
    Object.assign(all, it.properties);
    free ||= Boolean(it.additionalProperties);
  };
  gather(schema);
  return Object.entries(value).flatMap(([key, one]) =>
    key in all ? undescribed(one, all[key], `${where}.${key}`) : free ? [] : [`${where}.${key}`]);
}

test('what is answered is described', async (t) => {
  const client = await connect(broker.url('tcp.default'), { protocolVersion: 5, clientId: 'c' });
  t.after(() => client.endAsync(true));
  await client.subscribeAsync('x/#', { qos: 1 });
  await client.publishAsync('x/1', 'y', { retain: true, qos: 1, properties: { userProperties: { a: 'b' } } });
  await api.ok('POST', '/stations', { name: 's', topics: ['s/#'], tier: { enabled: true } });
  await client.publishAsync('s/1', 'y', { qos: 1 });
  await api.ok('POST', '/stations/s/groups/g/fetch', {});
  await api.ok('POST', '/actions', { type: 's3', name: 'a', connector: 'directory:local', parameters: { bucket: 'b', key: 'k' } });
  await api.ok('POST', '/rules', { id: 'r', sql: 'SELECT * FROM "t"', actions: ['s3:a', { function: 'console' }], metadata: { a: 1 } });
  const wrong = [];
  for (const [path, where] of [
    ['/rules'], ['/rules/{id}', '/rules/r'], ['/rules/{id}/metrics', '/rules/r/metrics'], ['/rule_events'], ['/rule_functions'], ['/rule_engine'],
    ['/actions'], ['/actions/{id}', '/actions/s3:a'], ['/actions/{id}/metrics', '/actions/s3:a/metrics'], ['/actions_summary'],
    ['/connectors'], ['/connectors/{id}', '/connectors/directory:local'],
    ['/stations'], ['/stations/{name}', '/stations/s'], ['/stations/{name}/tier', '/stations/s/tier'], ['/stations/{name}/groups', '/stations/s/groups'],
    ['/clients'], ['/clients/{clientid}', '/clients/c'], ['/subscriptions'], ['/topics'], ['/mqtt/retainer/messages'],
    ['/stats'], ['/metrics'], ['/nodes'], ['/jobs'], ['/authentication'],
  ])
    wrong.push(...undescribed(await api.ok('GET', where ?? path), answerOf(path), path));
  assert.deepEqual([...new Set(wrong)], []);
});
