// Actions that write columns, against a real S3 server: Parquet objects as DuckDB and hyparquet read them, Iceberg tables as icebird
// reads them from the metadata on. Each message is in the table once, whatever fails, and whoever else writes to it.

import { DuckDBInstance } from '@duckdb/node-api';
import { parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Broker } from './lib/broker.mjs';
import { connect } from './lib/mqttjs.mjs';
import { publishAll, Stage, upTo } from './lib/sinks.mjs';
import { StationApi } from './lib/stations.mjs';
import { temporaryDirectory } from './lib/temporary.mjs';
import { until } from './lib/wait.mjs';

const dir = temporaryDirectory();
let stage;
let broker;
let api;
let duckdb;
before(async () => {
  stage = await Stage.start();
  ({ broker, api } = stage);
  duckdb = await (await DuckDBInstance.create()).connect();
});
after(() => stage?.stop());

// ---- Reading -----------------------------------------------------------------------------------------------------------

let files = 0;
const duckdbRows = async (object, columns) => {
  const file = path.join(dir, `${files += 1}.parquet`);
  fs.writeFileSync(file, object.body);
  const reader = await duckdb.runAndReadAll(`select ${columns} from read_parquet('${file}')`);
  return { types: reader.columnTypes().map(String), rows: reader.getRowsJson() };
};
const hyparquetRows = (object) => {
  const { buffer, byteOffset, byteLength } = object.body;
  return parquetReadObjects({ file: buffer.slice(byteOffset, byteOffset + byteLength), compressors });
};

const tableRows = (bucket) => stage.tableRows(bucket, 'lake/events');
const newest = async (bucket) => {
  const version = (await stage.object(bucket, 'lake/events/metadata/version-hint.text')).body.toString();
  return JSON.parse((await stage.object(bucket, `lake/events/metadata/v${version}.metadata.json`)).body.toString());
};
const columnsOf = (metadata) => {
  const { fields } = metadata.schemas.find((schema) => schema['schema-id'] === metadata['current-schema-id']);
  return fields.map(({ id, name, type }) => `${id} ${name} ${type}`);
};

// ---- Writing -----------------------------------------------------------------------------------------------------------

const SQL = (topic) => `SELECT payload.n as n, payload.v as v, payload.w as w FROM "${topic}/#"`;
const columns = (type, parameters, more) => stage.pipeline({
  mode: 'aggregated', key: type === 'iceberg' ? 'lake/events' : '${action}/${node}/${datetime.unix}/${sequence}',
  aggregation: { time_interval: '1h', max_records: 4 }, ...parameters, container: { type, ...parameters.container },
}, { sql: SQL, ...more });
const publishJson = async (it, topic, values) => {
  for (const value of values) await it.publishAsync(`${topic}/1`, JSON.stringify(value), { qos: 1 });
};

