// `varve bench station`: the log in the generator's own process, and the four modes against a broker with a station; `varve bench tier`, and
// `varve bench sink` against a broker, on directories and on a real S3 server.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';

import { Broker, varve } from './lib/broker.mjs';
import { S3Server } from './lib/s3.mjs';
import { StationApi } from './lib/stations.mjs';
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

    const consumed = await at('consume', '--duration', '4', '--warmup', '0', '--subs', '2', '--qos', '1');
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

// Every figure that scripts read is there and a number: none of them is judged.
function assertFigures(result, names) {
  for (const name of names) {
    const value = name.split('.').reduce((at, key) => at?.[key], result);
    assert.equal(typeof value, 'number', name);
  }
}

describe('varve bench tier', () => {
  test('migrates, replays, seeks and restores what it has appended, and leaves nothing behind', async () => {
    const dir = path.join(temporaryDirectory(), 'bench');
    const result = await json(['bench', 'tier', '--dir', dir, '--count', '5000', '--seeks', '4', '--upload-bytes', '256KiB']);
    assert.equal(result.store, 'directory');
    assert.equal(result.messages, 5000);
    assert.equal(result.raw_bytes, 5000 * 200);
    assert.equal(result.replay.messages, 5000);
    assert.equal(result.replay.raw_bytes, 5000 * 200);
    assert.equal(result.restore.messages, 5000);
    assert.equal(result.restore.bytes, result.table.bytes);
    assert.equal(result.verified, true);
    assert.equal(result.lost + result.different, 0);
    assert.equal(result.seek.by_offset.count, 2);
    assert.equal(result.seek.by_time.count, 2);
    assertFigures(result, [
      'table.files', 'table.share_of_raw', 'migrate.commits', 'migrate.puts_per_commit', 'migrate.uploaded_megabytes_per_second',
      'replay.gets_per_8mib', 'replay.gets_per_8mib_stored', 'replay.load_seconds', 'seek.by_offset.gets_max', 'seek.by_time.first_ms_median',
      ...['migrate', 'replay', 'restore'].flatMap((step) => ['seconds', 'cpu_seconds', 'megabytes_per_second', 'megabytes_per_cpu_second',
        'memory_bytes', 'puts', 'gets', 'bytes_up', 'bytes_down'].map((name) => `${step}.${name}`)),
    ]);
    assert.equal(fs.existsSync(dir), false);
  });

  test('--keep leaves the table where other programs find it', async () => {
    const dir = path.join(temporaryDirectory(), 'bench');
    const { code, stdout, stderr } = await varve(['bench', 'tier', '--dir', dir, '--count', '500', '--seeks', '0', '--keep', '--prefix', 'p']);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /MB\/s a core/);
    assert.ok(fs.existsSync(path.join(dir, 'objects/varve/p/bench/metadata/v1.metadata.json')));
  });
});

describe('on a real S3 server', () => {
  test('tier and sink say what came of it, with keys from the environment', async (t) => {
    const s3 = await S3Server.start();
    t.after(() => s3.stop());
    const store = ['--endpoint', s3.endpoint, '--bucket', 'varve-test', '--access-key-id', 'env:BENCH_KEY', '--secret-access-key', 'env:BENCH_SECRET'];
    const env = { BENCH_KEY: s3.access_key, BENCH_SECRET: s3.secret_key };
    const dir = temporaryDirectory();
    const tier = await json(['bench', 'tier', ...store, '--dir', path.join(dir, 'tier'), '--count', '2000', '--seeks', '2'], { env });
    assert.equal(tier.store, 's3');
    assert.equal(tier.replay.messages, 2000);
    assert.equal(tier.lost + tier.different, 0);
    await Broker.during(t, {}, { dir, env });
    const sink = await json(['bench', 'sink', 'direct', ...store, '--data', path.join(dir, 'data'), '--count', '100', '--pubs', '2'], { env });
    assert.equal(sink.stored, 100);
  });
});

describe('varve bench sink', () => {
  test('direct and aggregated: every message is stored, and what was made for it is gone', async (t) => {
    const store = temporaryDirectory();
    const dir = temporaryDirectory();
    const broker = await Broker.during(t, {}, { dir });
    const sink = (...args) => json(['bench', 'sink', ...args, '--data', path.join(dir, 'data'), '--directory', store, '--pubs', '4']);
    const stored = (parent) => fs.readdirSync(parent, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? stored(path.join(parent, entry.name)) : [path.join(parent, entry.name)]).filter((file) => !file.includes('%'));
    const figures = ['seconds', 'stored_per_second', 'stored_bytes', 'acked_per_second', 'queued', 'queued_bytes', 'latency_ms',
      'broker_cpu_seconds', 'broker_rss_bytes', 'broker_peak_bytes', 'generator_cpu_seconds', 'failed_uploads'];

    const direct = await sink('direct', '--count', '200', '--connections', '4', '--bucket', 'direct');
    assert.equal(direct.stored, 200);
    assert.equal(direct.objects, 200);
    assertFigures(direct, figures);
    const objects = stored(path.join(store, 'direct'));
    assert.equal(objects.length, 200);
    assert.equal(fs.statSync(objects[0]).size, 200);

    const aggregated = await sink('aggregated', '--count', '2000', '--bucket', 'aggregated', '--select', 'payload');
    assert.equal(aggregated.stored, 2000);
    assertFigures(aggregated, figures);
    const files = stored(path.join(store, 'aggregated'));
    assert.equal(files.length, aggregated.objects);
    const rows = files.flatMap((file) => fs.readFileSync(file, 'utf8').split('\n').slice(0, -1));
    assert.equal(rows.length, 2000);
    assert.equal(JSON.parse(rows[0]).payload.length, 200);

    for (const kind of ['rules', 'actions', 'connectors']) {
      const listed = await new StationApi(broker).ok('GET', `/${kind}`);
      assert.ok(!JSON.stringify(listed).includes('bench-'), kind);
    }
  });

  test('nobody there is exit code 1, and the text says what to do', async () => {
    const { code, stderr } = await varve(['bench', 'sink', 'direct', '--data', temporaryDirectory()]);
    assert.equal(code, 1);
    assert.match(stderr, /is a broker running with this data directory\?/);
  });
});
