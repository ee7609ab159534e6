import { describe, expect, test } from 'vitest';

import { identifier, snippets, storeOf, type Table } from './snippets';

const minio: Table = {
  station: 'plant-1.telemetry',
  location: 's3://lake/stations/plant-1.telemetry',
  metadata: 's3://lake/stations/plant-1.telemetry/metadata/v12.metadata.json',
  store: storeOf({ type: 's3', endpoint: 'http://127.0.0.1:9000', access_method: 'path' }),
};
const text = (table: Table, id: string): string => snippets(table).find((one) => one.id === id)!.text;

describe('stores', () => {
  test('are told as readers want them', () => {
    expect(minio.store).toEqual({ kind: 's3', endpoint: '127.0.0.1:9000', tls: false, region: 'us-east-1', path_style: true });
    expect(storeOf({ type: 's3', host: 's3.eu-central-1.amazonaws.com' })).toEqual({ kind: 's3', endpoint: undefined, tls: true, region: 'eu-central-1', path_style: false });
    expect(storeOf({ type: 's3', host: 'minio.local', port: 9000, region: 'here', transport_options: { ssl: { enable: false } } })).toMatchObject({ endpoint: 'minio.local:9000', tls: false, region: 'here' });
    expect(storeOf({ type: 'directory' })).toEqual({ kind: 'directory' });
    expect(storeOf(undefined)).toEqual({ kind: 'directory' });
  });
});

describe('snippets', () => {
  test('name this table, its newest metadata and its endpoint', () => {
    expect(text(minio, 'duckdb')).toContain("iceberg_scan('s3://lake/stations/plant-1.telemetry/metadata/v12.metadata.json')");
    expect(text(minio, 'duckdb')).toContain("ENDPOINT '127.0.0.1:9000', USE_SSL false, URL_STYLE 'path'");
    expect(text(minio, 'python')).toContain('"s3.endpoint": "http://127.0.0.1:9000"');
    expect(text(minio, 'spark')).toContain('warehouse=s3a://lake/stations');
    expect(text(minio, 'spark')).toContain('varve.`plant-1.telemetry`');
    expect(text(minio, 'snowflake')).toContain("METADATA_FILE_PATH = 'plant-1.telemetry/metadata/v12.metadata.json'");
    expect(text(minio, 'snowflake')).toContain("STORAGE_ENDPOINT = '127.0.0.1:9000'");
    expect(text(minio, 'snowflake')).toContain('CREATE ICEBERG TABLE plant_1_telemetry');
  });
  test('never hold a key', () => {
    for (const one of snippets(minio)) expect(one.text).not.toMatch(/AKIA|\*{6}/);
  });
  test('a directory needs no store, and quotes are quoted', () => {
    const table: Table = { station: 's', location: "/data/it's/s", metadata: "/data/it's/s/metadata/v1.metadata.json", store: { kind: 'directory' } };
    expect(text(table, 'duckdb')).toContain("iceberg_scan('/data/it''s/s/metadata/v1.metadata.json')");
    expect(text(table, 'duckdb')).not.toContain('SECRET');
    expect(text(table, 'python')).toContain(`"file:///data/it's/s/metadata/v1.metadata.json"`);
    expect(text(table, 'snowflake')).toContain('object stores alone');
  });
  test('names are identifiers elsewhere', () => {
    expect(identifier('1st.floor')).toBe('_1st_floor');
  });
});
