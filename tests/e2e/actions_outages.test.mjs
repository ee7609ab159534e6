// A store that is slow, busy, loses answers and is down for a while, and a broker that is killed in the middle of it, in every
// mode: each accepted message is in the bucket, none twice under another key, and the counters say so. VARVE_SEED=n repeats a failure.

import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { after, before, test } from 'node:test';

import { Flaky } from './lib/flaky.mjs';
import { connect } from './lib/mqttjs.mjs';
import { modes } from './lib/sink_modes.mjs';
import { publishAll, Stage, upTo } from './lib/sinks.mjs';
import { random as generator } from '../crash/payload.mjs';

const SEED = Number(process.env.VARVE_SEED ?? randomInt(1, 2 ** 31));
console.log(`VARVE_SEED=${SEED}`);
const MESSAGES = 60;
let stage;
before(async () => {
  stage = await Stage.start();
});
after(() => stage?.stop());

for (const [index, [mode, { parameters, sql, numbers }]] of Object.entries(modes()).entries()) {
  test(`${mode}: nothing is missing, nothing is twice`, async (t) => {
    const bucket = await stage.bucket();
    const store = await Flaky.start(stage.s3.endpoint, generator(SEED + index));
    t.after(() => store.down());
    const connector = await stage.connector({ endpoint: store.endpoint, transport_options: { max_retries: 1 } });
    const { topic, id } = await stage.pipeline({ ...parameters, bucket }, { connector, sql });
    let it = await connect(stage.broker.url(), {});
    it.on('error', () => {});
    store.trouble = 0.4;
    await publishAll(it, topic, 0, 20);
    await store.down();
    await publishAll(it, topic, 20, 40);
    await stage.broker.kill();
    it.end(true);
    await stage.broker.start();
    await store.up();
    it = await stage.publisher(t);
    await publishAll(it, topic, 40, MESSAGES);
    store.trouble = 0.2;
    await stage.empty(id);
    const { dropped, failed } = await stage.metrics(id);
    assert.deepEqual([dropped, failed], [0, 0]);
    assert.deepEqual((await numbers(stage, bucket)).sort((a, b) => a - b), upTo(MESSAGES));
  });
}
