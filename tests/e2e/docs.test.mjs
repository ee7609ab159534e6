// The documentation, as it stands there. Each block of commands (```sh) of docs/ and of the README is run by a shell, in order, in a
// directory with a broker's `data`; a fresh broker for each file. Programs (```python, ```js, ```c) are run as well, in the same way. It must end with 0, and where a ```text block follows at once, print
// that. `varve`, `curl` and mosquitto's clients are wrappers that only put in the ports of this broker, a directory of its own for /srv, and for the store in
// Ireland, its keys and the secret that is asked for, those of an S3 server on this machine. `sleep` waits for what a reader would see by
// then, too (lib/patience.mjs).
//
// Marks, as HTML comments in front of a block:
//   <!-- not run: REASON -->         what cannot run here: an installation, a build, measuring
//   <!-- tour: NAME -->              a step of the README's tour: readme.test.mjs runs those
//   <!-- before                      commands that make ready what the block takes for granted; not shown to the reader
//   COMMANDS
//   -->

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { Broker, VARVE_BIN, varve } from './lib/broker.mjs';
import { makeSleep, subscribers } from './lib/patience.mjs';
import { S3Server } from './lib/s3.mjs';
import { temporaryDirectory } from './lib/temporary.mjs';

const TOP = fileURLToPath(new URL('../../', import.meta.url));
const BLOCK_LIMIT_MS = 120_000;
const BLOCK = /((?:<!--(?:(?!-->)[\s\S])*-->\n)*)```(sh|python|js|c)\n([\s\S]*?)```\n(?:```text\n([\s\S]*?)```\n)?/g;

function documents() {
  const below = (dir) =>
    fs.readdirSync(path.join(TOP, dir), { withFileTypes: true }).flatMap((one) => {
      if (one.isDirectory()) return one.name === 'decisions' ? [] : below(path.join(dir, one.name));
      return one.name.endsWith('.md') ? [path.join(dir, one.name)] : [];
    });
  return ['README.md', ...below('docs')];
}

function blocks(text) {
  return [...text.matchAll(BLOCK)].map(([all, marks, language, commands, output]) => {
    const mark = (pattern) => pattern.exec(marks)?.[1].trim();
    return {
      line: text.slice(0, text.indexOf(all)).split('\n').length + marks.split('\n').length - 1,
      language,
      commands,
      output,
      not_run: mark(/<!-- not run: ((?:(?!-->)[\s\S])+)-->/),
      tour: mark(/<!-- tour: (\w+) -->/),
      before: [...marks.matchAll(/<!-- before\n((?:(?!-->)[\s\S])+)-->/g)].map((one) => one[1]).join("\n"),
    };
  });
}

// For the shell: programs by the same names that know where this broker is.
function makeWrappers(directory, broker, store) {
  const bin = path.join(directory, '.bin');
  const { host, port } = broker.listener('http');
  fs.mkdirSync(bin);
  fs.writeFileSync(
    path.join(bin, 'varve'),
    `#!/bin/bash
set -- "\${@//https:\\/\\/s3.eu-west-1.amazonaws.com/${store.endpoint}}"
set -- "\${@//AKIA.../${store.access_key}}"
set -- "\${@//=\\/srv\\//=${directory}/}"
case " $* " in
*" --secret "*) exec "${VARVE_BIN}" "$@" <<<"${store.secret_key}" ;;
esac
case $1 in
pub | sub) command=$1; shift; exec "${VARVE_BIN}" "$command" -p ${broker.tcp.port} "$@" ;;
bench) shift 2; exec "${VARVE_BIN}" bench mqtt -p ${broker.tcp.port} --duration 1 --warmup 0 "$@" ;;
*) exec "${VARVE_BIN}" "$@" ;;
esac
`,
    { mode: 0o755 },
  );
  fs.writeFileSync(
    path.join(bin, 'curl'),
    `#!/bin/bash
exec /usr/bin/curl --silent --show-error --fail-with-body --max-time 30 "\${@//127.0.0.1:18083/${host}:${port}}"
`,
    { mode: 0o755 },
  );
  makeSleep(bin);
  for (const name of ['mosquitto_pub', 'mosquitto_sub'])
    fs.writeFileSync(path.join(bin, name), `#!/bin/sh\nexec /usr/bin/${name} -p ${broker.tcp.port} "$@"\n`, { mode: 0o755 });
  return bin;
}

