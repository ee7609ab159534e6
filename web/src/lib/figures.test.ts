import { expect, test } from 'vitest';

import { parseFigures, rateOf } from './figures';

const text = (matched: number) => `# HELP varve_rule_matched_total …
# TYPE varve_rule_matched_total counter
varve_rule_matched_total{rule="hot"} ${matched}
varve_rule_matched_total{rule="a \\"b\\" \\\\"} 3
varve_connector_requests{connector="x",kind="put"} 9
varve_connections 4
`;

test('figures with one label are read, with what stands in quotes', () => {
  const figures = parseFigures(text(12));
  expect([...figures.keys()]).toEqual(['varve_rule_matched_total']);
  expect(figures.get('varve_rule_matched_total')?.get('hot')).toBe(12);
  expect(figures.get('varve_rule_matched_total')?.get('a "b" \\')).toBe(3);
});

test('rates are of counters that have not been reset', () => {
  const name = 'varve_rule_matched_total';
  expect(rateOf(parseFigures(text(10)), parseFigures(text(30)), 4, name, 'hot')).toBe(5);
  expect(rateOf(parseFigures(text(30)), parseFigures(text(10)), 4, name, 'hot')).toBeUndefined();
  expect(rateOf(undefined, parseFigures(text(10)), 4, name, 'hot')).toBeUndefined();
});
