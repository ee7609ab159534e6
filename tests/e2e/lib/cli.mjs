// `varve` against a running broker: what is wanted, or the error.
//
//   const { done, json, fails } = cliOf(() => broker);
//   await done('station', 'list')              standard output; fails unless the exit code is 0
//   await json('station', 'list')              the same with --json, parsed
//   await fails(2, /--force/, 'key', 'x')      the exit code, and what standard error says

import assert from 'node:assert/strict';

export function cliOf(broker) {
  const done = async (...args) => {
    const { code, stdout, stderr } = await broker().cli(...args);
    assert.equal(code, 0, `varve ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  const json = async (...args) => JSON.parse(await done(...args, '--json'));
  const fails = async (code, pattern, ...args) => {
    const answer = await broker().cli(...args);
    assert.equal(answer.code, code, `varve ${args.join(' ')}: ${answer.stdout}${answer.stderr}`);
    assert.match(answer.stderr, pattern);
    if (code === 2) assert.match(answer.stderr, /--help tells/);
  };
  return { done, json, fails };
}
