// Waiting for conditions instead of sleeping for luck.

import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';

export { delay };

// Long enough for a sanitizer build on a busy machine: a limit on failures, not a duration of any test.
export const PATIENCE_MS = 15_000;

// Polls until `condition` returns something truthy, and returns that.
export async function until(condition, what, { timeout_ms = PATIENCE_MS, step_ms = 10 } = {}) {
  const end_ms = performance.now() + timeout_ms;
  for (;;) {
    const late = performance.now() > end_ms;
    if (late) await new Promise((resolve) => setImmediate(resolve)); // what came while this process was stopped is read first
    const value = await condition();
    if (value) return value;
    if (late) throw new Error(`waited ${timeout_ms} ms in vain for ${what}`);
    await delay(step_ms);
  }
}

// Polls until what `actual` returns is `expected`; if it never is, the failure shows both.
export async function untilEqual(actual, expected, what) {
  let now;
  try {
    await until(async () => isDeepStrictEqual((now = await actual()), expected), what);
  } catch (error) {
    assert.deepEqual(now, expected, error.message);
    throw error;
  }
}

// Rejects when `promise` takes too long.
export async function within(promise, timeout_ms, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${timeout_ms} ms in vain for ${what}`)), timeout_ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

let names = 0;
// A name that no other test uses: topics and client ids of tests that share a broker.
export const unique = (prefix = 't') => `${prefix}-${process.pid.toString(36)}-${(names += 1)}`;
