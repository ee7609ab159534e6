// Parquet files: what Varve writes, independent readers read, and the other way round. `parquet_tool` of the unit tests writes
// files whose rows come from a seed, and shows the rows of any file; here they are compared, value by value, with what DuckDB,
// hyparquet and parquet-wasm (the Rust implementation of Arrow) make of the same file.
//
// VARVE_SEED=n repeats the schemas and rows of a failure.

import { DuckDBInstance } from '@duckdb/node-api';
import { asyncBufferFromFile, parquetMetadata, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import * as wasm from 'parquet-wasm';

import { VARVE_BIN } from './lib/broker.mjs';
import { temporaryDirectory } from './lib/temporary.mjs';

const TOOL = path.join(path.dirname(VARVE_BIN), 'tests/unit/parquet_tool');
const SEED = Number(process.env.VARVE_SEED ?? randomInt(1, 2 ** 40));
console.log(`VARVE_SEED=${SEED}`);

const dir = temporaryDirectory();

// Runs the tool: {columns, rows}, each row an array of values in the tool's form.
async function tool(...args) {
  const stdout = await new Promise((resolve, reject) => {
    execFile(TOOL, args.map(String), { maxBuffer: 1 << 30 }, (error, out, stderr) =>
      error ? reject(new Error(`parquet_tool ${args.join(' ')}: ${stderr || error.message}`)) : resolve(out));
  });
  const lines = stdout.trimEnd().split('\n').map((line) => JSON.parse(line));
  return { columns: lines[0].columns, rows: lines.slice(1) };
}

// ---- Values of readers in the tool's form -----------------------------------------------------------------------------

function hex(bytes) {
  return { hex: Buffer.from(bytes).toString('hex') };
}

function real(value, type) {
  // The tool prints floats as the doubles that they are.
  return { real: Object.is(value, -0) ? '-0' : String(type === 'float' ? Math.fround(value) : value) };
}

// Of a time of any unit; nanoseconds are cut towards the past.
function micros(value) {
  if (value.millis !== undefined) return value.millis * 1000n;
  if (value.nanos !== undefined) return value.nanos / 1000n - (value.nanos % 1000n < 0n ? 1n : 0n);
  return value.micros ?? value;
}

function plain(value, type) {
  if (value === null || value === undefined) return null;
  switch (type) {
    case 'boolean': return value;
    case 'float':
    case 'double': return real(value, type);
    case 'date': return String(value.days ?? value);
    case 'timestamptz': return String(micros(value));
    case 'string': return hex(typeof value === 'string' ? Buffer.from(value, 'utf8') : value);
    case 'binary': return hex(value.bytes ?? value);
    default: return String(value);
  }
}

// Members of structures and elements of lists, wrapped as each reader does it.
const member = (value, name) => (value?.entries && !Array.isArray(value) ? value.entries[name] : value?.[name]);
const elements = (value) => (value === null || value === undefined ? null : value.items ?? value);

function leaf(value, names, type) {
  if (value === null || value === undefined) return null;
  const list = elements(value);
  if (Array.isArray(list)) return list.map((element) => leaf(element, names, type));
  if (names.length !== 0) return leaf(member(value, names[0]), names.slice(1), type);
  return plain(value, type);
}

function toRows(objects, columns) {
  return objects.map((object) =>
    columns.map(({ path: name, type }) => {
      const [first, ...rest] = name.split('.');
      return leaf(object[first], rest, type);
    }));
}

// Reals of the tool, too, so that both are written the same way.
function normalise(rows) {
  const fix = (value) => {
    if (Array.isArray(value)) return value.map(fix);
    return value?.real === undefined ? value : real(Number(value.real), 'double');
  };
  return rows.map(fix);
}

function assertSameRows(actual, expected, what) {
  assert.equal(actual.length, expected.length, `${what}: number of rows`);
  for (let i = 0; i < actual.length; i++) {
    if (JSON.stringify(actual[i]) !== JSON.stringify(expected[i])) assert.deepEqual(actual[i], expected[i], `${what}: row ${i}`);
  }
}

// ---- Readers -----------------------------------------------------------------------------------------------------------

const duckdb = await (await DuckDBInstance.create(':memory:')).connect();
await duckdb.run("set timezone = 'UTC'");

async function duckdbRows(file, columns, clause = '') {
  const result = await duckdb.runAndReadAll(`select * from read_parquet('${file}') ${clause}`);
  return toRows(result.getRowObjects(), columns);
}

const parsers = {
  timestampFromMilliseconds: (value) => value * 1000n,
  timestampFromMicroseconds: (value) => value,
  timestampFromNanoseconds: (value) => value / 1000n,
  dateFromDays: (value) => value,
  stringFromBytes: (bytes) => bytes && Buffer.from(bytes),
};

async function hyparquetRows(file, columns) {
  const objects = await parquetReadObjects({ file: await asyncBufferFromFile(file), compressors, parsers, utf8: false });
  return toRows(objects, columns);
}

// ---- Ours, read by others ----------------------------------------------------------------------------------------------

const VARIANTS = [];
for (const codec of ['none', 'snappy', 'gzip', 'lz4_raw', 'zstd']) {
  for (const encoding of ['plain', 'dictionary', 'delta']) VARIANTS.push({ codec, encoding });
}

describe('files of Varve', { concurrency: 1 }, () => {
  for (const [index, { codec, encoding }] of VARIANTS.entries()) {
    test(`${codec}, ${encoding}: DuckDB and hyparquet read the rows that were written`, async () => {
      for (let k = 0; k < 4; k++) {
        const seed = SEED + index * 4 + k;
        const file = path.join(dir, `ours-${seed}.parquet`);
        const layout = k % 2 === 0 ? ['page_rows=64', 'group_rows=200'] : [];
        const ours = await tool('write', seed, 500, file, `codec=${codec}`, `encoding=${encoding}`, ...layout);
        const expected = normalise(ours.rows);
        assertSameRows(await duckdbRows(file, ours.columns), expected, `DuckDB, seed ${seed}`);
        assertSameRows(await hyparquetRows(file, ours.columns), expected, `hyparquet, seed ${seed}`);
      }
    });
  }

  test('every element of the schema that is a field has its id, and only those', async () => {
    for (let seed = SEED; seed < SEED + 20; seed++) {
      const file = path.join(dir, `ids-${seed}.parquet`);
      await tool('write', seed, 1, file);
      const { schema } = parquetMetadata(new Uint8Array(fs.readFileSync(file)).buffer);
      const ids = schema.slice(1).filter((element) => element.name !== 'list').map((element) => element.field_id);
      assert.deepEqual([...ids].sort((a, b) => a - b), ids.map((_, i) => i + 1), `seed ${seed}`);
      for (const element of schema.filter(({ name }) => name === 'list')) assert.equal(element.field_id, undefined);
    }
  });

  test('statistics of DuckDB and ours agree: filters find what is there', async () => {
    const file = path.join(dir, 'filter.parquet');
    await tool('write', SEED, 2000, file, 'page_rows=100', 'group_rows=500');
    const { columns } = await tool('read', file);
    for (const { path: name, type } of columns.filter(({ path: p, in_list: l }) => !p.includes('.') && !l)) {
      if (['float', 'double'].includes(type)) continue; // NaN has another order in SQL
      const [[all]] = (await duckdb.runAndReadAll(`select count(*) from (select ${name} v from '${file}') where v is not null`)).getRows();
      const [[found]] = (await duckdb.runAndReadAll(
        `with t as (select min(${name}) a, max(${name}) b from '${file}') select count(*) from '${file}', t where ${name} >= a and ${name} <= b`)).getRows();
      assert.equal(found, all, name);
    }
  });
});

// ---- Others', read by us -----------------------------------------------------------------------------------------------

const MESSAGES = `
  select i as "offset",
         to_timestamp(1700000000 + i / 7) as "timestamp",
         'site/' || (i % 17) || '/temperature' as topic,
         case when i % 3 = 0 then null else '{"t":' || (i * 7919 % 1000) / 10 || ',"id":"' || i || '"}' end as payload,
         case when i % 3 = 0 then encode('bytes ' || i) end as payload_bytes,
         case when i % 5 = 0 then null when i % 5 = 1 then []
              else list_transform(range(i % 4 + 1), lambda x: {'key': 'k' || x, 'value': case when x % 2 = 0 then null else 'v' || (i * x) end})
         end as headers,
         (i % 3)::integer as qos, i % 2 = 0 as retain,
         (i * 0.37)::float as f, case when i % 11 = 0 then null else sqrt(i) end as d,
         date '2024-01-01' + (i % 400)::integer as day,
         case when i % 2 = 0 then (i % 100)::tinyint end as small, i::uinteger as wide,
         make_timestamp_ms(i * 987654321 - 1000000)::timestamp_ms as milliseconds, make_timestamp_ns(i * 98765 - 1000000) as nanoseconds,
         [i, null, i * 2] as numbers,
         null::varchar as nothing
    from range(4000) t(i)`;

describe('files of DuckDB', { concurrency: 1 }, () => {
  const options = [];
  for (const codec of ['uncompressed', 'snappy', 'gzip', 'zstd', 'brotli', 'lz4', 'lz4_raw']) {
    for (const version of ['v1', 'v2']) options.push(`codec ${codec}, parquet_version ${version}`);
  }
  options.push('codec zstd, row_group_size 2048', 'codec zstd, dictionary_size_limit 1', 'codec snappy, string_dictionary_page_size_limit 2000',
    'codec zstd, compression_level 19, row_group_size 2048, parquet_version v2');
  for (const option of options) {
    test(option, async () => {
      const file = path.join(dir, `duckdb-${option.replace(/\W+/g, '-')}.parquet`);
      await duckdb.run(`copy (${MESSAGES}) to '${file}' (format parquet, ${option})`);
      const { columns, rows } = await tool('read', file);
      const expected = await duckdbRows(file, columns);
      assertSameRows(normalise(rows), expected, option);
      assertSameRows(normalise((await tool('read', file, 'index', 'at_once=77')).rows), expected, option);
    });
  }
});

describe('files of parquet-wasm', { concurrency: 1 }, () => {
  const { Compression, Encoding, WriterVersion } = wasm;
  const source = path.join(dir, 'source.parquet');
  const properties = [];
  for (const codec of ['UNCOMPRESSED', 'SNAPPY', 'GZIP', 'BROTLI', 'LZ4', 'ZSTD', 'LZ4_RAW']) properties.push({ codec, version: 'V1' });
  for (const codec of ['UNCOMPRESSED', 'ZSTD']) properties.push({ codec, version: 'V2' });
  for (const version of ['V1', 'V2']) {
    properties.push({ codec: 'ZSTD', version, strings: 'DELTA_BYTE_ARRAY', integers: 'DELTA_BINARY_PACKED', reals: 'BYTE_STREAM_SPLIT' });
    properties.push({ codec: 'SNAPPY', version, strings: 'DELTA_LENGTH_BYTE_ARRAY', integers: 'BYTE_STREAM_SPLIT', small: true });
  }
  for (const { codec, version, strings, integers, reals, small } of properties) {
    const name = [codec, version, strings, integers, reals, small ? 'small pages' : ''].filter(Boolean).join(' ');
    test(name, async () => {
      if (!fs.existsSync(source)) await duckdb.run(`copy (${MESSAGES}) to '${source}' (format parquet)`);
      let builder = new wasm.WriterPropertiesBuilder()
        .setCompression(Compression[codec])
        .setWriterVersion(WriterVersion[version]);
      if (strings) builder = builder.setDictionaryEnabled(false);
      for (const column of strings ? ['topic', 'payload', 'payload_bytes', 'nothing'] : []) builder = builder.setColumnEncoding(column, Encoding[strings]);
      for (const column of integers ? ['offset', 'timestamp', 'qos', 'day', 'wide'] : []) builder = builder.setColumnEncoding(column, Encoding[integers]);
      for (const column of reals ? ['f', 'd'] : []) builder = builder.setColumnEncoding(column, Encoding[reals]);
      if (small) builder = builder.setDataPageSizeLimit(1000).setWriteBatchSize(100).setMaxRowGroupSize(1500);
      const table = wasm.readParquet(new Uint8Array(fs.readFileSync(source)));
      const file = path.join(dir, `wasm-${name.replace(/\W+/g, '-')}.parquet`);
      fs.writeFileSync(file, wasm.writeParquet(table, builder.build()));
      const { columns, rows } = await tool('read', file);
      const expected = await duckdbRows(source, columns);
      assertSameRows(normalise(rows), expected, name);
      assertSameRows(normalise((await tool('read', file, 'index')).rows), expected, name);
      const used = (await duckdb.runAndReadAll(`select distinct encodings from parquet_metadata('${file}')`)).getRows().join();
      for (const encoding of [strings, integers, reals].filter(Boolean)) assert.ok(used.includes(encoding), `${encoding} in ${used}`);
    });
  }
});
