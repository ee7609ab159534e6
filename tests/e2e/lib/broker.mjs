// One broker for tests: its own data directory, every port 0, the configuration as an object.
//
//   const broker = await Broker.start({ mqtt: { max_packet_bytes: 1000 } });
//   broker.tcp                      {host, port} of listener tcp.default; broker.listener('ws.default')
//   Broker.during(t, config)        the same for the time of the test `t`
//   await broker.stop();            SIGTERM: exit code 0, run.json gone, no sanitizer report, no malformed packet seen
//   await broker.kill();            SIGKILL: the data directory stays
//   await broker.start();           again, with the same data directory
//   await broker.reload(config);    SIGHUP with another configuration
//
// VARVE_BIN names the binary; without it, the sanitizer build is taken.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { RawClient } from './raw.mjs';
import { temporaryDirectory } from './temporary.mjs';
import { until, within } from './wait.mjs';

const TOP = fileURLToPath(new URL('../../../', import.meta.url));
export const VARVE_BIN = process.env.VARVE_BIN ?? path.join(TOP, 'build/asan/varve');

const SANITIZER_REPORT = /ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|Assertion .* failed/;
const STOP_LIMIT_MS = 20_000;
const START_LIMIT_MS = 30_000;

const ENVIRONMENT = {
  ...process.env,
  // A small quarantine keeps a test of bounded memory meaningful in a sanitizer build.
  ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:detect_leaks=1:quarantine_size_mb=16`.replace(/^:/, ''),
  UBSAN_OPTIONS: `${process.env.UBSAN_OPTIONS ?? ''}:print_stacktrace=1`.replace(/^:/, ''),
};

// Ours: every other VARVE_ variable is an option of the broker.
delete ENVIRONMENT.VARVE_BIN;
delete ENVIRONMENT.VARVE_SCREENSHOTS;
delete ENVIRONMENT.VARVE_CPU_SLOWER;

// A test file that ends early leaves no broker behind.
const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class Broker {
  // config: as in varve.yaml. options: dir (else one is made), nofile (limit of file descriptors), env, log_level,
  // set: {key: value} for --set on top of the configuration.
  constructor(config = {}, options = {}) {
    this.dir = options.dir ?? temporaryDirectory();
    this.options = options;
    this.stderr = '';
    this.configure(config);
  }

  static async start(config, options) {
    const broker = new Broker(config, options);
    await broker.start();
    return broker;
  }

  // For a test that has a broker of its own: whatever becomes of the test, the process does not outlive it.
  static async during(t, config, options) {
    const broker = new Broker(config, options);
    t.after(() => {
      if (!broker.child) return;
      broker.child.kill('SIGKILL');
      if (broker.gone) assert.fail(`the broker has died: ${JSON.stringify(broker.gone)}\n${broker.tail()}`);
    });
    await broker.start();
    return broker;
  }

  // JSON is YAML, so the configuration file is written as that.
  configure(config) {
    this.config = config;
    fs.writeFileSync(path.join(this.dir, 'varve.yaml'), JSON.stringify(config, null, 2));
  }

  arguments() {
    const sets = { 'listeners.http.bind': '127.0.0.1:0', 'log.level': this.options.log_level };
    const kinds = { tcp: ['default'], ws: ['default'], ssl: [], wss: [] };
    for (const [kind, names] of Object.entries(kinds)) {
      const listeners = this.config.listeners?.[kind] ?? {};
      for (const name of new Set([...names, ...Object.keys(listeners)])) {
        if (listeners[name]?.bind === undefined) sets[`listeners.${kind}.${name}.bind`] = '127.0.0.1:0';
      }
    }
    if (this.config.log?.level !== undefined) delete sets['log.level'];
    Object.assign(sets, this.options.set);
    const list = Object.entries(sets).filter(([, value]) => value !== undefined);
    const data = path.join(this.dir, 'data');
    return [
      'serve', '-c', path.join(this.dir, 'varve.yaml'), '--data', data,
      ...list.flatMap(([key, value]) => ['--set', `${key}=${value}`]),
    ];
  }

  async start() {
    const { nofile } = this.options;
    const limit = nofile ? ['prlimit', `--nofile=${nofile}:${nofile}`] : [];
    const [command, ...args] = [...limit, VARVE_BIN, ...this.arguments()];
    this.child = spawn(command, args, { env: { ...ENVIRONMENT, ...this.options.env }, stdio: ['ignore', 'pipe', 'pipe'], cwd: this.dir });
    const { child } = this;
    running.add(child);
    child.on('exit', () => running.delete(child));
    this.stdout = '';
    this.child.stdout.on('data', (text) => (this.stdout += text));
    this.child.stderr.on('data', (text) => (this.stderr += text));
    this.exited = new Promise((resolve, reject) => {
      this.child.on('error', reject);
      this.child.on('close', (code, signal) => resolve({ code, signal }));
    });
    this.gone = null;
    this.exited.then((how) => (this.gone = how), (error) => (this.gone = error));
    await until(
      () => {
        if (this.gone) throw new Error(`the broker did not start (${JSON.stringify(this.gone)}):\n${this.stderr}`);
        this.run = this.readRun();
        return this.run?.pid === this.child.pid;
      },
      `run.json of ${this.dir}`,
      { timeout_ms: START_LIMIT_MS },
    );
    return this;
  }

  readRun() {
    try {
      return JSON.parse(fs.readFileSync(path.join(this.dir, 'data/run.json'), 'utf8'));
    } catch {
      return null; // not there, or half written by a broker that does not rename it into place
    }
  }

  get pid() {
    return this.child.pid;
  }
  // The administrator's, which a first start prints once run.json is there.
  async firstPassword() {
    const [, password] = await until(() => /user admin, password (\S+)\s/.exec(this.stdout), 'the first password to be printed');
    return password;
  }
  // {host, port} of a listener: listener('ssl.default')
  listener(name) {
    const bound = this.run.listeners[name];
    assert.ok(bound, `listener ${name} is not in run.json: ${JSON.stringify(this.run.listeners)}`);
    const colon = bound.lastIndexOf(':');
    return { host: bound.slice(0, colon).replace(/[[\]]/g, ''), port: Number(bound.slice(colon + 1)) };
  }
  get tcp() {
    return this.listener('tcp.default');
  }
  url(name = 'tcp.default') {
    const scheme = { tcp: 'mqtt', ssl: 'mqtts', ws: 'ws', wss: 'wss' }[name.split('.')[0]];
    const { host, port } = this.listener(name);
    return `${scheme}://${host}:${port}${scheme.startsWith('ws') ? '/mqtt' : ''}`;
  }

  // Stops with SIGTERM and checks that it ended as it should. Safe to call twice. keep: the directory stays, so that
  // start() goes on with it.
  async stop({ keep = false } = {}) {
    if (!this.child) return;
    const child = this.child;
    this.child = null;
    child.kill('SIGTERM');
    let how;
    try {
      how = await within(this.exited, STOP_LIMIT_MS, 'the broker to stop after SIGTERM');
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
    this.assertClean();
    assert.deepEqual(how, { code: 0, signal: null }, `exit after SIGTERM:\n${this.tail()}`);
    assert.ok(!fs.existsSync(path.join(this.dir, 'data/run.json')), 'run.json is left after a clean stop');
    if (!keep && !this.options.dir) fs.rmSync(this.dir, { recursive: true, force: true });
  }

  async kill() {
    const child = this.child;
    this.child = null;
    child.kill('SIGKILL');
    await this.exited;
    this.assertClean();
  }

  assertClean() {
    const report = SANITIZER_REPORT.exec(this.stderr);
    if (report) assert.fail(`sanitizer report:\n${this.stderr.slice(Math.max(0, report.index - 200), report.index + 6000)}`);
    assert.deepEqual(RawClient.violations.splice(0), [], 'the broker sent packets that break the protocol');
  }
  tail() {
    return this.stderr.split('\n').slice(-40).join('\n');
  }

  signal(name) {
    this.child.kill(name);
  }
  // Writes another configuration and asks for it to be read. What changes is for the test to wait for.
  reload(config) {
    this.configure(config);
    this.signal('SIGHUP');
  }

  // Runs another subcommand on this data directory: cli('user', 'list', '--json').
  cli(...args) {
    return varve([...args, '--data', path.join(this.dir, 'data')]);
  }

  // Resident bytes of the process.
  memory_bytes() {
    const status = fs.readFileSync(`/proc/${this.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)[1]) * 1024;
  }
  // Processor time used so far.
  cpu_ms() {
    const fields = fs.readFileSync(`/proc/${this.pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
  }
}

// Runs the binary to its end: {code, stdout, stderr}. input goes to its standard input; env is added to its environment.
export function varve(args, { input = '', env = {} } = {}) {
  return new Promise((resolve) => {
    const child = execFile(VARVE_BIN, args, { env: { ...ENVIRONMENT, ...env }, timeout: 60_000 }, (error, stdout, stderr) =>
      resolve({ code: error ? error.code : 0, stdout, stderr }),
    );
    child.stdin.on('error', () => {}); // a command that reads nothing may be gone already
    child.stdin.end(input);
  });
}
