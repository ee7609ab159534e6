// Stores that are away for minutes, and a broker that is killed meanwhile, for actions in every mode.
//
//   node tests/outage/run.mjs [--seconds N] [--seed N]
//
// Messages come all the time. One outage follows the other, in an order that the seed decides, together so many seconds (300); in each the
// broker is killed (SIGKILL) at random moments and started again:
//
//   down      nobody listens              slow     every answer comes after 5 seconds
//   busy      503 to every request        lost     requests are carried out, their answers never come
//   hang      the server stands still     secret   the connector has a wrong one, and gets the right one
//   bucket    actions are made for a bucket that is made afterwards
//
// After each the actions recover by themselves. At the end:
//
// - every acknowledged message is in the bucket, in every mode, and none is there twice;
// - at any moment when the counters were looked at, matched was success + failed + dropped + inflight + queuing, and neither failed nor
//   dropped ever left 0; while nothing can be stored, the action says why;
// - what waits when the broker is killed is counted afterwards, exactly, and then as stored.
//
// The short form, with outages of seconds, is tests/e2e/actions_outages.test.mjs and actions_s3.test.mjs. The last line counts as a test runner's does.

import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';

import { random as generator } from '../crash/payload.mjs';
import { Flaky, KINDS } from '../e2e/lib/flaky.mjs';
import { connect } from '../e2e/lib/mqttjs.mjs';
import { modes } from '../e2e/lib/sink_modes.mjs';
import { publishAll, Stage } from '../e2e/lib/sinks.mjs';
import { delay, unique, until } from '../e2e/lib/wait.mjs';

const { values: options } = parseArgs({
  options: { seconds: { type: 'string', default: '300' }, seed: { type: 'string', default: String(Date.now() % 1_000_000) } },
});
const seconds = Number(options.seconds);
const seed = Number(options.seed);
const random = generator(seed);

const PACE_MS = 100; // of each publisher
const KILL_MS = [3000, 20_000]; // between kills
const RECOVERY = { timeout_ms: 180_000, step_ms: 200 };
const LAST = 50; // messages that wait when the broker is killed for the last time

// One action and who publishes to it: each number once, whatever becomes of it.
class Line {
  constructor(stage, name, mode, bucket, { topic, id }) {
    Object.assign(this, { stage, name, mode, bucket, topic, id, sent: 0, acknowledged: [], looks: 0, reasons: new Set(), stopped: false });
    this.running = this.#run();
  }
  async #run() {
    while (!this.stopped) {
      await this.#publish().catch(() => {}); // the broker is away
      await delay(PACE_MS);
    }
  }
  async #publish() {
    const it = await connect(this.stage.broker.url(), {});
    it.on('error', () => {});
    const closed = new Promise((resolve) => it.once('close', () => resolve(false)));
    while (!this.stopped) {
      const n = this.sent++;
      const sent = it.publishAsync(`${this.topic}/1`, `${n}`, { qos: 1 }).then(() => true, () => false);
      if (!(await Promise.race([sent, closed]))) break;
      this.acknowledged.push(n);
      await delay(PACE_MS);
    }
    it.end(true);
  }
  stop() {
    this.stopped = true;
    return this.running;
  }

  // stage.metrics() checks the sum.
  async look() {
    const figures = await this.stage.metrics(this.id);
    assert.deepEqual([figures.failed, figures.dropped], [0, 0], this.name);
    const { status, status_reason: reason } = await this.stage.api.ok('GET', `/actions/${this.id}`);
    this.looks += 1;
    if (status === 'disconnected') {
      assert.notEqual(reason, '', `${this.name} is disconnected and does not say why`);
      this.reasons.add(reason);
    }
    return { ...figures, status };
  }
  empty() {
    return until(async () => (await this.look()).buffered === 0, `${this.name} to have stored all`, RECOVERY);
  }

  async check() {
    const found = (await this.mode.numbers(this.stage, this.bucket)).sort((a, b) => a - b);
    const once = new Set(found);
    assert.equal(found.length, once.size, `${this.name}: messages are there twice: ${found.filter((n, i) => n === found[i - 1])}`);
    assert.deepEqual(this.acknowledged.filter((n) => !once.has(n)), [], `${this.name}: acknowledged messages are missing`);
    return found.length;
  }
}

class Run {
  static async start() {
    const run = new Run();
    run.stage = await Stage.start();
    run.store = await Flaky.start(run.stage.s3.endpoint, random);
    run.connector = await run.stage.connector({ endpoint: run.store.endpoint, transport_options: { max_retries: 1 } });
    Object.assign(run, { lines: [], kills: 0, modes: modes({ time_interval: '2s', max_records: 200 }) });
    return run;
  }
  async stop() {
    await this.store.down();
    await this.stage.stop();
  }

