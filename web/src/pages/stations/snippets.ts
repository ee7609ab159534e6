// How others read a station's table: ready to be pasted, for this very table as it is.

export interface Table {
  station: string;
  location: string; // s3://bucket/prefix/name, or a directory
  metadata: string; // of the newest version
  store: Store;
}

export interface Store {
  kind: 's3' | 'directory';
  endpoint?: string; // host[:port], without https://
  tls?: boolean;
  region?: string;
  path_style?: boolean;
}

export interface Snippet {
  id: string;
  label: string;
  language: string;
  text: string;
  note: string;
}

export interface ConnectorState {
  type?: string;
  host?: string;
  port?: number;
  endpoint?: string;
  region?: string;
  access_method?: string;
  transport_options?: { ssl?: { enable?: boolean } };
}

export function storeOf(connector: ConnectorState | undefined): Store {
  if (!connector || connector.type !== 's3') return { kind: 'directory' };
  let host = connector.host ?? '';
  let tls = connector.transport_options?.ssl?.enable ?? true;
  if (connector.endpoint) {
    const url = /^(https?):\/\/([^/]+)/.exec(connector.endpoint);
    tls = url?.[1] !== 'http';
    host = url?.[2] ?? connector.endpoint;
  } else if (connector.port && connector.port !== (tls ? 443 : 80)) {
    host += `:${connector.port}`;
  }
  const aws = /(?:^|\.)s3[.-]([a-z0-9-]+)\.amazonaws\.com$/.exec(host)?.[1] ?? (host === 's3.amazonaws.com' ? 'us-east-1' : undefined);
  return {
    kind: 's3',
    endpoint: aws ? undefined : host,
    tls,
    region: connector.region ?? aws ?? 'us-east-1',
    path_style: aws ? false : connector.access_method !== 'vhost',
  };
}

const single = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const python = (text: string): string => JSON.stringify(text);
const url = (store: Store): string => `${store.tls ? 'https' : 'http'}://${store.endpoint}`;
// A name that every engine takes without quotes.
export const identifier = (name: string): string => {
  const text = name.replace(/[^a-z0-9_]/g, '_');
  return /^[0-9]/.test(text) ? `_${text}` : text;
};

function duckdb({ metadata, store }: Table): string {
  const lines = ['INSTALL iceberg; LOAD iceberg;'];
  if (store.kind === 's3') {
    lines.push('INSTALL httpfs; LOAD httpfs;');
    const options = ['TYPE s3', "KEY_ID '…'", "SECRET '…'", `REGION ${single(store.region!)}`];
    if (store.endpoint) options.push(`ENDPOINT ${single(store.endpoint)}`, `USE_SSL ${store.tls}`);
    if (store.path_style) options.push("URL_STYLE 'path'");
    lines.push(`CREATE SECRET (${options.join(', ')});`);
  }
  lines.push('SELECT "offset", "timestamp", topic, payload', `  FROM iceberg_scan(${single(metadata)})`, '  ORDER BY "offset" DESC LIMIT 10;');
  return lines.join('\n');
}

function spark({ location, store, station }: Table): string {
  const parts = location.split('/');
  const warehouse = parts.slice(0, -1).join('/');
  const uri = warehouse.replace(/^s3:/, 's3a:');
  const conf = [
    'spark.jars.packages=org.apache.iceberg:iceberg-spark-runtime-3.5_2.12:1.6.1' + (store.kind === 's3' ? ',org.apache.hadoop:hadoop-aws:3.3.4' : ''),
    'spark.sql.catalog.varve=org.apache.iceberg.spark.SparkCatalog',
    'spark.sql.catalog.varve.type=hadoop',
    `spark.sql.catalog.varve.warehouse=${uri}`,
  ];
  if (store.kind === 's3') {
    conf.push(store.endpoint ? `spark.hadoop.fs.s3a.endpoint=${url(store)}` : `spark.hadoop.fs.s3a.endpoint.region=${store.region}`);
    if (store.path_style) conf.push('spark.hadoop.fs.s3a.path.style.access=true');
    conf.push('spark.hadoop.fs.s3a.access.key=…', 'spark.hadoop.fs.s3a.secret.key=…');
  }
  const flags = conf.map((one) => `  --conf ${one}`).join(' \\\n');
  return `spark-sql \\\n${flags} \\\n  -e 'SELECT topic, count(*) FROM varve.\`${station}\` GROUP BY topic'`;
}

function snowflake({ location, metadata, store, station }: Table): string {
  if (store.kind === 'directory') {
    return '-- Snowflake reads object stores alone: give the station a connector of type s3,\n-- and this page has the statements.';
  }
  const name = identifier(station);
  const base = location.split('/').slice(0, -1).join('/');
  const below = metadata.slice(base.length + 1);
  const where = store.endpoint
    ? `STORAGE_PROVIDER = 'S3COMPAT'\n      STORAGE_BASE_URL = ${single(base.replace(/^s3:/, 's3compat:') + '/')}\n      STORAGE_ENDPOINT = ${single(store.endpoint)}\n      CREDENTIALS = (AWS_KEY_ID = '…' AWS_SECRET_KEY = '…')`
    : `STORAGE_PROVIDER = 'S3'\n      STORAGE_BASE_URL = ${single(base + '/')}\n      STORAGE_AWS_ROLE_ARN = 'arn:aws:iam::…:role/…'`;
  return `CREATE EXTERNAL VOLUME varve STORAGE_LOCATIONS = ((
      NAME = 'varve'
      ${where}
  )) ALLOW_WRITES = FALSE;
CREATE CATALOG INTEGRATION varve
  CATALOG_SOURCE = OBJECT_STORE TABLE_FORMAT = ICEBERG ENABLED = TRUE;
CREATE ICEBERG TABLE ${name}
  EXTERNAL_VOLUME = 'varve' CATALOG = 'varve'
  METADATA_FILE_PATH = ${single(below)};
SELECT topic, count(*) FROM ${name} GROUP BY topic;`;
}

function pyiceberg({ metadata, store }: Table): string {
  const properties: string[] = [];
  if (store.kind === 's3') {
    if (store.endpoint) properties.push(`    "s3.endpoint": ${python(url(store))},`);
    properties.push(`    "s3.region": ${python(store.region!)},`, '    "s3.access-key-id": "…",', '    "s3.secret-access-key": "…",');
  }
  const settings = properties.length > 0 ? `, {\n${properties.join('\n')}\n}` : '';
  const place = store.kind === 'directory' && metadata.startsWith('/') ? `file://${metadata}` : metadata;
  return `# pip install "pyiceberg[pyarrow,pandas]"
from pyiceberg.table import StaticTable

table = StaticTable.from_metadata(${python(place)}${settings})
print(table.scan(selected_fields=("offset", "timestamp", "topic", "payload"), limit=10).to_pandas())`;
}

export function snippets(table: Table): Snippet[] {
  return [
    { id: 'duckdb', label: 'DuckDB', language: 'SQL', text: duckdb(table), note: 'Reads the version that is newest at this moment: copy it again to see what has settled since.' },
    { id: 'python', label: 'Python', language: 'Python', text: pyiceberg(table), note: 'PyIceberg, this version of the table. The same metadata file serves Polars (pl.scan_iceberg).' },
    { id: 'spark', label: 'Spark', language: 'shell', text: spark(table), note: 'As a table of a Hadoop catalog: always the newest version, by version-hint.text.' },
    { id: 'snowflake', label: 'Snowflake', language: 'SQL', text: snowflake(table), note: 'ALTER ICEBERG TABLE … REFRESH with a newer metadata file shows what has settled since.' },
  ];
}
