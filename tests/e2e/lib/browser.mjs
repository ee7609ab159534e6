// The dashboard in a real browser: Debian's Chromium without a window.
//
//   const browser = await Browser.start();                      await browser.stop()
//   const page = await browser.page(broker, { user, password });   signed in; without user: the sign-in page
//   await page.goto('/clients');                                paths of the dashboard
//   await page.shot('clients');                                 docs/screenshots/clients-light.png and -dark.png, with
//                                                               VARVE_SCREENSHOTS=1 alone
//   await page.checkAccess();                                   axe-core finds nothing serious
//   await page.fits();                                          it is not wider than its window
//   await page.ends();                                          no error on the console, nothing refused by the policy
//
// Everything else is Playwright's page. CHROMIUM names another browser; VARVE_CPU_SLOWER=6 makes the page's processor six times slower,
// to find steps that count on speed.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

import { until } from './wait.mjs';

const require = createRequire(import.meta.url);
const SHOTS = fileURLToPath(new URL('../../../docs/screenshots/', import.meta.url));
const AXE = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const WAIT_MS = 30_000;
const SLOWER = Number(process.env.VARVE_CPU_SLOWER ?? 1);
export const WIDE = { width: 1280, height: 820 };
export const NARROW = { width: 390, height: 844 };

export class Browser {
  static async start() {
    const browser = new Browser();
    browser.chromium = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--font-render-hinting=none'],
    });
    return browser;
  }

  stop() {
    return this.chromium.close();
  }

  // options: user and password to sign in with, theme, viewport.
  async page(broker, { user, password, theme = 'light', viewport = WIDE } = {}) {
    const { host, port } = broker.listener('http');
    const context = await this.chromium.newContext({
      baseURL: `http://${host}:${port}`,
      viewport,
      colorScheme: theme,
      reducedMotion: 'reduce',
      locale: 'en-GB',
    });
    const page = await context.newPage();
    page.setDefaultTimeout(WAIT_MS * SLOWER);
    if (SLOWER > 1) {
      const session = await context.newCDPSession(page);
      await session.send('Emulation.setCPUThrottlingRate', { rate: SLOWER });
    }
    const complaints = [];
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
      // What the API refuses is in the console as well; tests that provoke it look at the page.
      if (message.type() === 'error' && !/status of 4\d\d/.test(message.text())) complaints.push(message.text());
    });
    page.ends = () => assert.deepEqual(complaints, [], 'complaints of the browser');
    page.shot = (name, options) => shot(page, name, options);
    page.checkAccess = () => checkAccess(page);
    // What is drawn by a script is laid out a frame after the window has its size.
    page.fits = () => until(() => page.evaluate('document.documentElement.scrollWidth <= innerWidth'), `${page.url()} to be no wider than its window`);
    if (user) {
      await page.goto('/');
      await page.getByLabel('User name').fill(user);
      await page.getByLabel('Password', { exact: true }).fill(password);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('navigation').waitFor();
    }
    return page;
  }
}

// The theme is in force: its attribute is set, and a frame is drawn with it.
async function wear(page, theme) {
  await page.emulateMedia({ colorScheme: theme });
  await page.waitForFunction((wanted) => document.documentElement.dataset.theme === wanted, theme);
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
}

// The page as it is, without the notes at its edge, in both themes. full: with what is below the window. Without a name (path) nothing is written.
async function shot(page, name, { full = false, themes = ['light', 'dark'] } = {}) {
  if (process.env.VARVE_SCREENSHOTS !== '1') return;
  fs.mkdirSync(SHOTS, { recursive: true });
  const notes = (shown) => page.evaluate((display) => document.querySelector('.toasts')?.style.setProperty('display', display), shown ? '' : 'none');
  await notes(false);
  for (const theme of themes) {
    await wear(page, theme);
    await page.screenshot({ path: path.join(SHOTS, `${name}-${theme}.png`), fullPage: full });
  }
  await wear(page, themes[0]);
  await notes(true);
}

// WCAG A and AA, by axe-core; in the dark theme what differs there, contrast.
async function checkAccess(page) {
  for (const theme of ['light', 'dark']) {
    await wear(page, theme);
    // As an expression of the debugger: the page's own policy would refuse a script.
    if (!(await page.evaluate('Boolean(globalThis.axe)'))) await page.evaluate(AXE);
    const rules = theme === 'light' ? ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] : ['color-contrast'];
    const found = await page.evaluate(async (runOnly) => {
      const { violations } = await globalThis.axe.run(document, { runOnly });
      return violations
        .filter((one) => one.impact === 'serious' || one.impact === 'critical')
        .map((one) => `${one.id}: ${one.help}: ${one.nodes.slice(0, 5).map((node) => `${node.target} ${node.any[0]?.message ?? ''}`).join(' | ')}`);
    }, rules);
    assert.deepEqual(found, [], `${theme} ${page.url()}`);
  }
  await wear(page, 'light');
}