describe('Parquet', () => {
  test('types follow from the values; DuckDB and hyparquet read the same', async (t) => {
    const bucket = await stage.bucket();
    const { topic, id } = await columns('parquet', { bucket });
    await publishJson(await stage.publisher(t), topic,
      [{ n: 1, v: 1.5, w: 'a' }, { n: 2 ** 40, v: 2, w: 'é' }, { n: 3, v: -0.25 }, { n: 4, v: 1e300, w: null }]);
    await stage.settled(id, 4);
    const [object] = await stage.objects(bucket);
    assert.equal(object.type, 'application/vnd.apache.parquet');
    assert.deepEqual(await duckdbRows(object, 'n, v, w'), {
      types: ['BIGINT', 'DOUBLE', 'VARCHAR'],
      rows: [['1', 1.5, 'a'], ['1099511627776', 2, 'é'], ['3', -0.25, null], ['4', 1e300, null]],
    });
    assert.deepEqual(await hyparquetRows(object),
      [{ n: 1n, v: 1.5, w: 'a' }, { n: 2n ** 40n, v: 2, w: 'é' }, { n: 3n, v: -0.25, w: null }, { n: 4n, v: 1e300, w: null }]);
  });

  test('declared columns keep their type; what does not fit is beside them, and counted', async (t) => {
    const bucket = await stage.bucket();
    const { topic, id } = await columns('parquet', { bucket, container: { columns: { v: 'long', w: 'timestamp' }, compression: 'snappy' } });
    await publishJson(await stage.publisher(t), topic,
      [{ n: true, v: 7, w: 1700000000123 }, { n: 'x', v: 'seven', w: '2023-11-14T22:13:20.5Z' }, { n: [1], v: 7.5, w: 'now' }, { v: null }]);
    await stage.settled(id, 4);
    const [object] = await stage.objects(bucket);
    assert.deepEqual((await duckdbRows(object, 'v, epoch_ms(w), n, _rest')).rows, [
      ['7', '1700000000123', 'true', null],
      [null, '1700000000500', 'x', '{"v":"seven"}'],
      [null, null, '[1]', '{"v":7.5,"w":"now"}'],
      [null, null, null, null],
    ]);
    assert.equal((await stage.metrics(id)).rest_values, 3);
  });

  test('bytes are bytes', async (t) => {
    const bucket = await stage.bucket();
    const { topic, id } = await columns('parquet', { bucket, aggregation: { time_interval: '1h', max_records: 1 } }, { sql: (from) => `SELECT payload FROM "${from}/#"` });
    await (await stage.publisher(t)).publishAsync(`${topic}/1`, Buffer.from([0, 255, 65]), { qos: 1 });
    await stage.settled(id, 1);
    const [object] = await stage.objects(bucket);
    assert.deepEqual((await duckdbRows(object, 'hex(payload)')).rows, [['00FF41']]);
  });

  for (const compression of ['gzip', 'none', 'zstd']) {
    test(`compressed with ${compression}`, async (t) => {
      const bucket = await stage.bucket();
      const { topic, id } = await columns('parquet', { bucket, container: { default_compression: compression }, aggregation: { time_interval: '1h', max_records: 100 } });
      await publishJson(await stage.publisher(t), topic, upTo(100).map((n) => ({ n, w: `text ${n % 3}` })));
      await stage.settled(id, 100);
      const [object] = await stage.objects(bucket);
      assert.deepEqual((await duckdbRows(object, 'n')).rows.map(([n]) => Number(n)), upTo(100));
      assert.deepEqual((await hyparquetRows(object)).map(({ w }) => w), upTo(100).map((n) => `text ${n % 3}`));
    });
  }

  test("EMQX's schema in Avro declares the columns; a registry is not offered", async () => {
    const def = JSON.stringify({ type: 'record', name: 'r', fields: [{ name: 'v', type: ['null', 'double'] }] });
    await columns('parquet', { bucket: 'any', container: { schema: { type: 'avro_inline', def } } });
    const refused = (container) => stage.connector().then((connector) => api.fails(400, 'POST', '/actions', {
      type: 's3', name: 'refused', connector, parameters: { mode: 'aggregated', bucket: 'any', key: 'k', container: { type: 'parquet', ...container } },
    }));
    assert.match((await refused({ schema: { type: 'avro_ref', name: 's' } })).message, /avro_inline/);
    assert.match((await refused({ columns: { v: 'decimal' } })).message, /v: expected boolean/);
  });

  test('kill -9 again and again: no message is missing, none is twice', async (t) => {
    const bucket = await stage.bucket();
    const { topic, id } = await columns('parquet', { bucket, aggregation: { time_interval: '1s', max_records: 7 } });
    for (let round = 0; round < 2; round++) {
      const it = await connect(broker.url(), {});
      it.on('error', () => {});
      await publishJson(it, topic, upTo(30).map((n) => ({ n: round * 30 + n })));
      await broker.kill();
      it.end(true);
      await broker.start();
    }
    await publishJson(await stage.publisher(t), topic, [{ n: 60 }]);
    await stage.empty(id);
    const found = [];
    for (const object of await stage.objects(bucket)) found.push(...(await hyparquetRows(object)).map(({ n }) => Number(n)));
    assert.deepEqual(found.sort((a, b) => a - b), upTo(61));
  });
});

