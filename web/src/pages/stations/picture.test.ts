import { describe, expect, test } from 'vitest';

import { area, edge, layersOf, offsetOfY, place, share, spread, ticks, tickText, watermarks, yOfOffset, yOfTime, type FileState, type TierState } from './picture';

const T0 = Date.parse('2026-03-01T00:00:00Z');
const at = (s: number): string => new Date(T0 + s * 1000).toISOString();
const file = (first: number, last: number, from_s: number, to_s: number, more: Partial<FileState> = {}): FileState => ({
  first_offset: first, last_offset: last, messages: last - first + 1, bytes: 1000, files: 1, restored: 0, first_time: at(from_s), last_time: at(to_s),
  path: `s3://b/p/data/${first}.parquet`, ...more,
});
const tier = (first: number, next: number, from_s: number, to_s: number, more: Partial<TierState> = {}): TierState => ({
  disk: { first_offset: first, next_offset: next, messages: next - first, bytes: 10 * (next - first), first_time: at(from_s), last_time: at(to_s) },
  ...more,
});
const sum = (list: number[]): number => list.reduce((a, b) => a + b, 0);

describe('layers', () => {
  test('files, what waits and what is kept follow each other without a hole', () => {
    const layers = layersOf(tier(200, 500, 20, 50, { committed_offset: 199, expelled_offset: 299 }), [file(0, 99, 0, 9), file(100, 199, 10, 19)]);
    expect(layers.map(({ kind, first, end }) => [kind, first, end])).toEqual([
      ['file', 0, 100], ['file', 100, 200], ['waiting', 200, 300], ['disk', 300, 500],
    ]);
    expect(layers[2]!.bytes).toBe(1000);
    expect(layers[2]!.to_ms).toBeGreaterThan(T0 + 20_000);
    expect(layers[3]!.to_ms).toBe(T0 + 50_000);
  });
  test('what was given up is a gap, between files and before the disk', () => {
    const layers = layersOf(tier(400, 500, 40, 50, { committed_offset: 399, expelled_offset: 399 }), [file(0, 99, 0, 9), file(150, 199, 15, 19)]);
    expect(layers.map(({ kind, first, end }) => [kind, first, end])).toEqual([
      ['file', 0, 100], ['gap', 100, 150], ['file', 150, 200], ['gap', 200, 400], ['disk', 400, 500],
    ]);
  });
  test('what is committed and still on disk is drawn once', () => {
    const layers = layersOf(tier(0, 500, 0, 50, { committed_offset: 199, expelled_offset: 199 }), [file(0, 199, 0, 19)]);
    expect(layers.map(({ kind, first, end }) => [kind, first, end])).toEqual([['file', 0, 200], ['disk', 200, 500]]);
  });
  test('without a second tier there is the disk alone, and without messages nothing', () => {
    expect(layersOf(tier(50, 500, 5, 50), []).map(({ kind, first, end }) => [kind, first, end])).toEqual([['disk', 50, 500]]);
    expect(layersOf({ disk: { first_offset: 7, next_offset: 7, messages: 0, bytes: 0 } }, [])).toEqual([]);
  });
  test('files without times take those of their neighbours', () => {
    const layers = layersOf(tier(10, 20, 30, 40), [file(0, 4, 1, 2), file(5, 9, 0, 0, { first_time: null, last_time: null })]);
    expect(layers[1]!.from_ms).toBe(T0 + 2000);
  });
});

describe('thickness', () => {
  test('follows the weights, above the least', () => {
    expect(share([1, 3], [0, 0], 100)).toEqual([25, 75]);
    expect(share([1, 999], [10, 10], 100)).toEqual([10, 90]);
    expect(share([1, 1, 98], [10, 10, 0], 100)).toEqual([10, 10, 80]);
  });
  test('always fills the picture, whatever the weights are', () => {
    for (const weights of [[0, 0, 0], [1e12, 0, 1], [5, 5, 5], [0, 1, 0]]) {
      for (const least of [[5, 5, 5], [60, 60, 60], [0, 0, 0], [90, 0, 0]]) {
        const got = share(weights, least, 100);
        expect(sum(got)).toBeCloseTo(100);
        expect(Math.min(...got)).toBeGreaterThanOrEqual(0);
      }
    }
  });
  test('a second on disk is seen above a year in the bucket, and the reverse', () => {
    const year = 365 * 86_400;
    const state = tier(1000, 1010, year, year + 1, { committed_offset: 999, expelled_offset: 999 });
    for (const measure of ['time', 'messages'] as const) {
      const placed = place(layersOf(state, [file(0, 999, 0, year)]), measure, 400);
      expect(placed[1]!.bottom - placed[1]!.top).toBeGreaterThan(90);
      expect(placed[0]!.bottom - placed[0]!.top).toBeGreaterThan(120);
      expect(placed[0]!.bottom).toBe(400);
      expect(placed[1]!.top).toBe(0);
    }
  });
});

