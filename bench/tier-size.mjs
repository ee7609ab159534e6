// How large the files of a table are beside those that DuckDB's writer makes of the same rows, with the same codec and level, as many
// rows in each, one by one: zstd 1 is what the second tier writes. Prints one JSON object.
//
// example: node bench/tier-size.mjs DIR [--codec zstd] [--level 1]      DIR holds the table's Parquet files, at any depth
//
// Needs the packages of tests/e2e.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const top = fileURLToPath(new URL('..', import.meta.url));
const { DuckDBInstance } = createRequire(path.join(top, 'tests/e2e/package.json'))('@duckdb/node-api');

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { codec: { type: 'string', default: 'zstd' }, level: { type: 'string', default: '1' } },
});
if (positionals.length !== 1) {
  console.error('usage: node bench/tier-size.mjs DIR [--codec zstd] [--level 1]');
  process.exit(2);
}
const files = fs.readdirSync(positionals[0], { recursive: true })
  .map((name) => path.join(positionals[0], name))
  .filter((name) => name.endsWith('.parquet'));
if (files.length === 0) {
  console.error(`bench/tier-size.mjs: no Parquet files below ${positionals[0]}`);
  process.exit(1);
}

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'varve-bench-'));
process.on('exit', () => fs.rmSync(dir, { recursive: true, force: true }));
const theirs = path.join(dir, 'duckdb.parquet');
const duckdb = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect();
const codec = `codec ${options.codec}` + (options.codec === 'zstd' ? `, compression_level ${options.level}` : '');
const sizes = { varve: 0, duckdb: 0, duckdb_v2: 0 };
for (const file of files) {
  sizes.varve += fs.statSync(file).size;
  for (const [name, version] of [['duckdb', 'v1'], ['duckdb_v2', 'v2']]) {
    // By its own path alone: the directory's name is no column.
    await duckdb.run(`copy (select * from read_parquet('${file}', hive_partitioning = false))
      to '${theirs}' (format parquet, ${codec}, parquet_version ${version})`);
    sizes[name] += fs.statSync(theirs).size;
  }
}
console.log(JSON.stringify({
  codec: options.codec, level: Number(options.level), files: files.length, ...sizes,
  ratio: sizes.varve / sizes.duckdb, ratio_v2: sizes.varve / sizes.duckdb_v2,
}));