// Each is written to a file, with the port of this broker.
const RUNNERS = {
  python: { file: 'program.py', commands: '/usr/bin/python3 program.py' },
  js: { file: 'program.mjs', commands: `ln -sfn ${path.join(TOP, 'tests/e2e/node_modules')} node_modules; node program.mjs` },
  c: { file: 'program.c', commands: 'gcc -Wall -Wextra -Wno-unused-parameter -Werror -o program program.c -lmosquitto && ./program' },
};

describe('the documentation', { concurrency: 2 }, () => {
  let store;
  before(async () => {
    store = await S3Server.start();
    await store.createBucket('telemetry');
  });
  after(() => store.stop());

  for (const name of documents()) {
    const all = blocks(fs.readFileSync(path.join(TOP, name), 'utf8'));
    const fences = fs.readFileSync(path.join(TOP, name), 'utf8').match(/^```(sh|python|js|c)$/gm)?.length ?? 0;
    if (fences === 0) continue;

    test(`${name} works as it says`, async (t) => {
      assert.equal(all.length, fences, 'a block of commands was not understood');
      const wanted = all.filter((block) => !block.not_run && !block.tour);
      if (wanted.length === 0) return;
      const broker = await Broker.during(t);
      const directory = temporaryDirectory();
      fs.symlinkSync(path.join(broker.dir, 'data'), path.join(directory, 'data'));
      const bin = makeWrappers(directory, broker, store);
      const env = {
        ...process.env,
        PATH: `${bin}:${process.env.PATH}`,
        KEY: fs.readFileSync(path.join(directory, 'data/admin.key'), 'utf8').trim(),
      };
      delete env.VARVE_BIN;
      const shell = async (commands) => {
        const options = { cwd: directory, env: { ...env, SLEEP_UNTIL: await subscribers(broker, commands) }, timeout: BLOCK_LIMIT_MS };
        return promisify(execFile)('bash', ['-e', '-o', 'pipefail', '-c', commands], options);
      };
      for (const block of wanted) {
        const program = RUNNERS[block.language];
        if (program) fs.writeFileSync(path.join(directory, program.file), block.commands.replaceAll('1883', broker.tcp.port));
        if (block.before) await shell(block.before);
        try {
          const { stdout } = await shell(program?.commands ?? block.commands);
          if (block.output !== undefined) assert.equal(stdout, block.output);
        } catch (error) {
          error.message = `${name}:${block.line}: ${error.message}\n${error.stdout ?? ''}\n${error.stderr ?? ''}`;
          throw error;
        }
      }
      await broker.stop();
    });
  }

  test('examples of varve.yaml are configurations', async () => {
    const file = path.join(temporaryDirectory(), 'varve.yaml');
    let count = 0;
    for (const name of ['docs/configuration.md', 'docs/security.md']) {
      for (const [, yaml] of fs.readFileSync(path.join(TOP, name), 'utf8').matchAll(/^```yaml\n([\s\S]*?)^```$/gm)) {
        fs.writeFileSync(file, yaml);
        const { code, stderr } = await varve(['serve', '--describe-config', '-c', file]);
        assert.equal(code, 0, `${name}:\n${yaml}\n${stderr}`);
        count += 1;
      }
    }
    assert.ok(count >= 4, `${count} examples`);
    fs.writeFileSync(file, fs.readFileSync(path.join(TOP, 'packaging/varve.yaml')));
    assert.equal((await varve(['serve', '--describe-config', '-c', file])).code, 0);
  });

  test('links lead to files that are there', () => {
    for (const name of documents()) {
      const text = fs.readFileSync(path.join(TOP, name), 'utf8').replace(/^```[\s\S]*?^```$/gm, '');
      for (const [, target] of text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[^)]*)?\)/g)) {
        const file = path.join(TOP, path.dirname(name), target);
        assert.ok(fs.existsSync(file), `${name} links to ${target}, which is not there`);
      }
    }
  });

  test('its index names every page', () => {
    const index = fs.readFileSync(path.join(TOP, 'docs/README.md'), 'utf8');
    for (const name of documents().filter((one) => /^docs\/[^/]+\.md$/.test(one) && one !== 'docs/README.md'))
      assert.ok(index.includes(`](${path.basename(name)})`), `docs/README.md does not name ${name}`);
  });

  test('the reference of the command line is what the binary prints: make docs', async () => {
    const page = fs.readFileSync(path.join(TOP, 'docs/cli.md'), 'utf8');
    const { stdout } = await promisify(execFile)(path.join(TOP, 'scripts/manual.sh'), [VARVE_BIN, '--markdown']);
    assert.equal(page, stdout);
  });
});
