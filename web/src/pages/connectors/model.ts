// What the form of a connector knows: its settings, what each provider wants (docs/providers.md), and what a failure is about.

import { KEPT, settingOf, toBody, toValues, type Setting, type Values } from '../../lib/settings';

export interface Provider {
  id: string;
  label: string;
  note: string; // what to mind
  endpoint: string; // a pattern over the questions, or what a person begins with
  asks?: { id: string; label: string; help: string; placeholder: string; suggest?: string[] }[]; // what the endpoint follows from
  host?: RegExp; // tells the provider of an endpoint, and the answers to its questions
  access_method: 'path' | 'vhost' | 'auto';
  key_label: string;
  secret_label: string;
  keys_help: string;
  bucket_label?: string;
  requests_per_second?: string;
}

const region = (suggest: string[], placeholder: string) => ({
  id: 'region', label: 'Region of the bucket', help: 'The endpoint and the region of signatures follow from it.', placeholder, suggest,
});

export const providers: Provider[] = [
  {
    id: 'aws', label: 'AWS S3', access_method: 'auto',
    endpoint: 'https://s3.{region}.amazonaws.com', host: /^https:\/\/s3\.([a-z0-9-]+)\.amazonaws\.com$/,
    asks: [region(['eu-central-1', 'eu-west-1', 'eu-north-1', 'us-east-1', 'us-east-2', 'us-west-2', 'ap-southeast-1', 'ap-northeast-1', 'sa-east-1'], 'eu-central-1')],
    key_label: 'Access key id', secret_label: 'Secret access key', keys_help: 'Of an IAM user that may list the bucket and read, write and delete objects in it.',
    note: 'On EC2, ECS or EKS choose "The machine\'s role" below: the role is used, and renewed before it expires. A lifecycle rule AbortIncompleteMultipartUpload (7 days) cleans up what a killed broker leaves.',
  },
  {
    id: 'minio', label: 'MinIO', access_method: 'path', endpoint: 'http://minio:9000',
    key_label: 'Access key', secret_label: 'Secret key', keys_help: 'Of a user with the policy readwrite for the bucket.',
    note: 'With a certificate of your own, name its authority under Advanced. The region only matters if the server has MINIO_REGION.',
  },
  {
    id: 'b2', label: 'Backblaze B2', access_method: 'path',
    endpoint: 'https://s3.{region}.backblazeb2.com', host: /^https:\/\/s3\.([a-z0-9-]+)\.backblazeb2\.com$/,
    asks: [region(['us-west-004', 'us-west-002', 'us-east-005', 'eu-central-003'], 'us-west-004')],
    key_label: 'keyID', secret_label: 'applicationKey', keys_help: 'Of an application key for the bucket; the master key does not do.',
    note: 'B2 keeps every former version of an object: set the bucket\'s lifecycle to "Keep only the last version". It does not create on condition, so let one broker alone write below a prefix.',
  },
  {
    id: 'spaces', label: 'DigitalOcean Spaces', access_method: 'auto',
    endpoint: 'https://{region}.digitaloceanspaces.com', host: /^https:\/\/([a-z0-9-]+)\.digitaloceanspaces\.com$/,
    asks: [region(['fra1', 'ams3', 'nyc3', 'sfo3', 'sgp1', 'syd1', 'blr1', 'tor1', 'lon1'], 'fra1')],
    key_label: 'Access key', secret_label: 'Secret key', keys_help: 'A Spaces access key.', bucket_label: 'Space', requests_per_second: '200',
    note: 'A Space takes 240 requests a second, so 200 are asked at most.',
  },
  {
    id: 'gcs', label: 'Google Cloud Storage', access_method: 'path', endpoint: 'https://storage.googleapis.com', host: /^https:\/\/storage\.googleapis\.com$/,
    key_label: 'HMAC access id', secret_label: 'HMAC secret', keys_help: 'An HMAC key (Settings, Interoperability) of a service account with the role Storage Object Admin on the bucket.',
    note: 'Its S3-compatible interface. Leave checksums off and add no headers; many objects are deleted one by one.',
  },
  {
    id: 'r2', label: 'Cloudflare R2', access_method: 'path',
    endpoint: 'https://{account}.r2.cloudflarestorage.com', host: /^https:\/\/([a-z0-9]+(?:\.eu)?)\.r2\.cloudflarestorage\.com$/,
    asks: [{ id: 'account', label: 'Account id', help: 'From the R2 overview. For a bucket of the EU, with .eu behind it.', placeholder: '0123456789abcdef0123456789abcdef' }],
    key_label: 'Access key id', secret_label: 'Secret access key', keys_help: 'Of an R2 API token with "Object Read & Write" for the bucket.',
    note: 'The region is auto by itself.',
  },
  {
    id: 'ceph', label: 'Ceph RGW', access_method: 'path', endpoint: 'http://gateway:7480',
    key_label: 'Access key', secret_label: 'Secret key', keys_help: 'Of radosgw-admin user create.',
    note: 'A host name that the gateway does not know is taken for a bucket\'s: "no such bucket" then means the endpoint.',
  },
  {
    id: 'other', label: 'Another S3', access_method: 'auto', endpoint: '',
    key_label: 'Access key id', secret_label: 'Secret access key', keys_help: 'Whatever the provider calls the two.',
    note: 'Needed are signatures of version 4, PUT, GET with ranges, HEAD, DELETE and ListObjectsV2. The doctor tells what else it honours.',
  },
];

