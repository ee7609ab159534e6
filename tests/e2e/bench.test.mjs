// `varve bench station`: the log in the generator's own process, and the four modes against a broker with a station.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';

import { Broker, varve } from './lib/broker.mjs';
import { temporaryDirectory } from './lib/temporary.mjs';

async function json(args, options) {
  const { code, stdout, stderr } = await varve([...args, '--json'], options);
  assert.equal(code, 0, `varve ${args.join(' ')}: ${stderr}`);
  return JSON.parse(stdout);
}

function assertClean(result) {
  for (const name of ['lost', 'duplicates', 'order_violations']) assert.equal(result[name], 0, name);
}

async function brokerWithStation(t) {
  const dir = temporaryDirectory();
  const data = path.join(dir, 'data');
  const broker = await Broker.during(t, {}, { dir });
  const made = await broker.cli('station', 'create', 'bench', '--topic', 'bench/#');
  assert.equal(made.code, 0, made.stderr);
  return data;
}

describe('varve bench station', { concurrency: 2 }, () => {
  test('append finds every record again and leaves nothing behind', async () => {
    const dir = path.join(temporaryDirectory(), 'log');
    const result = await json(['bench', 'station', 'append', '--seconds', '1', '--dir', dir]);
    assert.equal(result.mode, 'append');
    assert.ok(result.messages > 0 && result.syncs > 0 && result.disk_megabytes_per_second > 0);
    assert.equal(result.verified, true);
    assertClean(result);
    assert.equal(fs.existsSync(dir), false);
  });

  test('produce, consume, replay and groups count what a broker does with a station', async (t) => {
    const data = await brokerWithStation(t);
    const at = (...args) => json(['bench', 'station', ...args, '--data', data, '--pubs', '4', '--window', '50']);

    const produced = await at('produce', '--count', '2000');
    assert.equal(produced.acked, 2000);
    assert.equal(produced.total_delivered, 2000);
    assertClean(produced);

    const consumed = await at('consume', '--duration', '0.5', '--warmup', '0', '--subs', '2', '--qos', '1');
    assert.ok(consumed.total_published > 0);
    assert.equal(consumed.total_delivered, 2 * consumed.total_published);
    assertClean(consumed);

    // What stands in the station from the runs before is told apart.
    const before = 2000 + consumed.total_published;
    const replayed = await at('replay', '--count', '1000', '--qos', '1', '-V', '5');
    assert.equal(replayed.total_delivered, 1000);
    assert.equal(replayed.foreign, before);
    assertClean(replayed);

    const read = await at('groups', '--count', '1000', '--members', '3', '--start', `offset:${before + 1000}`);
    assert.equal(read.shares.reduce((sum, share) => sum + share), 1000);
    assert.equal(read.redelivered, 0);
    assertClean(read);
  });

  test('recovery finds every acknowledged message after kill -9', async () => {
    const dir = path.join(temporaryDirectory(), 'bench');
    const result = await json(['bench', 'station', 'recovery', '--dir', dir, '--stations', '3', '--bytes', '1MiB',
      '--payload', '1000', '--rounds', '2']);
    assert.equal(result.starts.length, 2);
    assert.equal(result.acked, Math.floor(1048576 / 1000) + 3);
    assert.equal(result.found, result.acked);
    assert.equal(result.lost, 0);
    assert.ok(result.start.rss_bytes > 0 && result.start.open_files > 0);
    assert.equal(fs.existsSync(dir), false);
  });
});
