import { expect, test } from 'vitest';

import { filterRows, sortRows, visibleRows, type Column } from './table';

interface Row {
  name: string;
  size?: number;
}
const columns: Column<Row>[] = [
  { id: 'name', label: 'Name', value: (row) => row.name },
  { id: 'size', label: 'Size', value: (row) => row.size },
];
const rows: Row[] = [{ name: 'sensor-10', size: 3 }, { name: 'Sensor-9', size: 20 }, { name: 'pump' }];
const names = (list: Row[]) => list.map((row) => row.name);

test('a filter wants all of its words, in any column and case', () => {
  expect(names(filterRows(rows, columns, 'SENSOR 20'))).toEqual(['Sensor-9']);
  expect(filterRows(rows, columns, '  ')).toBe(rows);
});

test('numbers are sorted as numbers, in texts too, and what has none comes last', () => {
  expect(names(sortRows(rows, columns, { id: 'name', down: false }))).toEqual(['pump', 'Sensor-9', 'sensor-10']);
  expect(names(sortRows(rows, columns, { id: 'size', down: false }))).toEqual(['sensor-10', 'Sensor-9', 'pump']);
  expect(names(sortRows(rows, columns, { id: 'size', down: true }))).toEqual(['Sensor-9', 'sensor-10', 'pump']);
  expect(sortRows(rows, columns, null)).toBe(rows);
});

test('of ten thousand rows those are drawn that are seen', () => {
  expect(visibleRows(10_000, 40, 0, 400)).toEqual({ first: 0, end: 18 });
  expect(visibleRows(10_000, 40, 200_000, 400)).toEqual({ first: 4992, end: 5018 });
  expect(visibleRows(10_000, 40, 399_600, 400)).toEqual({ first: 9982, end: 10_000 });
  expect(visibleRows(3, 40, 9000, 400)).toEqual({ first: 0, end: 3 });
  expect(visibleRows(0, 40, 0, 400)).toEqual({ first: 0, end: 0 });
});
