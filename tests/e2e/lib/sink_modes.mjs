// Every way in which an action stores messages, for tests that ask which of them are there. Payloads are numbers.
//
//   for (const [name, { parameters, sql, numbers }] of Object.entries(modes())) …
//   await stage.pipeline({ ...parameters, bucket }, { sql });
//   await numbers(stage, bucket);           the payloads in the bucket, as often as they are there, in no order
//
// In direct mode a key has the message's id: a message that is rendered twice has two keys, and is there twice.

import assert from 'node:assert/strict';

import { parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';

const rows = async (stage, bucket, read) => (await Promise.all((await stage.objects(bucket)).map(read))).flat();

export function modes({ time_interval = '1s', max_records = 7 } = {}) {
  const aggregated = (type, key = '${action}/${node}/${datetime.unix}/${sequence}') =>
    ({ mode: 'aggregated', key, container: { type }, aggregation: { time_interval, max_records } });
  return {
    direct: {
      parameters: { mode: 'direct', key: 'n/${payload}/${id}.json', content: '${payload}' },
      sql: (topic) => `SELECT payload, id FROM "${topic}/#"`,
      numbers: (stage, bucket) => rows(stage, bucket, ({ key, body }) => {
        assert.equal(key.split('/')[1], body.toString());
        return Number(body.toString());
      }),
    },
    json_lines: {
      parameters: aggregated('json_lines'),
      numbers: (stage, bucket) => rows(stage, bucket, ({ body }) =>
        body.toString().split('\n').slice(0, -1).map((line) => Number(JSON.parse(line).payload))),
    },
    parquet: {
      parameters: aggregated('parquet'),
      numbers: (stage, bucket) => rows(stage, bucket, async ({ body: { buffer, byteOffset, byteLength } }) =>
        (await parquetReadObjects({ file: buffer.slice(byteOffset, byteOffset + byteLength), compressors })).map(({ payload }) => Number(payload))),
    },
    iceberg: {
      parameters: aggregated('iceberg', 'lake/events'),
      numbers: async (stage, bucket) => (await stage.tableRows(bucket, 'lake/events')).map(({ payload }) => Number(payload)),
    },
  };
}
