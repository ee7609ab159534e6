// Generates src/api/schema.d.ts from what the broker says of its own API.
//
//   npm run api                 of build/asan/varve, or VARVE_BIN
//   npm run api -- --check      says whether the file is up to date: exit code 1 if not
//   npm run api -- --url http://127.0.0.1:18083     of a broker that runs

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import openapiTS, { astToString } from 'openapi-typescript';

const TOP = fileURLToPath(new URL('../..', import.meta.url));
const TARGET = fileURLToPath(new URL('../src/api/schema.d.ts', import.meta.url));
const HEAD = '// Generated from the broker\'s /api/v5/openapi.json by `npm run api`: not to be edited.\n\n';
const START_LIMIT_MS = 30_000;

export async function generate(document) {
  delete document.info.version; // the same API in another version is no other schema
  return HEAD + astToString(await openapiTS(document));
}

async function document_of(url) {
  const answer = await fetch(`${url}/api/v5/openapi.json`);
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return answer.json();
}

// Of a broker that lives as long as the question.
async function ask_binary() {
  const binary = process.env.VARVE_BIN ?? path.join(TOP, 'build/asan/varve');
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'varve-api-'));
  const binds = ['listeners.http.bind', 'listeners.tcp.default.bind', 'listeners.ws.default.bind'];
  const child = spawn(binary, ['serve', '--data', dir, ...binds.flatMap((bind) => ['--set', `${bind}=127.0.0.1:0`])], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('VARVE_'))), // those are options
  });
  const exited = new Promise((resolve, reject) => child.on('error', reject).on('exit', resolve));
  try {
    const deadline = Date.now() + START_LIMIT_MS;
    for (;;) {
      const run = path.join(dir, 'run.json');
      if (fs.existsSync(run)) return await document_of(`http://${JSON.parse(fs.readFileSync(run, 'utf8')).listeners.http}`);
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`${binary} did not start`);
      await Promise.race([new Promise((resolve) => setTimeout(resolve, 20)), exited]);
    }
  } finally {
    child.kill('SIGTERM');
    await exited.catch(() => {});
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

async function main() {
  const args = process.argv.slice(2);
  const url = args.includes('--url') ? args[args.indexOf('--url') + 1] : undefined;
  const text = await generate(url ? await document_of(url) : await ask_binary());
  const same = fs.existsSync(TARGET) && fs.readFileSync(TARGET, 'utf8') === text;
  if (args.includes('--check')) {
    if (same) return;
    console.error('src/api/schema.d.ts is not what the broker says: run `npm run api`');
    process.exitCode = 1;
  } else if (!same) {
    fs.writeFileSync(TARGET, text);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
