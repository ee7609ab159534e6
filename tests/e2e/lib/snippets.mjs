// What the dashboard offers for reading a station's table elsewhere, tried as far as a machine without those engines can.
//
//   const snippets = await snippetsOf(page);           the tab "Read elsewhere" is open: { duckdb, python, spark, snowflake }
//   await checkSyntax(snippets);                       by DuckDB's parser, Python's compiler, and bash
//   const rows = await runDuckdb(snippets.duckdb, (metadata) => files);
//
// DuckDB's extension `iceberg` comes from its makers' site, so it is not here: in its place a macro of the same name reads the Parquet
// files that `files` says. All else of the statement is run as it stands.

import { execFile } from 'node:child_process';
import assert from 'node:assert/strict';

import { DuckDBInstance } from '@duckdb/node-api';

const ENGINES = ['DuckDB', 'Python', 'Spark', 'Snowflake'];

export async function snippetsOf(page) {
  const texts = {};
  for (const name of ENGINES) {
    await page.getByRole('tab', { name, exact: true }).click();
    texts[name.toLowerCase()] = await page.getByLabel(`${name} snippet`, { exact: true }).textContent();
  }
  await page.getByRole('tab', { name: ENGINES[0], exact: true }).click();
  return texts;
}

// Reads a program on its standard input, and fails with what it complains of.
function reads(command, args, input) {
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, (error, _, stderr) => (error ? reject(new Error(`${command}: ${stderr}\n${input}`)) : resolve()));
    child.stdin.on('error', () => {}); // it may have ended already: its exit code says so
    child.stdin.end(input);
  });
}

async function database() {
  return (await DuckDBInstance.create(':memory:', { threads: '1' })).connect();
}

export async function checkSyntax({ duckdb, python, spark }) {
  const db = await database();
  try {
    assert.ok((await db.extractStatements(duckdb)).count >= 3, duckdb);
  } finally {
    db.closeSync();
  }
  await reads('python3', ['-c', 'import sys; compile(sys.stdin.read(), "snippet", "exec")'], python);
  await reads('bash', ['-n'], spark);
}

export async function runDuckdb(text, files) {
  const [, metadata] = /iceberg_scan\('([^']+)'\)/.exec(text);
  const list = files(metadata).map((one) => `'${one}'`);
  const db = await database();
  try {
    await db.run(`CREATE MACRO iceberg_scan(metadata) AS TABLE SELECT * FROM read_parquet([${list}])`);
    return (await db.runAndReadAll(text.replace(/(?:INSTALL|LOAD) \w+;/g, ''))).getRowObjectsJson();
  } finally {
    db.closeSync();
  }
}
