// Rules and actions on the command line: varve rule, varve action, varve apply.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Broker, varve } from './lib/broker.mjs';
import { cliOf } from './lib/cli.mjs';
import { StationApi } from './lib/stations.mjs';
import { unique } from './lib/wait.mjs';

let broker;
let api;
before(async () => {
  broker = await Broker.start();
  api = new StationApi(broker);
});
after(() => broker.stop());

const { done, json, fails } = cliOf(() => broker);

describe('help and usage', () => {
  for (const name of ['rule', 'action']) {
    test(`varve ${name} --help shows an example`, async () => {
      const { code, stdout } = await varve([name, '--help']);
      assert.equal(code, 0);
      assert.match(stdout, new RegExp(`^usage: varve ${name}[^]*example: `));
    });
  }
  for (const args of [
    ['rule', 'create'], ['rule', 'create', 'r'], ['rule', 'list', 'r'], ['rule', 'show', 'r', '--sql', 'x'], ['rule', 'test'],
    ['rule', 'test', 'r', '--sql', 'x'], ['rule', 'test', 'r', '--set', 'a=b'], ['rule', 'test', 'r', '--context', '[]'],
    ['rule', 'create', 'r', '--action', '{'], ['action', 'create', 'archive', '--set', 'a=b'], ['action', 'update', 's3:a'], ['action', 'show', 's3:a', '--force'],
  ]) {
    test(`varve ${args.join(' ')} is wrong usage`, () => fails(2, /--help tells/, ...args));
  }
});

describe('varve rule', () => {
  const sql = 'SELECT payload.temp AS t FROM "t/#" WHERE t > 40';

  test('creates, lists, shows, changes, disables and deletes', async () => {
    const id = unique('r');
    assert.equal(await done('rule', 'create', id, '--sql', sql, '--action', 'console', '--action', 'station:s', '--desc', 'hot ones'),
      `rule ${id} created: the station of action 2 does not exist: what it is to get fails until it does\n`);
    const shown = await json('rule', 'show', id);
    assert.deepEqual([shown.sql, shown.description, shown.actions], [sql, 'hot ones', [{ function: 'console' }, { function: 'station', args: { station: 's' } }]]);
    assert.match(await done('rule', 'list'), new RegExp(`^rule +status +from -> actions\n(.*\n)*${id} +running +t/# -> console,station`));
    assert.equal(await done('rule', 'update', id, '--action', '{"function":"republish","args":{"topic":"x"}}', '--set', 'name=hot'), `rule ${id} changed\n`);
    const changed = await json('rule', 'show', id);
    assert.deepEqual([changed.name, changed.actions[0].function, changed.description], ['hot', 'republish', 'hot ones']);
    assert.equal(await done('rule', 'disable', id), `rule ${id} disabled\n`);
    assert.equal((await json('rule', 'show', id)).status, 'disabled');
    assert.equal(await done('rule', 'enable', id), `rule ${id} enabled\n`);
    assert.equal((await json('rule', 'metrics', id)).matched, 0);
    assert.deepEqual(await json('rule', 'delete', id), { deleted: id });
    await fails(1, /there is no rule/, 'rule', 'show', id);
  });

  test('tells that an action or a station does not exist', async () => {
    const id = unique('r');
    assert.equal(await done('rule', 'create', id, '--sql', sql, '--action', 's3:nowhere'),
      `rule ${id} created: action s3:nowhere does not exist: what it is to get is discarded until it does\n`);
    const shown = await json('rule', 'show', id);
    assert.deepEqual([shown.status, shown.action_details], ['running', [{ type: 's3', name: 'nowhere', status: 'not_found' }]]);
    assert.equal(await done('rule', 'update', id, '--action', 'console'), `rule ${id} changed\n`);
    assert.equal(await done('rule', 'update', id, '--sql', 'SELECT * FROM "$station/nowhere"'),
      `rule ${id} changed: $station/nowhere: there is no such station: the rule goes on once there is\n`);
    await done('rule', 'update', id, '--sql', sql);
    assert.equal((await json('rule', 'show', id)).status_reason, undefined);
    await done('rule', 'delete', id);
  });

  test('tells line and column of a mistake', () => fails(1, /line 1, column 11: /, 'rule', 'create', unique('r'), '--sql', 'SELECT a, FROM "t"'));

  test('tries a rule, or a statement, over an example', async () => {
    const id = unique('r');
    await done('rule', 'create', id, '--sql', sql);
    assert.deepEqual(JSON.parse(await done('rule', 'test', id, '--topic', 't/1', '--payload', '{"temp":41}')), { t: 41 });
    await fails(1, /Not Match/, 'rule', 'test', id, '--topic', 't/1', '--payload', '{"temp":1}');
    const event = ['--sql', 'SELECT clientid FROM "$events/client/connected"', '--event', 'client_connected', '--context', '{"clientid":"me"}'];
    assert.deepEqual(JSON.parse(await done('rule', 'test', ...event)), { clientid: 'me' });
    await fails(1, /there is no rule/, 'rule', 'test', 'nobody');
    await done('rule', 'delete', id);
  });
});