export function providerOf(endpoint: string): Provider {
  return providers.find((one) => one.host?.test(endpoint)) ?? providers.find((one) => one.id === 'other')!;
}

// The answers to a provider's questions, read from an endpoint.
export function answersOf(provider: Provider, endpoint: string): Record<string, string> {
  const found = provider.host?.exec(endpoint)?.[1] ?? '';
  return Object.fromEntries((provider.asks ?? []).map((ask) => [ask.id, found]));
}

// '' as long as a question is open.
export function endpointFor(provider: Provider, answers: Record<string, string>): string {
  const open = (provider.asks ?? []).some((ask) => !answers[ask.id]?.trim());
  return open ? '' : provider.endpoint.replace(/\{(\w+)\}/g, (_, id: string) => answers[id]!.trim());
}

const tls = (values: Values) => !String(values.endpoint ?? '').startsWith('http://');
const keys = (values: Values) => values['#keys'] !== 'role';

export const s3_settings: Setting[] = [
  { path: 'bucket', label: 'Bucket', help: 'Where users of the connector name none. It is looked at to see whether the store works.', mono: true, wide: true },
  { path: 'access_key_id', label: 'Access key id', help: '', mono: true, required: true, when: keys },
  { path: 'secret_access_key', label: 'Secret access key', help: 'The secret itself, file:///path or env:NAME on the broker\'s machine. It is kept encrypted and never shown again.', kind: 'secret', required: true, when: keys },
  { path: 'description', label: 'Description', help: 'A remark for people.', wide: true },
  { path: 'region', label: 'Region of signatures', help: 'Without it, what the endpoint says, else us-east-1.', advanced: true, mono: true },
  { path: 'access_method', label: 'How the bucket is named', help: 'In the path (host/bucket/key), in the host\'s name (bucket.host/key), or found out by asking.', kind: 'select', options: [['path', 'path'], ['vhost', 'vhost'], ['auto', 'auto']], advanced: true, initial: 'path' },
  { path: 'session_token', label: 'Session token', help: 'Of temporary keys.', kind: 'secret', advanced: true, when: keys },
  { path: 'profile', label: 'Profile', help: 'Of the shared file of credentials; without it $AWS_PROFILE, else default.', advanced: true, when: (values) => !keys(values) },
  { path: 'transport_options.connect_timeout', label: 'Connect timeout', help: 'TCP and TLS.', placeholder: '15s', advanced: true },
  { path: 'transport_options.request_timeout', label: 'Request timeout', help: 'The longest silence of one attempt.', placeholder: '30s', advanced: true },
  { path: 'transport_options.max_retries', label: 'Retries', help: 'Attempts of a request but the first.', kind: 'number', placeholder: '2', advanced: true },
  { path: 'transport_options.pool_size', label: 'Connections', help: 'And so requests at a time.', kind: 'number', placeholder: '8', advanced: true },
  { path: 'transport_options.requests_per_second', label: 'Requests a second', help: 'What the store is asked at most; 0: no limit.', kind: 'number', placeholder: '0', advanced: true },
  { path: 'transport_options.bytes_per_second', label: 'Bytes a second', help: 'Up and down, at most, as 50MiB; 0: no limit.', placeholder: '0', advanced: true },
  { path: 'transport_options.ssl.verify', label: 'Certificate of the store', help: 'Unchecked, whoever is in between can read and change everything.', kind: 'select', options: [['verify_peer', 'is checked'], ['verify_none', 'is not checked']], advanced: true, initial: 'verify_peer', when: tls },
  { path: 'transport_options.ssl.cacertfile', label: 'Authorities', help: 'A PEM file on the broker\'s machine; without it the system\'s.', mono: true, advanced: true, when: tls },
  { path: 'transport_options.ssl.certfile', label: 'Own certificate', help: 'A PEM file, where the store asks for one.', mono: true, advanced: true, when: tls },
  { path: 'transport_options.ssl.keyfile', label: 'Its key', help: 'A PEM file.', mono: true, advanced: true, when: tls },
  { path: 'transport_options.ssl.password', label: 'Password of the key', help: 'The password itself, file:///path or env:NAME.', kind: 'secret', advanced: true, when: tls },
  { path: 'transport_options.ssl.server_name_indication', label: 'Server name', help: 'That is asked for and checked; without it the host\'s.', mono: true, advanced: true, when: tls },
  { path: 'transport_options.checksum', label: 'Checksums', help: 'A CRC-32C with each upload, for stores that check it.', kind: 'switch', advanced: true, initial: false },
  { path: 'resource_opts.health_check_interval', label: 'Look every', help: 'Between two looks at the store.', placeholder: '15s', advanced: true },
  { path: 'resource_opts.health_check_timeout', label: 'Look at most', help: 'How long one look may take.', placeholder: '1m', advanced: true },
  { path: 'resource_opts.start_after_created', label: 'Open at once', help: 'Else it waits to be started.', kind: 'switch', advanced: true, initial: true },
  { path: 'tags', label: 'Tags', help: 'For people; with commas between.', kind: 'list', advanced: true },
  { path: 'transport_options.headers', label: 'Headers', help: 'Of every request.', kind: 'pairs', advanced: true },
];

