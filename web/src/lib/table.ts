// What a table does to its rows: filter and sort. And which of them are drawn.

import type { Snippet } from 'svelte';

export interface Column<T> {
  id: string;
  label: string;
  // What is shown as text, sorted and filtered by; a cell may draw something else.
  value?: (row: T) => string | number | boolean | undefined | null;
  cell?: Snippet<[T]>;
  align?: 'right';
  mono?: boolean;
  width?: string; // of the column: '120px', '30%'
  from?: number; // is shown from this width of the window on, px
  sortable?: boolean; // default: true where there is a value
}

export interface Order {
  id: string;
  down: boolean;
}

function text(value: unknown): string {
  return value === undefined || value === null ? '' : String(value).toLowerCase();
}

// Rows that hold all words of the filter, in any of the columns.
export function filterRows<T>(rows: T[], columns: Column<T>[], filter: string): T[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return rows;
  const sources = columns.flatMap((column) => (column.value ? [column.value] : []));
  return rows.filter((row) => {
    const line = sources.map((value) => text(value(row))).join('\n');
    return words.every((word) => line.includes(word));
  });
}

const names = new Intl.Collator('en', { numeric: true });

// A sorted copy; rows without a value come last, in either direction.
export function sortRows<T>(rows: T[], columns: Column<T>[], order: Order | null): T[] {
  const value = order && columns.find((column) => column.id === order.id)?.value;
  if (!value) return rows;
  const sign = order.down ? -1 : 1;
  return rows
    .map((row) => [value(row), row] as const)
    .sort(([a], [b]) => {
      const none = Number(a === undefined || a === null || a === '') - Number(b === undefined || b === null || b === '');
      if (none !== 0) return none;
      if (typeof a === 'number' && typeof b === 'number') return sign * (a - b);
      return sign * names.compare(text(a), text(b));
    })
    .map(([, row]) => row);
}

export interface Window {
  first: number;
  end: number; // behind the last one
}

// Which rows of `count` are drawn, when `height` pixels are seen from `top` on: some more on both sides.
export function visibleRows(count: number, row_height: number, top: number, height: number, spare = 8): Window {
  const first = Math.max(0, Math.min(count, Math.floor(top / row_height)) - spare);
  const end = Math.min(count, Math.ceil((top + height) / row_height) + spare);
  return { first, end: Math.max(first, end) };
}
