// The wall clock as a broker sees it, which reads it with the tick of its kernel: two moments that this process takes for different
// may be the same there.
//
//   await tickedPast(api, ms);      what is stored from here on has a later timestamp than `ms`

import { ndjson } from './stations.mjs';
import { unique, until } from './wait.mjs';

export async function tickedPast(api, ms) {
  const name = unique('clock');
  await api.ok('POST', '/stations', { name });
  await until(async () => {
    await api.ok('POST', `/stations/${name}/messages`, ndjson([{ topic: 't' }]));
    const [{ timestamp }] = await api.lines(`/stations/${name}/messages?from=last:1`);
    return timestamp > ms;
  }, `the clock of the broker to be past ${ms}`);
  await api.ok('DELETE', `/stations/${name}`);
}
