// What tests of actions share: a broker, a real S3 server, and what is in its buckets.
//
//   const stage = await Stage.start();           stage.s3, stage.sdk, stage.broker, stage.api
//   const bucket = await stage.bucket();
//   await stage.objects(bucket);                 [{key, body, type, encoding}] in the order of keys
//   await stage.metrics('s3:a');                 with the sum that is promised checked
//   await stage.figures('s3:a', { success: 3 }); once these of them are so, whatever the others are
//   await stage.stop();

import assert from 'node:assert/strict';

import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';

import { Broker } from './broker.mjs';
import { icebergRows } from './iceberg_rows.mjs';
import { connect } from './mqttjs.mjs';
import { S3Server } from './s3.mjs';
import { StationApi } from './stations.mjs';
import { unique, until, untilEqual } from './wait.mjs';

export class Stage {
  static async start() {
    const stage = new Stage();
    stage.s3 = await S3Server.start();
    stage.sdk = new S3Client({
      endpoint: stage.s3.endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId: stage.s3.access_key, secretAccessKey: stage.s3.secret_key },
      requestChecksumCalculation: 'WHEN_REQUIRED',
    });
    stage.broker = await Broker.start();
    stage.api = new StationApi(stage.broker);
    return stage;
  }

  async stop() {
    this.sdk?.destroy();
    await this.broker?.stop();
    await this.s3?.stop();
  }

  // ---- Buckets

  async createBucket(name) {
    await this.sdk.send(new CreateBucketCommand({ Bucket: name }));
  }

  async bucket() {
    const name = unique('bucket').toLowerCase();
    await this.createBucket(name);
    return name;
  }

  async object(bucket, key) {
    const got = await this.sdk.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    return { key, body: Buffer.from(await got.Body.transformToByteArray()), type: got.ContentType, encoding: got.ContentEncoding, metadata: got.Metadata };
  }

  async keys(bucket) {
    const found = [];
    for (let token; ; ) {
      const page = await this.sdk.send(new ListObjectsV2Command({ Bucket: bucket, ContinuationToken: token }));
      found.push(...(page.Contents ?? []).map(({ Key }) => Key));
      token = page.NextContinuationToken;
      if (!token) return found;
    }
  }

  async objects(bucket) {
    const found = [];
    for (const key of await this.keys(bucket)) found.push(await this.object(bucket, key));
    return found;
  }

  // icebird asks Amazon for what is at s3://bucket.
  tableRows(bucket, table) {
    return icebergRows(`s3://${bucket}/${table}`, async (url) => {
      const [, from, key] = /^https:\/\/([^/]+)\.s3\.amazonaws\.com\/(.*)$/.exec(url);
      return (await this.object(from, decodeURIComponent(key)).catch(() => null))?.body;
    });
  }

  // ---- Connectors, actions, rules

  async connector(more = {}, on = this.api) {
    const made = await on.ok('POST', '/connectors', { ...this.s3.connector, name: unique('c'), resource_opts: { health_check_interval: '1s' }, ...more });
    return made.name;
  }

  // A rule over `topic/#` and its action: {topic, id}. `more`: connector, resource_opts, fallback_actions, sql(topic), api.
  async pipeline(parameters, more = {}) {
    const on = more.api ?? this.api;
    const topic = unique('t');
    const action = await on.ok('POST', '/actions', {
      type: 's3', name: unique('a'), connector: more.connector ?? (await this.connector({}, on)), parameters,
      resource_opts: { resume_interval: '200ms', ...more.resource_opts },
      ...(more.fallback_actions && { fallback_actions: more.fallback_actions }),
    });
    const id = `s3:${action.name}`;
    await on.ok('POST', '/rules', { sql: more.sql?.(topic) ?? `SELECT payload, clientid FROM "${topic}/#"`, actions: [id] });
    return { topic, id };
  }

  async metrics(id, on = this.api) {
    const { metrics: m } = await on.ok('GET', `/actions/${id}/metrics`);
    assert.equal(m.matched, m.success + m.failed + m.dropped + m.inflight + m.queuing, JSON.stringify(m));
    return m;
  }
  // Other threads of the broker count: what is in the bucket may be counted a moment later.
  figures(id, wanted, on = this.api) {
    const these = async () => {
      const now = await this.metrics(id, on);
      return Object.fromEntries(Object.keys(wanted).map((name) => [name, now[name]]));
    };
    return untilEqual(these, wanted, `figures of ${id}`);
  }
  status(id, wanted, on = this.api) {
    return until(async () => {
      const action = await on.ok('GET', `/actions/${id}`);
      return action.status === wanted && action;
    }, `${id} to be ${wanted}`);
  }
  settled(id, count, on = this.api) {
    return until(async () => (await this.metrics(id, on)).success === count, `${count} messages stored`);
  }
  empty(id, on = this.api) {
    return until(async () => (await this.metrics(id, on)).buffered === 0, 'an empty buffer');
  }

  // ---- Publishers

  async publisher(t, options = { protocolVersion: 5 }) {
    const it = await connect(this.broker.url(), options);
    t.after(() => it.endAsync(true));
    return it;
  }

  // 0 … 79, in order: the store hangs from 20 on, the broker is killed at 60, and the store goes on at the end.
  async publishThroughHangAndKill(t, topic) {
    let it = await connect(this.broker.url(), {});
    await publishAll(it, topic, 0, 20);
    this.s3.hang();
    try {
      await publishAll(it, topic, 20, 60);
      it.on('error', () => {});
      await this.broker.kill();
      it.end(true);
      await this.broker.start();
      it = await this.publisher(t);
      await publishAll(it, topic, 60, 80);
    } finally {
      this.s3.resume(); // whatever has failed: other tests need it
    }
  }
}

// Payloads `from` … `to` - 1, one after the other.
export const publishAll = async (it, topic, from, to) => {
  for (let n = from; n < to; n++) await it.publishAsync(`${topic}/1`, `${n}`, { qos: 1 });
};
export const upTo = (count) => Array.from({ length: count }, (_, n) => n);