describe('varve action', () => {
  const sets = ['--set', 'connector=directory:local', '--set', 'parameters.bucket=b', '--set', 'parameters.key=${clientid}'];

  test('creates, lists, shows, changes, disables and deletes', async () => {
    const id = `s3:${unique('a')}`;
    const rule = unique('r');
    assert.match(await done('action', 'create', id, ...sets, '--desc', 'mine'), new RegExp(`^action ${id} created: connected`));
    await done('rule', 'create', rule, '--sql', 'SELECT * FROM "nothing"', '--action', id);
    assert.match(await done('action', 'list'), new RegExp(`^action +status +connector +rules\n(.*\n)*${id} +connected +directory:local +${rule}`));
    assert.match(await done('action', 'update', id, '--set', 'resource_opts.query_mode=sync'), /changed: connected/);
    const shown = await json('action', 'show', id);
    assert.deepEqual([shown.resource_opts.query_mode, shown.description, shown.parameters.key], ['sync', 'mine', '${clientid}']);
    assert.equal(await done('action', 'start', id), `action ${id} started\n`);
    assert.equal(await done('action', 'disable', id), `action ${id} disabled\n`);
    await fails(1, /is disabled/, 'action', 'start', id);
    assert.equal(await done('action', 'enable', id), `action ${id} enabled\n`);
    assert.equal((await json('action', 'metrics', id)).matched, 0);
    await fails(1, new RegExp(`used by rule ${rule}`), 'action', 'delete', id);
    assert.equal(await done('action', 'delete', id, '--force'), `action ${id} deleted\n`);
    await done('rule', 'delete', rule);
  });

  test('tells whether one would work, and creates nothing', async () => {
    await api.ok('POST', '/connectors/directory:local/probe', { bucket: 'there' }); // makes the bucket
    const good = ['--set', 'connector=directory:local', '--set', 'parameters.key=k'];
    const id = `s3:${unique('a')}`;
    assert.equal(await done('action', 'test', id, ...good, '--set', 'parameters.bucket=there'), `action ${id} would work\n`);
    await fails(1, /there is no connector s3:nobody/, 'action', 'test', id, '--set', 'connector=nobody', '--set', 'parameters.key=k');
    await fails(1, /key: is missing/, 'action', 'test', id, '--set', 'connector=directory:local');
    await fails(1, /there is no action/, 'action', 'show', id);
  });
});

describe('actions_probe', () => {
  const action = (more = {}) => ({ type: 's3', name: unique('a'), connector: 'directory:local', parameters: { key: 'k', bucket: 'there' }, ...more });

  test('answers 204, 400 TEST_FAILED with the reason, or 400 BAD_REQUEST', async () => {
    assert.equal((await api.call('POST', '/actions_probe', action())).status, 204);
    assert.equal((await api.call('POST', '/actions_probe', action({ parameters: { key: 'k', bucket: '${clientid}' } }))).status, 204);
    assert.equal((await api.call('POST', '/actions_probe', action({ parameters: { key: 'k', bucket: 'made-by-the-first-upload' } }))).status, 204);
    const connector = unique('d');
    await api.ok('POST', '/connectors', { type: 'directory', name: connector, path: connector, enable: false });
    assert.equal((await api.fails(400, 'POST', '/actions_probe', action({ connector: `directory:${connector}` }))).code, 'TEST_FAILED');
    assert.equal((await api.fails(400, 'POST', '/actions_probe', action({ connector: 'nobody' }))).code, 'BAD_REQUEST');
    assert.equal((await api.fails(400, 'POST', '/actions_probe', action({ parameters: { mode: 'x' } }))).code, 'BAD_REQUEST');
    assert.equal((await api.fails(400, 'POST', '/actions_probe', action({ type: 'kafka' }))).code, 'BAD_REQUEST');
  });
});

