// Iceberg tables: what Varve writes, independent readers read. `iceberg_tool` of the unit tests makes a table in a directory by
// the commands it is given and tells which rows it holds. icebird reads the table whole, from metadata.json on; python3-avro
// reads every manifest and manifest list; DuckDB reads the data files that the snapshot names.

import { DuckDBInstance } from '@duckdb/node-api';
import { icebergManifests, icebergMetadata, icebergRead } from 'icebird';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { VARVE_BIN } from './lib/broker.mjs';
import { temporaryDirectory } from './lib/temporary.mjs';

const TOOL = path.join(path.dirname(VARVE_BIN), 'tests/unit/iceberg_tool');
const AVRO_DUMP = fileURLToPath(new URL('lib/avro_dump.py', import.meta.url));
const dir = temporaryDirectory();
const run = (file, ...args) => new Promise((resolve, reject) => {
  execFile(file, args, { maxBuffer: 1 << 30 }, (error, out, stderr) =>
    error ? reject(new Error(`${path.basename(file)}: ${stderr || error.message}`)) : resolve(out));
});

// ---- A store that gives files by HTTP, ranges of them as well --------------------------------------------------------

let server;
let base;

before(async () => {
  server = http.createServer((request, response) => {
    const file = path.join(dir, decodeURIComponent(request.url));
    if (!fs.existsSync(file)) return response.writeHead(404).end();
    const size = fs.statSync(file).size;
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const start = range ? Number(range[1]) : 0;
    const end = range && range[2] !== '' ? Math.min(Number(range[2]), size - 1) : size - 1;
    response.writeHead(range ? 206 : 200, { 'content-length': end - start + 1, 'content-range': `bytes ${start}-${end}/${size}` });
    if (request.method === 'HEAD') return response.end();
    return fs.createReadStream(file, { start, end }).pipe(response);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  base = `http://127.0.0.1:${server.address().port}`;
});
after(() => {
  server.closeAllConnections();
  server.close();
});

let tables = 0;

// Makes a table: its URL, its directory, what the tool tells of it and the rows that it holds.
async function makeTable(...commands) {
  const name = `table-${tables += 1}`;
  const url = `${base}/${name}`;
  const lines = (await run(TOOL, path.join(dir, name), url, ...commands)).trimEnd().split('\n').map((line) => JSON.parse(line));
  return { url, dir: path.join(dir, name), told: lines[0], rows: lines.slice(1), local: (uri) => path.join(dir, uri.slice(base.length)) };
}

const HISTORY = ['append:30', 'append:120', 'days:10', 'evolve', 'append:5', 'compact:2', 'append:3', 'append:3', 'append:3',
  'append:7', 'delete:1', 'expire:3', 'append:2', 'append:2', 'append:2', 'append:60', 'delete:2', 'days:40'];

// ---- Rows in the tool's form -----------------------------------------------------------------------------------------

const hex = (bytes) => (bytes === null || bytes === undefined ? null : { hex: Buffer.from(bytes).toString('hex') });

function icebirdRow(row, expected) {
  const out = {
    offset: String(row.offset),
    timestamp: String(BigInt(row.timestamp.getTime()) * 1000n + 123n), // what the tool's microseconds are within a millisecond
    topic: row.topic,
    payload: row.payload ?? null,
    payload_bytes: row.payload_bytes ?? null,
    qos: row.qos,
    retain: row.retain,
    headers: row.headers?.length ? row.headers : null,
  };
  if ('extra' in expected) out.extra = row.extra ?? null;
  return out;
}

// icebird makes text of binary, whatever is in it.
const asText = (row) => ({
  ...row,
  payload_bytes: row.payload_bytes && new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.from(row.payload_bytes.hex, 'hex')),
});

async function icebirdRows(table) {
  const rows = await icebergRead({ tableUrl: table.url });
  return rows.map((row, i) => icebirdRow(row, table.rows[i] ?? {}))
    .sort((a, b) => (BigInt(a.offset) < BigInt(b.offset) ? -1 : 1));
}

// ---- icebird and DuckDB ----------------------------------------------------------------------------------------------

describe('a table of messages', () => {
  for (const [what, commands] of Object.entries({
    'of one commit': ['append:50'],
    'of two days': ['days:30'],
    'whose manifests were merged': Array(12).fill('append:4'),
    'after a delete of whole files': ['append:20', 'append:20', 'append:20', 'delete:2'],
    'after compaction': ['append:20', 'append:20', 'append:20', 'compact:3', 'append:1'],
    'after the expiry of all but one snapshot': ['append:20', 'append:20', 'delete:1', 'append:20', 'expire:1'],
    'with a column that came later': ['append:20', 'evolve', 'append:20'],
    'after all of that': HISTORY,
  })) {
    test(`${what}: icebird reads every row from the metadata on`, async () => {
      const table = await makeTable(...commands);
      assert.deepEqual(await icebirdRows(table), table.rows.map(asText));
    });
  }

  test('icebird sees the snapshot id unrounded, and files by the names that were written', async () => {
    const table = await makeTable(...HISTORY);
    const metadata = await icebergMetadata({ tableUrl: table.url });
    assert.equal(String(metadata['current-snapshot-id']), table.told.snapshot);
    const files = (await icebergManifests(metadata)).flatMap(({ entries }) => entries)
      .filter(({ status }) => status !== 2).map(({ data_file }) => data_file.file_path);
    assert.deepEqual(files.sort(), [...table.told.files].sort());
  });

  test('DuckDB reads the same rows from the files that the snapshot names', async () => {
    const table = await makeTable(...HISTORY);
    const duckdb = await (await DuckDBInstance.create()).connect();
    const list = table.told.files.map((uri) => `'${table.local(uri)}'`).join(',');
    const reader = await duckdb.runAndReadAll(
      `select "offset"::varchar as "offset", epoch_us("timestamp")::varchar as t, topic, payload, payload_bytes, qos, retain,
              headers, extra
       from read_parquet([${list}], union_by_name = true) order by "offset"::bigint`);
    const rows = reader.getRowObjects().map((row) => ({
      offset: row.offset,
      timestamp: row.t,
      topic: row.topic,
      payload: row.payload,
      payload_bytes: hex(row.payload_bytes?.bytes),
      qos: row.qos,
      retain: row.retain,
      headers: row.headers?.items.map(({ entries }) => ({ key: entries.key, value: entries.value })) ?? null,
      extra: row.extra,
    }));
    assert.deepEqual(rows, table.rows);
  });

  test('a commit takes seven puts at most, two data files and the version hint among them', async () => {
    const table = await makeTable(...HISTORY);
    assert.ok(table.told.puts <= 7, `${table.told.puts}`);
    const single = await makeTable(...Array(40).fill('append:2'));
    assert.ok(single.told.puts <= 6, `${single.told.puts}`);
  });
});

// ---- python3-avro ----------------------------------------------------------------------------------------------------

describe('manifests', () => {
  test('python3-avro reads every one, and all agrees with what their lists tell', async () => {
    const table = await makeTable(...HISTORY);
    const avro = fs.readdirSync(path.join(table.dir, 'metadata')).filter((name) => name.endsWith('.avro'))
      .map((name) => path.join(table.dir, 'metadata', name));
    assert.ok(avro.length > 5);
    const files = JSON.parse(await run('/usr/bin/python3', AVRO_DUMP, ...avro));
    const metadata = JSON.parse(fs.readFileSync(path.join(table.dir, `metadata/v${table.told.version}.metadata.json`), 'utf8'));
    for (const snapshot of metadata.snapshots) checkSnapshot(table, files, snapshot, metadata);
    const lists = metadata.snapshots.map((snapshot) => table.local(snapshot['manifest-list']));
    const named = new Set(lists.flatMap((list) => [list, ...files[list].records.map((line) => table.local(line.manifest_path))]));
    assert.deepEqual(Object.keys(files).filter((file) => !named.has(file)), [], 'what nobody names has been removed');
  });

  test('what python3-avro has written of the same records, Varve reads the same', async () => {
    const table = await makeTable(...HISTORY);
    const avro = fs.readdirSync(path.join(table.dir, 'metadata')).filter((name) => name.endsWith('.avro'))
      .map((name) => path.join(table.dir, 'metadata', name));
    const dumped = JSON.parse(await run('/usr/bin/python3', AVRO_DUMP, 'null', 'deflate', ...avro));
    for (const file of avro) {
      const kind = path.basename(file).startsWith('snap-') ? 'list' : 'manifest';
      const ours = await run(TOOL, kind, file);
      assert.equal(ours.trimEnd().split('\n').length, dumped[file].records.length);
      for (const codec of ['null', 'deflate']) assert.equal(await run(TOOL, kind, `${file}.${codec}`), ours);
      if (kind === 'list') continue;
      const paths = ours.trimEnd().split('\n').map((line) => JSON.parse(line)[4]);
      assert.deepEqual(paths, dumped[file].records.map(({ data_file }) => data_file.file_path));
    }
  });

  test('the values of an entry are what the data file says of itself', async () => {
    const table = await makeTable('append:120');
    const [manifest] = fs.readdirSync(path.join(table.dir, 'metadata')).filter((name) => name.endsWith('-m0.avro'));
    const file = path.join(table.dir, 'metadata', manifest);
    const { records: [{ data_file: entry }] } = JSON.parse(await run('/usr/bin/python3', AVRO_DUMP, file))[file];
    const local = table.local(entry.file_path);
    assert.equal(entry.file_size_in_bytes, fs.statSync(local).size);
    assert.equal(entry.record_count, 120);
    assert.equal(entry.file_format, 'PARQUET');
    assert.equal(entry.content, 0);
    const duckdb = await (await DuckDBInstance.create()).connect();
    const groups = (await duckdb.runAndReadAll(
      `select min(least(data_page_offset, coalesce(dictionary_page_offset, data_page_offset))) as first
       from parquet_metadata('${local}') group by row_group_id order by row_group_id`)).getRowObjects();
    assert.deepEqual(entry.split_offsets, groups.map(({ first }) => Number(first)));
    const map = (pairs) => Object.fromEntries(pairs.map(({ key, value }) => [key, value]));
    const long = (bytes) => Buffer.from(bytes.hex, 'hex').readBigInt64LE();
    assert.deepEqual([long(map(entry.lower_bounds)[1]), long(map(entry.upper_bounds)[1])], [0n, 119n]);
    assert.equal(String(long(map(entry.upper_bounds)[2])), table.rows.at(-1).timestamp);
    const topics = table.rows.map(({ topic }) => topic).sort();
    assert.equal(Buffer.from(map(entry.lower_bounds)[3].hex, 'hex').toString(), topics[0]);
    const nulls = map(entry.null_value_counts);
    assert.equal(nulls[4], table.rows.filter(({ payload }) => payload === null).length);
    assert.equal(nulls[18], table.rows.filter((row) => row.payload_bytes === null).length);
    assert.equal(map(entry.value_counts)[1], 120);
  });
});

// Every line of the list against its manifest.
function checkSnapshot(table, files, snapshot, metadata) {
  const list = files[table.local(snapshot['manifest-list'])];
  assert.equal(list.meta['format-version'], '2');
  assert.equal(list.meta['snapshot-id'], String(snapshot['snapshot-id']));
  assert.equal(list.meta['sequence-number'], String(snapshot['sequence-number']));
  const paths = new Set();
  let records = 0;
  for (const line of list.records) {
    const file = table.local(line.manifest_path);
    const manifest = files[file];
    assert.equal(line.manifest_length, fs.statSync(file).size);
    assert.equal(line.content, 0);
    assert.equal(manifest.meta.content, 'data');
    assert.equal(manifest.meta['format-version'], '2');
    assert.equal(manifest.meta['partition-spec-id'], '0');
    assert.ok(metadata.schemas.some((schema) => String(schema['schema-id']) === manifest.meta['schema-id']));
    assert.equal(JSON.parse(manifest.meta.schema).type, 'struct');
    assert.equal(JSON.parse(manifest.meta['partition-spec'])[0].transform, 'day');
    const counts = [0, 0, 0];
    const rows = [0, 0, 0];
    let lowest = snapshot['sequence-number'];
    for (const entry of manifest.records) {
      counts[entry.status] += 1;
      rows[entry.status] += entry.data_file.record_count;
      // New files inherit their numbers, all others say them.
      const sequence = entry.status === 1 ? line.sequence_number : entry.sequence_number;
      if (entry.status === 1) assert.deepEqual([entry.sequence_number, entry.file_sequence_number], [null, null]);
      else assert.ok(entry.sequence_number > 0 && entry.file_sequence_number > 0);
      assert.ok(sequence <= snapshot['sequence-number']);
      if (entry.status === 2) continue;
      lowest = Math.min(lowest, sequence);
      assert.ok(!paths.has(entry.data_file.file_path), 'no file is there twice');
      paths.add(entry.data_file.file_path);
      records += entry.data_file.record_count;
      assert.ok(fs.existsSync(table.local(entry.data_file.file_path)), 'no file is missing');
    }
    assert.deepEqual([line.existing_files_count, line.added_files_count, line.deleted_files_count], counts);
    assert.deepEqual([line.existing_rows_count, line.added_rows_count, line.deleted_rows_count], rows);
    if (counts[0] + counts[1] > 0) assert.equal(line.min_sequence_number, lowest);
    const days = manifest.records.map(({ data_file }) => dayNumber(data_file.partition.timestamp_day));
    const int = (bytes) => Buffer.from(bytes.hex, 'hex').readInt32LE();
    const [{ contains_null, lower_bound, upper_bound }] = line.partitions;
    assert.equal(contains_null, false);
    assert.deepEqual([int(lower_bound), int(upper_bound)], [Math.min(...days), Math.max(...days)]);
  }
  assert.equal(String(records), snapshot.summary['total-records']);
  assert.equal(String(paths.size), snapshot.summary['total-data-files']);
}

// python3-avro makes dates of the logical type.
const dayNumber = (date) => Math.round(Date.parse(`${date}T00:00:00Z`) / 86400000);