export const directory_settings: Setting[] = [
  { path: 'path', label: 'Directory', help: 'On the broker\'s machine; made if it is not there. Without / at its beginning, in the data directory.', mono: true, required: true, placeholder: '/srv/archive' },
  { path: 'bucket', label: 'Bucket', help: 'A directory below it, where nothing else is said; varve by itself.', mono: true, placeholder: 'varve' },
  { path: 'description', label: 'Description', help: 'A remark for people.', wide: true },
  { path: 'resource_opts.health_check_interval', label: 'Look every', help: 'Between two looks at the directory.', placeholder: '15s', advanced: true },
  { path: 'resource_opts.start_after_created', label: 'Open at once', help: 'Else it waits to be started.', kind: 'switch', advanced: true, initial: true },
  { path: 'tags', label: 'Tags', help: 'For people; with commas between.', kind: 'list', advanced: true },
];

export type Kind = 's3' | 'directory';
export const settingsOf = (type: Kind): Setting[] => (type === 's3' ? s3_settings : directory_settings);

interface Stored {
  type?: string;
  endpoint?: string;
  host?: string;
  port?: number;
  access_key_id?: string;
  transport_options?: { ssl?: { enable?: boolean } };
}

// The URL of the store, also of a connector that was made with host and port.
export function endpointOf(connector: Stored): string {
  if (connector.endpoint) return connector.endpoint;
  if (!connector.host) return '';
  const secure = connector.transport_options?.ssl?.enable !== false;
  const usual = connector.port === undefined || connector.port === (secure ? 443 : 80);
  return `${secure ? 'https' : 'http'}://${connector.host}${usual ? '' : `:${connector.port}`}`;
}

export function valuesOf(type: Kind, stored?: Stored): Values {
  const values = toValues(settingsOf(type), stored);
  values.name = '';
  if (type === 's3') {
    values.endpoint = stored ? endpointOf(stored) : '';
    values['#keys'] = stored && !stored.access_key_id ? 'role' : 'keys';
  }
  return values;
}

