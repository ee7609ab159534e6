// Connectors, actions, rules and the flow of data in the dashboard, as a person uses them, with a real S3 server.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';

import { Broker } from './lib/broker.mjs';
import { Browser, NARROW, WIDE } from './lib/browser.mjs';
import { Api } from './lib/http.mjs';
import { connect } from './lib/mqttjs.mjs';
import { S3Server } from './lib/s3.mjs';
import { until } from './lib/wait.mjs';

const USER = { user: 'ann', password: 'a long password' };
const BUCKET = 'varve-test';
const SQL = 'SELECT * FROM "t/#"';

let broker, api, s3, store, browser, page, publisher;
before(async () => {
  [broker, s3, browser] = await Promise.all([Broker.start(), S3Server.start(), Browser.start()]);
  api = new Api(broker);
  await api.post('/users', { username: USER.user, password: USER.password, role: 'administrator' });
  store = new S3Client({
    endpoint: s3.endpoint, region: 'us-east-1', forcePathStyle: true,
    credentials: { accessKeyId: s3.access_key, secretAccessKey: s3.secret_key },
  });
  publisher = await connect(broker.url('tcp.default'), { protocolVersion: 5, clientId: 'press-1' });
  page = await browser.page(broker, USER);
});
after(async () => {
  store?.destroy();
  await publisher?.endAsync(true);
  await Promise.all([browser?.stop(), broker?.stop(), s3?.stop()]);
});

const text = async (key) => (await store.send(new GetObjectCommand({ Bucket: BUCKET, Key: key }))).Body.transformToString();
const keys = async (prefix) => ((await store.send(new ListObjectsV2Command({ Bucket: BUCKET, Prefix: prefix }))).Contents ?? []).map((one) => one.Key);
const dialog = (name) => page.getByRole('dialog', { name });
const button = (name, within = page) => within.getByRole('button', { name, exact: true });
const field = (name, within = page) => within.getByLabel(name, { exact: true });

// Replaces the statement as a person does.
async function write(sql) {
  await field('SQL').click();
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.insertText(sql);
}

describe('the walk of the manual', () => {
  test('a rule, its action and its connector are made on one page, and a message becomes an object', async () => {
    await page.getByRole('link', { name: 'Rules', exact: true }).click();
    await page.getByText('There is no rule yet').waitFor();
    await page.shot('rules-empty');
    await page.getByRole('link', { name: 'New rule' }).first().click();
    await write(SQL);
    await page.getByLabel(/^Id/).fill('archive_rule');
    await button('Add action').click();
    await button('New action', dialog('Add an action')).click();

    const action = dialog('New action');
    await field('Name', action).fill('msgs');
    await field('Object key', action).fill('msgs/${clientid}_${timestamp}.json');
    await field('Content', action).fill('${payload}');
    await button('New connector', action).click();

    // A wrong secret is explained where it is written.
    const connector = dialog('New connector');
    await button('Ceph RGW', connector).click();
    await field('Name', connector).fill('gateway');
    await field('Endpoint', connector).fill(s3.endpoint);
    await field('Bucket', connector).fill(BUCKET);
    await field('Access key', connector).fill(s3.access_key);
    await field('Secret key', connector).fill('not-the-secret');
    await button('Test', connector).click();
    await connector.getByText('the secret does not belong to the access key').first().waitFor();
    assert.equal(await field('Secret key', connector).getAttribute('aria-invalid'), 'true');
    await connector.getByText(/Copy the secret again/).first().waitFor();
    await page.checkAccess();
    await page.shot('connector-wrong-secret');

    await field('Secret key', connector).fill(s3.secret_key);
    await button('Test', connector).click();
    await connector.getByText('It works.').waitFor();
    await button('Create', connector).click();
    await connector.waitFor({ state: 'hidden' });

    // What was filled in beneath is still there.
    assert.equal(await field('Object key', action).inputValue(), 'msgs/${clientid}_${timestamp}.json');
    await action.locator('select').first().and(action.getByLabel('Connector')).waitFor();
    await until(async () => (await field('Connector', action).inputValue()) === 's3:gateway');
    await page.shot('action-new');
    await page.checkAccess();
    await button('Test', action).click();
    await action.getByText('It would work').waitFor();
    await button('Create', action).click();
    await action.waitFor({ state: 'hidden' });
    await page.getByRole('link', { name: 's3:msgs' }).waitFor();
    await button('Create').click();
    await page.getByRole('heading', { name: 'archive_rule' }).waitFor();

    await publisher.publishAsync('t/1', 'hello varve', { qos: 1 });
    const [key] = await until(async () => {
      const found = await keys('msgs/');
      return found.length > 0 && found;
    });
    assert.match(key, /^msgs\/press-1_\d+\.json$/);
    assert.equal(await text(key), 'hello varve');
    await page.ends();
  });
});

