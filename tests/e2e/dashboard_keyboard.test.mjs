// The dashboard without a mouse: a rule with an action is made, and a range is brought back from the second tier. Every control is come to
// with Tab; what a dialog was opened from has the focus again when it is closed.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Broker } from './lib/broker.mjs';
import { Browser } from './lib/browser.mjs';
import { StationApi, ndjson } from './lib/stations.mjs';
import { until } from './lib/wait.mjs';

const USER = { user: 'ann', password: 'sediment-2026' };
const TABS_MAX = 80;

let broker, api, browser, page;
before(async () => {
  [broker, browser] = await Promise.all([Broker.start(), Browser.start()]);
  api = new StationApi(broker);
  await api.ok('POST', '/users', { username: USER.user, password: USER.password, role: 'administrator' });
  page = await browser.page(broker, USER);
});
after(async () => {
  await browser?.stop();
  await broker?.stop();
});

// What has the focus, by its label or its text.
const focused = () =>
  page.evaluate(() => {
    let node = document.activeElement;
    while (node?.shadowRoot?.activeElement) node = node.shadowRoot.activeElement; // the editor
    if (!node || node === document.body) return '';
    const text = node.getAttribute('aria-label') ?? node.labels?.[0]?.innerText ?? (node.matches('main') ? 'main' : node.innerText);
    return (text ?? '').split('\n')[0].trim();
  });
const press = (key) => page.keyboard.press(key);
const dialog = (name) => page.getByRole('dialog', { name, exact: true });

async function tabTo(name, key = 'Tab') {
  const passed = [];
  for (let i = 0; i < TABS_MAX; i++) {
    await press(key);
    const now = await focused();
    if (now === name) return;
    passed.push(now);
  }
  assert.fail(`Tab does not come to ${name}, but to: ${passed.join(' | ')}`);
}
// The focus moves a frame after what has moved it.
const isOn = (name) => until(async () => (await focused()) === name, `the focus on ${name}`);

test('a rule with an action is made', async () => {
  await page.goto('/rules');
  await page.getByRole('heading', { level: 1, name: 'Rules' }).waitFor();
  await tabTo('Skip to the page');
  await press('Enter');
  await tabTo('New rule');
  await press('Enter');
  await page.getByRole('heading', { level: 1, name: 'New rule' }).waitFor();
  await isOn('main');
  await page.getByLabel('SQL', { exact: true }).waitFor(); // the editor comes behind the page
  await tabTo('SQL');
  await press('ControlOrMeta+a');
  await page.keyboard.insertText('SELECT * FROM "keys/#"');
  await page.getByText('Listens to keys/#').waitFor();

  await tabTo('Add action'); // out of the editor, too
  await press('Enter');
  await dialog('Add an action').waitFor();
  await isOn('Write to a store');
  await tabTo('Republish');
  await press('Space');
  await tabTo('Topic');
  await page.keyboard.insertText('copy/${topic}');
  await press('Enter');
  await dialog('Add an action').waitFor({ state: 'hidden' });
  await isOn('main'); // the button that was pressed is gone: there is something in the list
  await page.getByText('copy/${topic}').waitFor();
  await tabTo('Id');
  await page.keyboard.insertText('by_keys');
  await tabTo('Create', 'Shift+Tab');
  await press('Enter');
  await page.getByRole('heading', { level: 1, name: 'by_keys' }).waitFor();
  assert.deepEqual((await api.ok('GET', '/rules/by_keys')).actions, [{ function: 'republish', args: { topic: 'copy/${topic}', payload: '${payload}' } }]);
});

test('Escape closes the window on top, and the focus goes back step by step', async () => {
  await page.getByText('copy/${topic}').waitFor();
  await tabTo('Add action');
  await press('Enter');
  await isOn('Write to a store');
  await tabTo('New action');
  await press('Enter');
  await dialog('New action').waitFor();
  await isOn('One object a message');
  await tabTo('New connector');
  await press('Enter');
  await dialog('New connector').waitFor();
  await press('Escape');
  await dialog('New connector').waitFor({ state: 'hidden' });
  await isOn('New connector');
  await press('Escape');
  await dialog('New action').waitFor({ state: 'hidden' });
  await isOn('New action');
  await press('Escape');
  await dialog('Add an action').waitFor({ state: 'hidden' });
  await isOn('Add action');
  // A question begins with the answer that changes nothing.
  await tabTo('Delete', 'Shift+Tab');
  await press('Enter');
  await dialog('Delete the rule by_keys?').waitFor();
  await isOn('Cancel');
  await press('Enter');
  await dialog('Delete the rule by_keys?').waitFor({ state: 'hidden' });
  await isOn('Delete');
  page.ends();
});

test('a range comes back from the second tier', async () => {
  await api.ok('POST', '/stations', { name: 'plant', topics: [], retention: { messages: 10 }, tier: { enabled: true, upload_interval: '1h' } });
  for (let i = 0; i < 2; i++) {
    await api.ok('POST', '/stations/plant/messages', ndjson(Array.from({ length: 100 }, (_, n) => ({ topic: 't', payload: `${n}` }))));
    const { job } = await api.ok('POST', '/stations/plant/tier/flush');
    await until(async () => (await api.ok('GET', `/jobs/${job}`)).state === 'succeeded', 'a flush');
  }
  await page.goto('/stations');
  await page.getByRole('link', { name: 'plant', exact: true }).waitFor();
  await tabTo('plant');
  await press('Enter');
  await page.getByRole('heading', { level: 1, name: 'plant' }).waitFor();
  await page.getByRole('link', { name: 'Restore', exact: true }).waitFor();
  await tabTo('Restore');
  await press('Enter');
  await page.getByRole('slider', { name: 'End of the range' }).waitFor();
  await tabTo('End of the range');
  await press('ArrowDown');
  await until(async () => (await page.getByLabel('Last offset', { exact: true }).inputValue()) === '89', 'the range to end behind one file');
  await tabTo('To this machine’s disk. The data files of the range are kept here, too, and the station reads them without the bucket, until they are released.');
  await press('ArrowDown');
  await tabTo('Name of the new station');
  await press('ControlOrMeta+a');
  await page.keyboard.insertText('plant-back');
  await tabTo('Restore');
  await press('Enter');
  await page.getByText('90 messages are back in plant-back').waitFor();
  page.ends();
});