describe('axis', () => {
  const state = tier(200, 500, 20, 50, { committed_offset: 199, expelled_offset: 299 });
  const placed = place(layersOf(state, [file(0, 99, 0, 9), file(100, 199, 10, 19)]), 'messages', 400);
  test('offsets go up to the surface, there and back', () => {
    let before = Infinity;
    for (let offset = 0; offset <= 500; offset += 25) {
      const y = yOfOffset(placed, offset);
      expect(y).toBeLessThanOrEqual(before);
      before = y;
      expect(Math.abs(offsetOfY(placed, y) - offset)).toBeLessThanOrEqual(1);
    }
    expect(yOfOffset(placed, 0)).toBe(400);
    expect(yOfOffset(placed, 500)).toBe(0);
    expect(offsetOfY(placed, -20)).toBe(500);
    expect(offsetOfY(placed, 900)).toBe(0);
  });
  test('time goes up, too, and stays within', () => {
    let before = Infinity;
    for (let s = -5; s < 60; s += 0.5) {
      const y = yOfTime(placed, T0 + s * 1000);
      expect(y).toBeLessThanOrEqual(before);
      expect(y).toBeGreaterThanOrEqual(0);
      expect(y).toBeLessThanOrEqual(400);
      before = y;
    }
  });
  test('ticks are round times with room between them', () => {
    const found = ticks(placed, 30, 400);
    expect(found.length).toBeGreaterThan(4);
    for (let i = 1; i < found.length; i++) expect(found[i]!.y - found[i - 1]!.y).toBeGreaterThanOrEqual(30);
    for (const tick of found) expect(tick.time_ms % 200).toBe(0);
  });
  test('years have months for ticks, and do not take for ever', () => {
    const long = place(layersOf(tier(900, 1000, 3 * 31_536_000, 3 * 31_536_000 + 86_400), [file(0, 899, 0, 3 * 31_536_000 - 1)]), 'time', 500);
    const texts = ticks(long, 24, 500).map(tickText);
    expect(texts.some((text) => /^[A-Z][a-z]+ 20(26|27|28|29)$/.test(text))).toBe(true);
  });
  test('watermarks stand at the borders', () => {
    const marks = Object.fromEntries(watermarks(placed, state).map(({ id, offset, y }) => [id, [offset, Math.round(y)]]));
    expect(marks.last).toEqual([499, 0]);
    expect(marks.first).toEqual([0, 400]);
    expect(marks.committed).toEqual([199, Math.round(placed[1]!.top)]);
    expect(marks.expelled).toEqual([299, Math.round(placed[2]!.top)]);
  });
});

describe('labels and edges', () => {
  test('labels keep their distance and their order, within the picture', () => {
    expect(spread([10, 100], 20, 0, 200)).toEqual([10, 100]);
    expect(spread([100, 100, 100], 20, 0, 200)).toEqual([100, 120, 140]);
    expect(spread([190, 195, 199], 20, 0, 200)).toEqual([160, 180, 200]);
    expect(spread([50, 0], 20, 8, 200)).toEqual([50, 8]);
    expect(spread([], 20, 0, 200)).toEqual([]);
  });
  test('an edge spans the width and stays within its room', () => {
    const points = edge(300, 50, 12345, 6);
    expect(points[0]![0]).toBe(0);
    expect(points.at(-1)![0]).toBe(300);
    for (const [, y] of points) expect(Math.abs(y - 50)).toBeLessThanOrEqual(2);
    expect(edge(300, 50, 12345, 6)).toEqual(points);
    expect(area(points, edge(300, 90, 2, 6))).toMatch(/^M0\.0 .*Z$/);
  });
});
