// The README's tour, as it stands there: each block of commands marked with a comment `tour: NAME` is run by a shell,
// and the text block behind it is what it must print. Only the port is another one: `varve` is a wrapper that adds it. And `sleep` is
// one that waits for what a reader would see by then (lib/patience.mjs).

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { Broker, VARVE_BIN } from './lib/broker.mjs';
import { makeSleep, subscribers } from './lib/patience.mjs';

const README = fileURLToPath(new URL('../../README.md', import.meta.url));
const BLOCK = /<!-- tour: (\w+) -->\n```sh\n([\s\S]*?)```\n(?:```text\n([\s\S]*?)```\n)?/g;

const stages = [...fs.readFileSync(README, 'utf8').matchAll(BLOCK)].map(([, name, commands, output]) => ({
  name,
  commands,
  output,
}));

// `varve` for the shell: pub and sub get the broker's port.
function makeWrapper(directory, port) {
  const script = `#!/bin/sh
case $1 in
pub | sub) command=$1; shift; exec "${VARVE_BIN}" "$command" -p ${port} "$@" ;;
*) exec "${VARVE_BIN}" "$@" ;;
esac
`;
  fs.writeFileSync(path.join(directory, 'varve'), script, { mode: 0o755 });
}

test('the tour of the README works as it says', async (t) => {
  assert.deepEqual(
    stages.map((stage) => stage.name),
    ['start', 'first', 'retained', 'session', 'shared', 'station', 'restart', 'tier', 'settle', 'recover', 'users'],
  );
  assert.equal(stages[0].commands, 'varve serve --data ./data\n');
  const broker = await Broker.during(t);
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'varve-tour-'));
  fs.symlinkSync(path.join(broker.dir, 'data'), path.join(directory, 'data'));
  makeWrapper(directory, broker.tcp.port);
  makeSleep(directory);
  const env = { ...process.env, PATH: `${directory}:${process.env.PATH}` };
  delete env.VARVE_BIN;
  for (const stage of stages.slice(1)) {
    await t.test(stage.name, async () => {
      if (stage.name === 'restart' || stage.name === 'recover') {
        await broker.stop({ keep: true });
        if (stage.name === 'recover') fs.rmSync(path.join(broker.dir, 'data'), { recursive: true });
        await broker.start();
        makeWrapper(directory, broker.tcp.port);
      }
      const refused = '! varve pub -t nobody/listens -m x -q 1 2>/dev/null';
      const SLEEP_UNTIL = stage.name === 'users' ? refused : await subscribers(broker, stage.commands);
      const { stdout } = await promisify(execFile)('bash', ['-c', stage.commands], {
        cwd: directory,
        env: { ...env, SLEEP_UNTIL },
        timeout: 120_000,
      });
      assert.equal(stdout, stage.output);
    });
  }
  await broker.stop();
  fs.rmSync(directory, { recursive: true });
});