describe('rules', () => {
  test('a mistake is told where it is, and examples are evaluated', async () => {
    await page.goto('/rules/+new');
    await write('SELECT uper(clientid) AS c FROM "t/#"');
    await page.getByText('Line 1, column 8: there is no function uper').first().waitFor();
    await page.shot('rule-mistake');
    await write('SELECT upper(payload.name) AS name, clientid FROM "sensors/+"');
    await page.getByText('Listens to').waitFor();
    await until(async () => (await field('Topic').inputValue()) === 'sensors/a');
    await field('Payload').fill('{"name": "ann"}');
    await button('Run').click();
    await page.getByText('"name": "ANN"').waitFor();
    await field('Topic').fill('other/a');
    await button('Run').click();
    await page.getByText('No result').waitFor();
  });

  test('functions and columns of the source are completed, with their reference', async () => {
    await write('');
    await page.keyboard.type('SELECT regex_re');
    const option = page.getByRole('option', { name: /regex_replace/ });
    await option.waitFor();
    await page.getByText(/^regex_replace\(/).first().waitFor();
    await page.shot('rule-completion');
    await page.keyboard.press('Escape');
    await write('SELECT  FROM "$events/client/connected"');
    await page.keyboard.press('Home');
    for (let i = 0; i < 7; i++) await page.keyboard.press('ArrowRight');
    await page.keyboard.type('keep');
    await page.getByRole('option', { name: /keepalive/ }).waitFor();
    await page.keyboard.press('Enter');
    await page.getByText('Listens to $events/client/connected').waitFor();
  });

  test('a live tap shows what comes, and leaves no rule behind', async () => {
    await write('SELECT clientid, payload.n AS n FROM "tapped/#"');
    await page.getByText('Listens to tapped/#').waitFor();
    await page.getByRole('tab', { name: 'Live tap' }).click();
    await button('Start').click();
    await page.getByText('listening to tapped/#').waitFor();
    await publisher.publishAsync('tapped/1', '{"n": 7}', { qos: 1 });
    await page.getByText('{"clientid":"press-1","n":7}').waitFor();
    await page.shot('rule-tap');
    await button('Stop').click();
    await until(async () => (await api.get('/rules')).body.data.every((rule) => !rule.id.startsWith('tap_')));
  });

  test('republish and stations are actions, too; figures are shown and reset', async () => {
    await api.post('/stations', { name: 'telemetry', topics: ['sensors/#'] });
    await page.goto('/rules/archive_rule');
    await page.getByRole('link', { name: 's3:msgs' }).waitFor();
    await button('Add action').click();
    const adding = dialog('Add an action');
    await adding.getByRole('button', { name: /^Republish/ }).click();
    await field('Topic', adding).fill('copy/${topic}');
    await button('Add', adding).click();
    await button('Add action').click();
    await adding.getByRole('button', { name: /^Keep in a station/ }).click();
    await button('Add', adding).click();
    await button('Save').click();
    await page.getByText('Saved', { exact: true }).waitFor();
    const { body: stored } = await api.get('/rules/archive_rule');
    assert.equal(stored.actions[0], 's3:msgs');
    assert.deepEqual(stored.actions[1], { function: 'republish', args: { topic: 'copy/${topic}', payload: '${payload}' } });
    assert.deepEqual(stored.actions[2], { function: 'station', args: { station: 'telemetry' } });
    await page.locator('.stat', { hasText: 'Matched' }).getByText('1', { exact: true }).waitFor();
    await page.shot('rule');
    await page.checkAccess();
    await button('Reset figures').click();
    await page.locator('.stat', { hasText: 'Matched' }).getByText('0', { exact: true }).waitFor();
  });

  test('the list has their figures', async () => {
    await publisher.publishAsync('t/2', 'more', { qos: 1 });
    await page.goto('/rules');
    const row = page.getByRole('row', { name: /archive_rule/ });
    await row.getByText('running').waitFor();
    await row.getByText('1', { exact: true }).first().waitFor();
    await page.shot('rules');
    await page.checkAccess();
    await row.getByRole('switch').click();
    await row.getByText('disabled').waitFor();
    await row.getByRole('switch').click();
    await row.getByText('running').waitFor();
  });
});

describe('connectors', () => {
  test('the doctor names what a store honours, and what follows', async () => {
    await page.goto('/connectors');
    await page.getByRole('heading', { name: 'gateway' }).waitFor();
    await page.shot('connectors');
    await page.checkAccess();
    await page.getByRole('link', { name: 'gateway' }).click();
    await button('Examine').click();
    await page.getByText('Exactly once.').waitFor();
    const checks = page.getByRole('list', { name: 'Checks' });
    for (const claim of ['The bucket is there', 'Of two creations, one is refused', 'The clocks agree']) await checks.getByText(claim).waitFor();
    await page.shot('connector-doctor');
    await page.checkAccess();
  });

  test('a secret stays when something else is changed, and no answer has it', async () => {
    await button('Edit').click();
    const form = dialog('Connector gateway');
    assert.equal(await field('Secret access key', form).inputValue(), '******');
    await field('Description', form).fill('The test gateway');
    await button('Test', form).click();
    await form.getByText('It works.').waitFor();
    await button('Save', form).click();
    await page.getByText('The test gateway').waitFor();
    await publisher.publishAsync('t/3', 'still', { qos: 1 });
    await until(async () => (await keys('msgs/')).length === 3);
    assert.ok(!JSON.stringify((await api.get('/connectors')).body).includes(s3.secret_key));
  });

  test('a bucket that is not there is told at its field', async () => {
    await page.goto('/connectors');
    await button('New connector').click();
    const form = dialog('New connector');
    await button('MinIO', form).click();
    await button('Test', form).click();
    await form.getByText('A name has letters, digits, _ and -.').waitFor();
    await field('Name', form).fill('other');
    await field('Endpoint', form).fill(s3.endpoint);
    await field('Bucket', form).fill('no-such-bucket');
    await field('Access key', form).fill(s3.access_key);
    await field('Secret key', form).fill(s3.secret_key);
    await button('Test', form).click();
    await form.getByText(/no such bucket/).first().waitFor();
    assert.equal(await field('Bucket', form).getAttribute('aria-invalid'), 'true');
    await button('Cancel', form).click();
  });
});

describe('actions', () => {
  test('many messages become a table; what is stored is seen as it happens', async () => {
    await page.goto('/actions');
    await page.getByRole('row', { name: /msgs/ }).getByText('connected').waitFor();
    await button('New action').click();
    const form = dialog('New action');
    await form.getByRole('button', { name: /^Many messages together/ }).click();
    await field('Name', form).fill('events');
    await field('Form', form).selectOption('iceberg');
    await field('Place of the table', form).fill('lake/events');
    await page.shot('action-aggregated');
    await button('Create', form).click();
    await page.getByRole('heading', { name: 'events' }).waitFor();
    assert.deepEqual((await api.get('/actions/s3%3Aevents')).body.parameters.container.type, 'iceberg');
    await page.goto('/actions');
    await page.getByRole('row', { name: /events/ }).waitFor();
    await page.shot('actions');
    await page.checkAccess();
    // What the broker has kept of it: three messages are in there, since the action was made.
    const past = await until(async () => {
      const { body } = await api.get('/actions/s3%3Amsgs/monitor');
      return body.length > 0 && body;
    }, 'two samples of the action', { timeout_ms: 40_000 });
    assert.ok(past.every((one) => one.stored <= 3 && one.failed === 0), JSON.stringify(past));
    assert.equal((await api.get('/actions/s3%3Anone/monitor')).status, 404);
    await page.getByRole('row', { name: /msgs/ }).getByRole('link').first().click();
    await page.locator('.stat', { hasText: 'Stored' }).getByText('3', { exact: true }).waitFor();
    await page.locator('figure .plot canvas').first().waitFor();
    await page.getByText(/^stored 0\/s$|^stored 0$/).waitFor();
    await page.shot('action');
    await page.checkAccess();
    await button('Edit').click();
    const edit = dialog('Action msgs');
    await edit.getByText('Fallbacks', { exact: true }).click();
    await button('A message', edit).click();
    const fallback = edit.getByRole('group', { name: 'Fallback 1', exact: true });
    await field('QoS', fallback).fill('2');
    await field('Retain', fallback).fill('true');
    await fallback.getByText('Advanced', { exact: true }).click();
    await button('Add to MQTT properties', fallback).click();
    await fallback.getByPlaceholder('name', { exact: true }).fill('Content-Type');
    await fallback.getByPlaceholder('value', { exact: true }).fill('text/plain');
    await page.checkAccess();
    await page.shot('action-fallback');
    await button('Save', edit).click();
    await page.getByText('Saved', { exact: true }).waitFor();
    const { fallback_actions: fallbacks } = (await api.get('/actions/s3%3Amsgs')).body;
    assert.deepEqual(fallbacks, [
      { kind: 'republish', args: { topic: 'lost/${topic}', payload: '${payload}', qos: 2, retain: true, mqtt_properties: { 'Content-Type': 'text/plain' } } },
    ]);
  });
});

describe('flow', () => {
  test('shows where data goes, opens what is clicked, and joins what is dropped', async () => {
    await api.put('/stations/telemetry', { tier: { enabled: true, connector: 's3:gateway', bucket: BUCKET, prefix: 'telemetry' } });
    await page.goto('/flow');
    const canvas = page.getByRole('region', { name: 'Flow of data' });
    for (const name of [/^archive_rule:/, /^msgs:/, /^gateway:/, /^telemetry:/, /second tier/]) await canvas.getByRole('link', { name }).waitFor();
    await page.shot('flow');
    await page.checkAccess();
    // A new action for the rule, by drag and drop.
    const rule = canvas.locator('[data-id="rule:archive_rule"]');
    await page.getByRole('button', { name: 'Action', exact: true }).dragTo(rule);
    const form = dialog('New action');
    await field('Name', form).fill('second');
    await field('Object key', form).fill('second/${timestamp}.json');
    await button('Create', form).click();
    await canvas.getByRole('link', { name: /^second:/ }).waitFor();
    await until(async () => (await api.get('/rules/archive_rule')).body.actions.includes('s3:second'));
    // A rule that is dropped on a source listens there.
    await page.getByRole('button', { name: 'Rule', exact: true }).dragTo(canvas.locator('[data-id="source:sensors/#"]'));
    await page.getByText('Listens to sensors/#').waitFor();
    await page.goto('/flow');
    await button('Station').waitFor();
    // By keyboard.
    await canvas.getByRole('link', { name: /^archive_rule:/ }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'archive_rule' }).waitFor();
    await page.ends();
  });

  test('a small window shows all of it without scrolling sideways', async () => {
    await page.setViewportSize(NARROW);
    for (const [path, ready] of [['/flow', /^archive_rule:/], ['/rules', 'archive_rule'], ['/rules/archive_rule', 's3:msgs'], ['/actions', 'msgs'], ['/connectors', 'gateway']]) {
      await page.goto(path);
      await page.getByRole('link', { name: ready }).first().waitFor();
      await page.fits();
      await page.shot(`narrow${path.replaceAll('/', '-')}`, { themes: ['light'] });
    }
    await page.setViewportSize(WIDE);
    await page.ends();
  });

  test('a viewer sees all of it and changes nothing', async () => {
    await api.post('/users', { username: 'vic', password: USER.password, role: 'viewer' });
    const viewing = await browser.page(broker, { user: 'vic', password: USER.password });
    await viewing.goto('/rules/archive_rule');
    await viewing.getByRole('link', { name: 's3:msgs' }).waitFor();
    await viewing.getByLabel('SQL', { exact: true }).waitFor();
    for (const name of ['Save', 'Delete', 'Add action', 'Run']) assert.equal(await viewing.getByRole('button', { name, exact: true }).count(), 0, name);
    await viewing.goto('/connectors');
    await viewing.getByRole('heading', { name: 'gateway' }).waitFor();
    assert.equal(await viewing.getByRole('button', { name: /connect/i }).count(), 0);
    await viewing.ends();
  });
});