export function bodyOf(type: Kind, values: Values, stored?: Stored): Record<string, unknown> {
  const body = toBody(settingsOf(type), values, stored);
  if (type === 's3') {
    const endpoint = String(values.endpoint).trim();
    if (!stored || endpoint !== endpointOf(stored)) {
      body.endpoint = endpoint;
      if (stored?.host) Object.assign(body, { host: null, port: null });
    }
    if (stored?.access_key_id && values['#keys'] === 'role') {
      Object.assign(body, { access_key_id: null, secret_access_key: null, session_token: null });
    }
  }
  return body;
}

// The whole of what the form says, for connectors_probe: what is stored, with the changes over it.
export function wholeOf(type: Kind, name: string, values: Values, stored?: Stored): Record<string, unknown> {
  const whole = toBody(settingsOf(type), values);
  if (type === 's3') whole.endpoint = String(values.endpoint).trim();
  // Without a name the API knows no stored secret.
  return { ...whole, type, name: stored || name ? name : 'new' };
}

export interface Explained {
  path?: string; // of the setting that it is about
  text: string;
  advice?: string;
}

const causes: { says: RegExp; path: string; advice: string }[] = [
  { says: /does not know this access key/i, path: 'access_key_id', advice: 'Check the access key id: it may belong to another account, provider or region.' },
  { says: /secret does not belong/i, path: 'secret_access_key', advice: 'Copy the secret again: white space at its end, or the secret of another key, are the usual causes.' },
  { says: /session token/i, path: 'session_token', advice: 'Temporary keys end: get new ones, all three of them.' },
  { says: /no such bucket/i, path: 'bucket', advice: 'Create the bucket at the provider, or correct its name. If it is there, look at the endpoint and at how the bucket is named (Advanced).' },
  { says: /bucket is in region|not in region/i, path: 'endpoint', advice: 'Choose the region of the bucket: requests are signed for one region.' },
  { says: /permission|not allowed|denied/i, path: 'access_key_id', advice: 'The key needs s3:ListBucket, s3:GetObject, s3:PutObject and s3:DeleteObject for this bucket.' },
  { says: /certificate/i, path: 'transport_options.ssl.cacertfile', advice: 'Name the authority of the store\'s certificate, or correct the host in the endpoint.' },
  { says: /TLS fails/i, path: 'endpoint', advice: 'Does the store speak HTTPS there? Else write http://.' },
  { says: /unreachable|is not known|nothing answers|timed out|no answer/i, path: 'endpoint', advice: 'Check host and port, the name service and firewalls, from the broker\'s machine.' },
  { says: /clock/i, path: 'endpoint', advice: 'Synchronise the clock of the broker\'s machine: requests are signed with the time.' },
];

// What the API says of a connector that does not work, for the person at the form.
export function explain(type: Kind, message: string): Explained {
  const text = message.replace(/^(?:disconnected|connecting): /, '');
  const cause = causes.find((one) => one.says.test(text));
  // The hint in brackets says less than the advice.
  if (cause) return { path: cause.path, text: text.replace(/ \((?:check|create|set) [^()]*\)$/, ''), advice: cause.advice };
  return { path: settingOf(settingsOf(type), text)?.path ?? /^(endpoint|name|host)\b/.exec(text)?.[1], text };
}

export interface Check {
  name?: string;
  result?: 'ok' | 'reduced' | 'failed' | 'skipped';
  text?: string;
  hint?: string;
}

export const check_titles: Record<string, string> = {
  bucket: 'The bucket is there',
  put: 'Objects can be written',
  get: 'What is read is what was written',
  range: 'Parts of an object can be read',
  'conditional put': 'Of two creations, one is refused',
  checksum: 'A damaged upload is refused',
  list: 'What is written is listed at once',
  'batch delete': 'Many objects are deleted in one request',
  clock: 'The clocks agree',
};

export const guarantees: Record<string, { title: string; text: string; kind: 'ok' | 'warn' | 'info' }> = {
  exactly_once: {
    title: 'Exactly once', kind: 'ok',
    text: 'A table\'s commit is the creation of an object that must not exist yet, and this store refuses a second one. Brokers that share a table are kept apart whatever happens.',
  },
  single_writer: {
    title: 'Single writer', kind: 'warn',
    text: 'This store does not refuse a second creation of an object. Everything is right as long as one broker alone writes below the prefix; a second one is noticed late or not at all.',
  },
  unprobed: { title: 'Not known', kind: 'info', text: 'The checks did not get far enough to tell what follows for tables.' },
};

export { KEPT };