  async addLines(bucket) {
    for (const [name, mode] of Object.entries(this.modes)) {
      const of = bucket(name);
      const made = await this.stage.pipeline({ ...mode.parameters, bucket: of }, { connector: this.connector, sql: mode.sql });
      this.lines.push(new Line(this.stage, `${name} to ${of}`, mode, of, made));
    }
  }

  secret(secret_access_key) {
    return this.stage.api.ok('PUT', `/connectors/s3:${this.connector}`, { secret_access_key });
  }
  trouble(kinds) {
    Object.assign(this.store, kinds ? { trouble: 1, kinds, late_ms: 5000 } : { trouble: 0, kinds: KINDS, late_ms: 500 });
  }

  // How each outage begins and ends.
  outages() {
    const { stage, store } = this;
    const buckets = {};
    return {
      down: [() => store.down(), () => store.up()],
      slow: [() => this.trouble(['late']), () => this.trouble(null)],
      busy: [() => this.trouble(['busy']), () => this.trouble(null)],
      lost: [() => this.trouble(['lost']), () => this.trouble(null)],
      hang: [() => stage.s3.hang(), () => stage.s3.resume()],
      secret: [() => this.secret('wrong'), () => this.secret(stage.s3.secret_key)],
      bucket: [
        () => this.addLines((name) => (buckets[name] = unique('later').toLowerCase())),
        () => Promise.all(Object.values(buckets).map((name) => stage.createBucket(name))),
      ],
    };
  }

  async kill() {
    await this.stage.broker.kill();
    this.kills += 1;
    await this.stage.broker.start();
  }

  async outage(name, [begin, end], ms) {
    await begin();
    const end_ms = performance.now() + ms;
    const pause = () => KILL_MS[0] + random() * (KILL_MS[1] - KILL_MS[0]);
    for (let kill_ms = performance.now() + pause() / 2; performance.now() < end_ms; await delay(500)) {
      for (const line of this.lines) await line.look();
      if (performance.now() < kill_ms) continue;
      await this.kill();
      kill_ms = performance.now() + pause();
    }
    await end();
    const stored = new Map();
    for (const line of this.lines) stored.set(line, (await line.look()).success);
    for (const line of this.lines) {
      await until(async () => {
        const { success, status } = await line.look();
        return status === 'connected' && success > stored.get(line);
      }, `${line.name} to recover from ${name}`, RECOVERY);
    }
    console.log(`  ${name}: ${Math.round(ms / 1000)} s; ${this.kills} kills so far`);
  }

  // Nothing else happens: so the counters are known to the message.
  async checkCounters() {
    await Promise.all(this.lines.map((line) => line.stop()));
    for (const line of this.lines) await line.empty();
    const before = new Map();
    for (const line of this.lines) before.set(line, await line.check());
    await this.store.down();
    const it = await connect(this.stage.broker.url(), {});
    it.on('error', () => {});
    for (const line of this.lines) {
      await publishAll(it, line.topic, line.sent, line.sent + LAST);
      for (let i = 0; i < LAST; i++) line.acknowledged.push(line.sent++);
    }
    await this.kill();
    it.end(true);
    for (const line of this.lines) {
      const { matched, buffered, success } = await line.look();
      assert.deepEqual([matched, buffered, success], [LAST, LAST, 0], line.name);
    }
    await this.store.up();
    for (const line of this.lines) {
      await line.empty();
      const { matched, success } = await line.look();
      assert.deepEqual([matched, success], [LAST, LAST], line.name);
      assert.equal(await line.check(), before.get(line) + LAST, line.name);
    }
  }
}

async function main() {
  console.log(`seed ${seed}, outages of ${seconds} s`);
  const run = await Run.start();
  const buckets = {};
  for (const name of Object.keys(run.modes)) buckets[name] = await run.stage.bucket();
  await run.addLines((name) => buckets[name]);
  const order = Object.entries(run.outages()).map((one) => [random(), ...one]).sort(([a], [b]) => a - b);
  for (const [, name, steps] of order) await run.outage(name, steps, (seconds * 1000) / order.length);
  await run.checkCounters();
  const sum = (of) => run.lines.reduce((all, line) => all + of(line), 0);
  console.log(`${run.kills} kills; acknowledged ${sum((line) => line.acknowledged.length)} of ${sum((line) => line.sent)}; ` +
    `${sum((line) => line.looks)} looks at counters; reasons told:`);
  for (const reason of new Set(run.lines.flatMap((line) => [...line.reasons]))) console.log(`  ${reason}`);
  await run.stop();
}

try {
  await main();
  console.log('1 passed, 0 failed');
  process.exit(0);
} catch (error) {
  console.log(`seed ${seed}\n${error.stack}\n0 passed, 1 failed`);
  process.exit(1);
}
