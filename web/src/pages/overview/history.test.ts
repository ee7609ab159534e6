import { expect, test } from 'vitest';

import { historyOf, type Sample } from './history';

const sample = (time_stamp: number, received: number): Sample =>
  ({ time_stamp, received, sent: 0, dropped: 0, received_bytes: 0, sent_bytes: 0, connections: 3, tier_lag_messages: 7 }) as Sample;

test('counts become rates by the time that has passed', () => {
  const history = historyOf([sample(10_000, 100), sample(20_000, 50), sample(40_000, 50)]);
  expect(history.times).toEqual([10, 20, 40]);
  expect(history.received).toEqual([10, 5, 2.5]);
  expect(history.connections).toEqual([3, 3, 3]);
});

test('without samples there is nothing to draw', () => {
  expect(historyOf([]).times).toEqual([]);
});