describe('Iceberg', () => {
  const numbers = async (bucket) => (await tableRows(bucket)).map(({ n }) => Number(n)).sort((a, b) => a - b);

  test('makes a table, widens it by new columns, and reads as one', async (t) => {
    const bucket = await stage.bucket();
    const { topic, id } = await columns('iceberg', { bucket });
    const it = await stage.publisher(t);
    await publishJson(it, topic, upTo(4).map((n) => ({ n })));
    await stage.settled(id, 4);
    assert.deepEqual(columnsOf(await newest(bucket)), ['1 n long']);
    await publishJson(it, topic, [{ n: 4, v: true }, { n: 5 }, { n: 'six', v: false, w: 1.5 }, { n: 7 }]);
    await stage.settled(id, 8);
    assert.deepEqual(columnsOf(await newest(bucket)), ['1 n long', '2 v boolean', '3 w double', '4 _rest string']);
    const rows = (await tableRows(bucket)).map(({ n, v, w, _rest }) => [n === undefined || n === null ? null : Number(n), v ?? null, w ?? null, _rest ?? null]);
    assert.deepEqual(rows.sort(), [
      [0, null, null, null], [1, null, null, null], [2, null, null, null], [3, null, null, null],
      [4, true, null, null], [5, null, null, null], [7, null, null, null], [null, false, 1.5, '{"n":"six"}'],
    ].sort());
    const { snapshots, 'current-snapshot-id': current } = await newest(bucket);
    const { summary } = snapshots.find((snapshot) => snapshot['snapshot-id'] === current);
    assert.deepEqual([summary['varve.action'], summary['varve.first-offset'], summary['varve.next-offset']], [id, '4', '8']);
    assert.equal((await stage.metrics(id)).rest_values, 1);
  });

  test('DuckDB reads the data files', async (t) => {
    const bucket = await stage.bucket();
    const { topic, id } = await columns('iceberg', { bucket, container: { columns: { w: 'timestamp' } } });
    await publishJson(await stage.publisher(t), topic, upTo(4).map((n) => ({ n, v: n / 2, w: 1700000000000 + n })));
    await stage.settled(id, 4);
    const [key] = (await stage.keys(bucket)).filter((name) => name.endsWith('.parquet'));
    assert.match(key, /^lake\/events\/data\/[0-9a-f-]{36}-0-4-[0-9a-f]{8}\.parquet$/);
    const { types, rows } = await duckdbRows(await stage.object(bucket, key), 'n, v, w');
    assert.deepEqual(types, ['BIGINT', 'DOUBLE', 'TIMESTAMP WITH TIME ZONE']);
    assert.deepEqual(rows.map(([n, v]) => [Number(n), v]), upTo(4).map((n) => [n, n / 2]));
  });

  test('two actions share a table: every message of both, each once', async (t) => {
    const bucket = await stage.bucket();
    const one = await columns('iceberg', { bucket, aggregation: { time_interval: '1h', max_records: 2 } });
    const two = await columns('iceberg', { bucket, aggregation: { time_interval: '1h', max_records: 2 } });
    const it = await stage.publisher(t);
    await Promise.all([
      publishJson(it, one.topic, upTo(20).map((n) => ({ n, v: n }))),
      publishJson(it, two.topic, upTo(20).map((n) => ({ n: 20 + n, w: `${n}` }))),
    ]);
    await stage.settled(one.id, 20);
    await stage.settled(two.id, 20);
    assert.deepEqual(await numbers(bucket), upTo(40));
    const names = columnsOf(await newest(bucket)).map((column) => column.split(' ').slice(1).join(' ')).sort();
    assert.deepEqual(names, ['n long', 'v long', 'w string']);
  });

  // The process ends by itself: before and behind the commit point, and before the action remembers it.
  for (const point of ['sink.file_put', 'lake.after_metadata', 'sink.stored']) {
    test(`a crash at ${point}: each message once`, async (t) => {
      const bucket = await stage.bucket();
      const own = await Broker.during(t, {}, { env: { VARVE_FAULT: `${point}:2` } });
      const { topic, id } = await columns('iceberg', { bucket }, { api: new StationApi(own) });
      const it = await connect(own.url(), {});
      it.on('error', () => {});
      for (let n = 0; n < 8; n++) it.publish(`${topic}/1`, JSON.stringify({ n }), { qos: 1 });
      assert.equal((await own.exited).signal, 'SIGKILL');
      it.end(true);
      own.options.env = {};
      await own.start();
      const left = new StationApi(own);
      const again = await connect(own.url(), {});
      await publishJson(again, topic, [{ n: 100 }, { n: 101 }, { n: 102 }, { n: 103 }]);
      await again.endAsync(true);
      await until(async () => (await stage.metrics(id, left)).buffered < 4, 'the whole ranges');
      const found = await numbers(bucket);
      const first = found.filter((n) => n < 100);
      assert.deepEqual(first, upTo(first.length));
      assert.ok(first.length >= 4 && found.length % 4 === 0, JSON.stringify(found));
      await own.stop();
    });
  }

  test('a bucket that is made later, and an action that is made anew', async (t) => {
    const bucket = `later-${Date.now()}`;
    const { topic, id } = await columns('iceberg', { bucket });
    const it = await stage.publisher(t);
    await publishJson(it, topic, upTo(4).map((n) => ({ n })));
    await stage.status(id, 'disconnected');
    await stage.createBucket(bucket);
    await stage.settled(id, 4);
    const { type, name, connector, parameters } = await api.ok('GET', `/actions/${id}`);
    await api.ok('DELETE', `/actions/${id}?force=true`);
    await api.ok('POST', '/actions', { type, name, connector, parameters });
    await publishJson(it, topic, upTo(4).map((n) => ({ n: 4 + n })));
    await stage.settled(id, 4);
    assert.deepEqual(await numbers(bucket), upTo(8));
  });

  test('a directory holds a table as well', async (t) => {
    const topic = `dir-${Date.now()}`;
    const action = await api.ok('POST', '/actions', {
      type: 's3', name: `d${Date.now()}`, connector: 'directory:local',
      parameters: { mode: 'aggregated', bucket: 'tables', key: 'lake/events', container: { type: 'iceberg' }, aggregation: { time_interval: '1h', max_records: 4 } },
    });
    await api.ok('POST', '/rules', { sql: `SELECT payload FROM "${topic}/#"`, actions: [`s3:${action.name}`] });
    await publishAll(await stage.publisher(t), topic, 0, 4);
    await stage.settled(`s3:${action.name}`, 4);
  });

  test('placeholders in the place of a table are refused', async () => {
    const connector = await stage.connector();
    const refused = await api.fails(400, 'POST', '/actions', {
      type: 's3', name: 'refused', connector, parameters: { mode: 'aggregated', bucket: 'any', key: 'lake/${action}', container: { type: 'iceberg' } },
    });
    assert.match(refused.message, /where the table is/);
  });
});
