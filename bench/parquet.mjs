// Parquet of Varve beside DuckDB's, in one run: bench_parquet writes and reads 200-byte messages as rows of a station's table; then
// DuckDB writes and reads the same rows, with the same codec and level, one thread. Alternating, medians; seconds of the
// processor, so that other work on the machine does not count.
//
// example: node bench/parquet.mjs [--rows 1000000] [--rounds 3] [--codec zstd] [--level 1] [--version v1]
//
// Needs `cmake --build --preset release --target bench_parquet` and the packages of tests/e2e.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const top = fileURLToPath(new URL('..', import.meta.url));
const { DuckDBInstance } = createRequire(path.join(top, 'tests/e2e/package.json'))('@duckdb/node-api');

const { values: options } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '3' },
    codec: { type: 'string', default: 'zstd' },
    level: { type: 'string', default: '1' },
    version: { type: 'string', default: 'v1' },
    args: { type: 'string', default: '' },
  },
});
const rows = Number(options.rows);
const rounds = Number(options.rounds);
const megabytes = (rows * 200) / 1e6;

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'varve-bench-'));
process.on('exit', () => fs.rmSync(dir, { recursive: true, force: true }));
const ours = path.join(dir, 'varve.parquet');
const theirs = path.join(dir, 'duckdb.parquet');
const plain = path.join(dir, 'plain.parquet');

const bench = (...args) =>
  JSON.parse(execFileSync(path.join(top, 'build/release/bench/bench_parquet'), ['--json', '--rows', options.rows, ...args]));
const level = options.codec === 'zstd' ? ['--level', options.level] : [];
const more = options.args.split(' ').filter(Boolean);

bench('--rounds', '1', '--plain', plain);
const duckdb = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect();
await duckdb.run(`create table messages as select * from '${plain}'`);

async function cpuSeconds(work) {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const results = { varve: { write: [], read: [] }, duckdb: { write: [], read: [] } };
const columns = (await duckdb.runAndReadAll('describe messages')).getRows();
// Every column is decoded and every value looked at, at the least price.
const look = { VARCHAR: (x) => `sum(strlen(${x}))`, BLOB: (x) => `sum(octet_length(${x}))`, BIGINT: (x) => `sum(${x})`,
  INTEGER: (x) => `sum(${x})` };
const sums = columns.map(([name, type]) => (look[type] ?? ((x) => `count(${x})`))(`"${name}"`)).join(', ');
const codec = `codec ${options.codec === 'none' ? 'uncompressed' : options.codec}` +
  (options.codec === 'zstd' ? `, compression_level ${options.level}` : '');
for (let round = 0; round < rounds; round++) {
  const result = bench('--rounds', '1', '--codec', options.codec, ...level, '--out', ours, ...more);
  results.varve.write.push(result.write_mb_per_s);
  results.varve.read.push(result.read_mb_per_s);
  results.duckdb.write.push(megabytes / await cpuSeconds(() =>
    duckdb.run(`copy messages to '${theirs}' (format parquet, ${codec}, parquet_version ${options.version})`)));
  results.duckdb.read.push(megabytes / await cpuSeconds(() => duckdb.run(`select ${sums} from '${theirs}'`)));
}

const sizes = { varve: fs.statSync(ours).size, duckdb: fs.statSync(theirs).size };
const [write, read] = ['write', 'read'].map((what) => [median(results.varve[what]), median(results.duckdb[what])]);
console.log(`${options.codec} ${options.level}, ${rows} messages of 200 bytes (DuckDB: parquet_version ${options.version})`);
console.log(`size   varve ${sizes.varve}  duckdb ${sizes.duckdb}  ratio ${(sizes.varve / sizes.duckdb).toFixed(3)}`);
console.log(`write  varve ${write[0].toFixed(0)} MB/s  duckdb ${write[1].toFixed(0)} MB/s  ratio ${(write[0] / write[1]).toFixed(2)}`);
console.log(`read   varve ${read[0].toFixed(0)} MB/s  duckdb ${read[1].toFixed(0)} MB/s  ratio ${(read[0] / read[1]).toFixed(2)}`);
