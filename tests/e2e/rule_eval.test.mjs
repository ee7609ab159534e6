// varve rule eval: the table of cases of the rule language, one test a category; and the command itself.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, test } from 'node:test';

import { varve } from './lib/broker.mjs';
import { parseExact, sameExact } from './lib/exact_json.mjs';

const CASES = new URL('../cases/rule_sql.jsonl', import.meta.url);

// Their mistakes are found when the rule is made, not when it runs.
const WRONG_ARGUMENT_COUNT = new Set(['misc-011', 'null-038']);

async function evaluate(lines) {
  const { code, stdout, stderr } = await varve(['rule', 'eval'], { input: lines.join('\n') });
  assert.equal(stderr, '');
  return { code, answers: stdout.trimEnd().split('\n').map((line) => parseExact(line)) };
}

async function answer(line) {
  const { code, answers } = await evaluate([JSON.stringify(line)]);
  assert.equal(code, 0);
  assert.equal(answers.length, 1);
  return answers[0];
}

function judge(expected, got) {
  if (expected.expect_no_result) return got.no_result === true;
  if (expected.expect_error) {
    const early = expected.error_stage === 'parse' || WRONG_ARGUMENT_COUNT.has(expected.id);
    return typeof got.error === 'string' && got.stage === (early ? 'parse' : 'run');
  }
  return 'result' in got && sameExact(expected.expect, got.result, expected.match === 'subset');
}

describe('the table of cases', async () => {
  const lines = fs.readFileSync(CASES, 'utf8').trimEnd().split('\n');
  const cases = lines.map((line) => parseExact(line));
  const { code, answers } = await evaluate(lines);

  test('is answered line by line', () => {
    assert.equal(code, 0);
    assert.deepEqual(answers.map((got) => got.id), cases.map((expected) => expected.id));
  });
  for (const category of new Set(cases.map((expected) => expected.cat))) {
    test(category, () => {
      const wrong = [];
      cases.forEach((expected, i) => {
        if (expected.cat === category && !judge(expected, answers[i])) wrong.push({ line: lines[i], got: answers[i] });
      });
      assert.deepEqual(wrong, []);
    });
  }
});

describe('varve rule eval', () => {
  test('answers with a result, with none, or with an error and its stage', async () => {
    const line = (sql) => JSON.stringify({ id: sql, sql, topic: 't/1', payload: '{"x":1}' });
    const { code, answers } = await evaluate([
      line('SELECT payload.x AS x FROM "t/#"'),
      line('SELECT payload.x AS x FROM "u/#"'),
      line('SELECT payload.x AS x FROM "t/#" WHERE payload.x > 1'),
      line('SELECT payload.x / 0 AS x FROM "t/#"'),
      line('SELECT payload.x AS FROM "t/#"'),
    ]);
    assert.equal(code, 0);
    const [result, elsewhere, filtered, failed, wrong] = answers;
    assert.ok(sameExact(parseExact('{"x":1}'), result.result));
    assert.equal(elsewhere.no_result, true);
    assert.equal(filtered.no_result, true);
    assert.deepEqual([failed.stage, failed.error], ['run', 'line 1, column 18: / by zero']);
    assert.deepEqual([wrong.stage, wrong.error], ['parse', "line 1, column 21: expected an alias, not 'FROM'"]);
  });

  test('tells undefined, bytes and floats from their likes', async () => {
    const { result } = await answer({
      id: 1, topic: 't', context: { payload: { $hex: 'ff00' }, a: { $undef: true }, f: { deep: [{ $hex: 'fe' }] } },
      sql: 'SELECT payload, a, b, 2 / 1 AS float, 4 div 2 AS int, f, 10000000000 * 10000000000 AS large FROM t',
    });
    const expected = '{"payload":{"$hex":"ff00"},"a":{"$undef":true},"b":{"$undef":true},"float":2.0,"int":2,' +
      '"f":{"deep":[{"$hex":"fe"}]},"large":100000000000000000000}';
    assert.ok(sameExact(parseExact(expected), result), JSON.stringify(result, (_, x) => (typeof x === 'bigint' ? `${x}` : x)));
  });

  test('gives back any id', async () => {
    for (const id of [7, 'seven', null, [1, { a: 'b' }]]) {
      const got = await answer({ id, topic: 't', payload: '', sql: 'SELECT 1 AS a FROM t' });
      assert.ok(sameExact(parseExact(JSON.stringify(id)), got.id));
    }
  });

  test('has the columns of an example message', async () => {
    const { result } = await answer({ id: 1, topic: 't/1', payload: 'x', sql: 'SELECT * FROM "t/#"', context: { qos: 2 } });
    const columns = ['event', 'id', 'clientid', 'username', 'peerhost', 'peername', 'qos', 'flags', 'publish_received_at', 'timestamp',
      'node', 'pub_props', 'client_attrs', 'metadata', 'topic', 'payload'];
    assert.deepEqual(Object.keys(result).sort(), columns.sort());
    assert.equal(result.qos.value, 2n);
    assert.equal(result.topic, 't/1');
  });

  test('goes on after a line that it cannot read, and says so in the end', async () => {
    const good = JSON.stringify({ id: 2, topic: 't', payload: '', sql: 'SELECT 1 AS a FROM t' });
    const { code, answers } = await evaluate(['{"id":', '[]', '{"id":3,"sql":5}', '', good]);
    assert.equal(code, 1);
    assert.deepEqual(answers.map((got) => got.stage), ['parse', 'parse', 'parse', undefined]);
    assert.match(answers[2].error, /"sql" must be a string/);
    assert.equal(answers[3].result.a.value, 1n);
  });
});

describe('help and usage', () => {
  test('varve rule --help shows an example', async () => {
    const { code, stdout } = await varve(['rule', '--help']);
    assert.equal(code, 0);
    assert.match(stdout, /^usage: varve rule/);
    assert.match(stdout, /example/);
  });
  for (const args of [[], ['fly'], ['eval', 'x'], ['eval', '--nix'], ['eval', '--json']]) {
    test(`varve rule ${args.join(' ')} is wrong usage`, async () => {
      const { code, stderr } = await varve(['rule', ...args]);
      assert.equal(code, 2);
      assert.match(stderr, /--help tells/);
    });
  }
  test('varve rule functions lists them, for machines too', async () => {
    const plain = await varve(['rule', 'functions']);
    const json = await varve(['rule', 'functions', '--json']);
    assert.match(plain.stdout, /^div\(a, b\): /m);
    const functions = JSON.parse(json.stdout);
    const div = functions.find((row) => row.name === 'div');
    assert.deepEqual([div.args_min, div.args_max, div.category], [2, 2, 'Arithmetic']);
    assert.equal(plain.stdout.trimEnd().split('\n').length, functions.length);
  });
});