describe('varve apply', () => {
  const write = (text) => {
    const name = path.join(broker.dir, `${unique('apply')}.yaml`);
    fs.writeFileSync(name, text);
    return name;
  };
  const apply = (text, ...options) => done('apply', '-f', write(text), ...options);
  const text = (name, { sql = 'SELECT payload.temp AS t FROM "t/#"', key = 'k/${clientid}', qos = 1 } = {}) => `
rules:
  - id: ${name}
    sql: ${sql}
    description: hot
    actions: ["s3:${name}", {function: republish, args: {topic: "a/\${clientid}", qos: ${qos}, retain: false, mqtt_properties: {Content-Type: text/plain}}}, {function: station, args: {station: ${name}}}]
    metadata: {owner: me}
actions:
  - type: s3
    name: ${name}
    connector: directory:${name}
    parameters: {bucket: b, key: "${key}", headers: {x-a: b}}
    fallback_actions: [{kind: republish, args: {topic: "lost/\${clientid}", qos: 1}}]
stations:
  - name: ${name}
connectors:
  - {type: directory, name: ${name}, path: ${name}}
`;

  test('declares all of it in the order in which it depends on each other, once', async () => {
    const name = unique('d').toLowerCase();
    assert.match(await apply(text(name), '--dry-run'), /^connector .* would be created\nstation .*\naction .*\nrule .* would be created\n4 created.*nothing is done/);
    await fails(1, /there is no rule/, 'rule', 'show', name);
    assert.match(await apply(text(name)), /^connector .* created\nstation .* created\naction .* created\nrule .* created\n4 created, 0 changed, 0 unchanged/);
    assert.match(await apply(text(name)), /0 created, 0 changed, 4 unchanged/);
    assert.deepEqual((await json('action', 'show', `s3:${name}`)).fallback_actions, [{ kind: 'republish', args: { topic: 'lost/${clientid}', qos: 1 } }]);
    const rule = await json('rule', 'show', name);
    assert.deepEqual([rule.description, rule.metadata, rule.from], ['hot', { owner: 'me' }, ['t/#']]);
    assert.deepEqual(rule.actions[1].args, { topic: 'a/${clientid}', qos: 1, retain: false, mqtt_properties: { 'Content-Type': 'text/plain' } });
  });

  test('tells what it changes, and changes no more than that', async () => {
    const name = unique('d').toLowerCase();
    await apply(text(name));
    await done('rule', 'update', name, '--set', 'name=kept');
    const told = await apply(text(name, { sql: 'SELECT 1 AS one FROM "u/#"', key: 'other' }));
    assert.match(told, /action .* changed\n {2}parameters\.key: "k\/\$\{clientid\}" -> "other"\nrule .* changed\n {2}sql: ".*" -> "SELECT 1 AS one FROM \\"u\/#\\""\n0 created, 2 changed, 2 unchanged/);
    const rule = await json('rule', 'show', name);
    assert.deepEqual([rule.name, rule.sql], ['kept', 'SELECT 1 AS one FROM "u/#"']);
  });

  test('a file that is wrong is told with its line, and nothing is done', async () => {
    for (const [wrong, message] of [
      ['rules:\n  - id: r\n    sql: SELECT a, FROM "t"\n', /:3: rules\[\]\.sql: line 1, column 11|sql: line 1, column 11/],
      ['rules:\n  - id: r\n    sql: SELECT * FROM "t"\n    actions: [{function: republish, args: {topc: x}}]\n', /topc: unknown key/],
      ['rules:\n  - id: r\n    actions: [{args: {}}]\n', /function: missing/],
      ['rules:\n  - {id: r, sql: SELECT * FROM "t"}\n  - {id: r}\n', /r is declared twice/],
      ['actions:\n  - {type: s3, name: a, connector: c, parameters: {mode: x}}\n', /mode/],
    ]) {
      await fails(1, message, 'apply', '-f', write(wrong));
    }
    assert.ok(!(await json('rule', 'list')).some((r) => r.id === 'r'));
  });
});
