// The mathematics of the picture of a station's layers (Layers.svelte).
//
// Time runs upwards: the oldest row of the table lies at the bottom, the newest message is the surface.
//
//     last ────────────┐  disk       what retention keeps
//     expelled ────────┤  waiting    expelled, not yet committed to the table: the lag
//     committed ───────┤  file       a data file of the table, or neighbours told as one
//                      │  gap        given up: no tier has it
//     first ───────────┘
//
// A layer is as thick as the time it spans or the messages it holds, but never thinner than can be seen; so the axis is not linear,
// but monotone: offsets and times find their place by interpolation between the layers' edges.

export interface TierState {
  disk: { first_offset: number; next_offset: number; messages: number; bytes: number; first_time?: string | null; last_time?: string | null };
  committed_offset?: number | null;
  expelled_offset?: number | null;
  lag?: { messages?: number; bytes?: number; seconds?: number };
}

export interface FileState {
  first_offset: number;
  last_offset: number;
  messages: number;
  bytes: number;
  files: number;
  restored: number;
  first_time?: string | null;
  last_time?: string | null;
  path?: string | null;
}

export type Kind = 'disk' | 'waiting' | 'file' | 'gap';

export interface Layer {
  kind: Kind;
  first: number; // offsets: first is in it,
  end: number; // end is not
  messages: number;
  bytes: number | null; // stored, of files; of messages on disk: about
  from_ms: number; // of the first message
  to_ms: number; // of the last one
  files: number;
  restored: number; // of the files
  path: string | null;
}

const ms = (text: string | null | undefined, otherwise: number): number => {
  const value = text ? Date.parse(text) : NaN;
  return Number.isNaN(value) ? otherwise : value;
};

// From the oldest to the newest.
export function layersOf(tier: TierState, files: FileState[]): Layer[] {
  const { disk } = tier;
  const out: Layer[] = [];
  const disk_from = ms(disk.first_time, ms(files.at(-1)?.last_time, 0));
  const disk_to = Math.max(disk_from, ms(disk.last_time, disk_from));
  const gap = (first: number, end: number, from_ms: number, to_ms: number): void => {
    out.push({ kind: 'gap', first, end, messages: end - first, bytes: null, from_ms, to_ms, files: 0, restored: 0, path: null });
  };
  for (const file of files) {
    const before = out.at(-1);
    const from_ms = ms(file.first_time, before?.to_ms ?? disk_from);
    if (before && file.first_offset > before.end) gap(before.end, file.first_offset, before.to_ms, from_ms);
    out.push({
      kind: 'file',
      first: Math.max(file.first_offset, before?.end ?? 0),
      end: file.last_offset + 1,
      messages: file.messages,
      bytes: file.bytes,
      from_ms,
      to_ms: Math.max(from_ms, ms(file.last_time, from_ms)),
      files: file.files,
      restored: file.restored,
      path: file.path ?? null,
    });
  }
  const settled = out.at(-1)?.end ?? disk.first_offset;
  if (out.length > 0 && disk.first_offset > settled) gap(settled, disk.first_offset, out.at(-1)!.to_ms, disk_from);

  // On disk: a time between its ends is about that.
  const start = Math.max(settled, disk.first_offset);
  const next = disk.next_offset;
  const span = Math.max(1, next - 1 - disk.first_offset);
  const time = (offset: number): number =>
    disk_from + ((disk_to - disk_from) * Math.min(span, Math.max(0, offset - disk.first_offset))) / span;
  const share = disk.messages > 0 ? disk.bytes / disk.messages : 0;
  const expelled = Math.min(next, Math.max(start, (tier.expelled_offset ?? -1) + 1));
  const onDisk = (kind: Kind, first: number, end: number): void => {
    if (end <= first) return;
    out.push({
      kind, first, end, messages: end - first, bytes: Math.round(share * (end - first)), from_ms: time(first), to_ms: time(end - 1),
      files: 0, restored: 0, path: null,
    });
  };
  onDisk('waiting', start, expelled);
  onDisk('disk', expelled, next);
  return out;
}

// ---- Thickness ----------------------------------------------------------------------------------------------------------------------

export type Measure = 'time' | 'messages';

// max(least, weight × k), with the k that makes the sum `total`.
export function share(weights: number[], least: number[], total: number): number[] {
  const needed = least.reduce((sum, one) => sum + one, 0);
  if (needed >= total) return least.map((one) => (needed === 0 ? 0 : (one * total) / needed));
  const fixed = new Set<number>();
  for (;;) {
    let room = total;
    let weight = 0;
    weights.forEach((one, i) => {
      if (fixed.has(i)) room -= least[i]!;
      else weight += one;
    });
    const k = weight > 0 ? room / weight : 0;
    const thin = weights.flatMap((one, i) => (!fixed.has(i) && one * k < least[i]! ? [i] : []));
    if (thin.length === 0 || fixed.size + thin.length === weights.length) {
      if (weight > 0 && thin.length === 0) return weights.map((one, i) => (fixed.has(i) ? least[i]! : one * k));
      // Nothing weighs anything: the rest is shared alike.
      const spare = (total - needed) / weights.length;
      return least.map((one) => one + spare);
    }
    thin.forEach((i) => fixed.add(i));
  }
}

const DISK_PART = 0.26; // of the height, at least
const BUCKET_PART = 0.34;
const WAITING_PX = 26;
const FILE_PX = 5;
const GAP_PX = 10;

export interface Placed extends Layer {
  top: number; // px from the top of the picture
  bottom: number;
}

// The layers in their places: the newest at the top (0), the oldest at the bottom (height).
export function place(layers: Layer[], measure: Measure, height: number): Placed[] {
  const ends = layers.map((layer, i) => layers[i + 1]?.from_ms ?? layer.to_ms);
  const weights = layers.map((layer, i) => (measure === 'messages' ? layer.end - layer.first : Math.max(0, ends[i]! - layer.from_ms)));
  const files = layers.filter((layer) => layer.kind === 'file').length;
  const least = layers.map((layer) => {
    switch (layer.kind) {
      case 'disk':
        return layers.length === 1 ? height : DISK_PART * height;
      case 'waiting':
        return WAITING_PX;
      case 'gap':
        return GAP_PX;
      default:
        return Math.max(FILE_PX, (BUCKET_PART * height) / files);
    }
  });
  let y = height;
  return share(weights, least, height).map((thick, i) => {
    const bottom = y;
    y = i === layers.length - 1 ? 0 : bottom - thick;
    return { ...layers[i]!, top: y, bottom };
  });
}

// ---- The axis -----------------------------------------------------------------------------------------------------------------------

function between(x: number, x0: number, x1: number, y0: number, y1: number): number {
  return x1 === x0 ? y1 : y0 + ((x - x0) / (x1 - x0)) * (y1 - y0);
}

// Where an offset lies; what is in no layer lies at the nearest end.
export function yOfOffset(placed: Placed[], offset: number): number {
  const layer = placed.find((one) => offset < one.end) ?? placed.at(-1);
  if (!layer) return 0;
  return between(Math.min(Math.max(offset, layer.first), layer.end), layer.first, layer.end, layer.bottom, layer.top);
}

export function offsetOfY(placed: Placed[], y: number): number {
  const layer = placed.find((one) => y > one.top) ?? placed.at(-1);
  if (!layer) return 0;
  const offset = between(Math.min(Math.max(y, layer.top), layer.bottom), layer.bottom, layer.top, layer.first, layer.end);
  return Math.min(layer.end, Math.max(layer.first, Math.round(offset)));
}

// In a layer, time runs evenly from its first message to the first one of the layer above.
export function yOfTime(placed: Placed[], time_ms: number): number {
  for (let i = 0; i < placed.length; i++) {
    const layer = placed[i]!;
    const end_ms = placed[i + 1]?.from_ms ?? layer.to_ms;
    if (time_ms < layer.from_ms) return layer.bottom;
    if (time_ms < end_ms) return between(time_ms, layer.from_ms, end_ms, layer.bottom, layer.top);
  }
  return 0;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
export type Unit = 'month' | 'day' | 'minute' | 'second' | 'ms';
const steps: { ms: number; unit: Unit }[] = [
  { ms: 365 * DAY, unit: 'month' },
  { ms: 91 * DAY, unit: 'month' },
  { ms: 30 * DAY, unit: 'month' },
  { ms: 7 * DAY, unit: 'day' },
  { ms: DAY, unit: 'day' },
  { ms: 6 * HOUR, unit: 'minute' },
  { ms: HOUR, unit: 'minute' },
  { ms: 15 * MINUTE, unit: 'minute' },
  { ms: 5 * MINUTE, unit: 'minute' },
  { ms: MINUTE, unit: 'minute' },
  { ms: 15 * SECOND, unit: 'second' },
  { ms: 5 * SECOND, unit: 'second' },
  { ms: SECOND, unit: 'second' },
  { ms: 200, unit: 'ms' },
];
const TICKS_MOST = 400; // of one step, that are tried

export interface Tick {
  time_ms: number;
  y: number;
  unit: Unit;
}

// The first tick of a step at or after a time, in the time zone of who looks.
function firstTick(from_ms: number, step: { ms: number; unit: Unit }): number {
  if (step.unit === 'month') {
    const at = new Date(from_ms);
    const months = step.ms > 300 * DAY ? 12 : step.ms > 60 * DAY ? 3 : 1;
    const month = Math.ceil((at.getFullYear() * 12 + at.getMonth() + (at.getTime() > new Date(at.getFullYear(), at.getMonth(), 1).getTime() ? 1 : 0)) / months) * months;
    return new Date(Math.floor(month / 12), month % 12, 1).getTime();
  }
  const zone = new Date(from_ms).getTimezoneOffset() * MINUTE;
  const week = step.ms === 7 * DAY ? 4 * DAY : 0; // 1970 began on a Thursday
  return Math.ceil((from_ms - zone - week) / step.ms) * step.ms + zone + week;
}

// Round times, the roundest first, where there is room.
export function ticks(placed: Placed[], room_px: number, height: number): Tick[] {
  const out: Tick[] = [];
  const from_ms = placed[0]?.from_ms ?? 0;
  const to_ms = placed.at(-1)?.to_ms ?? 0;
  for (const step of steps) {
    if ((to_ms - from_ms) / step.ms > TICKS_MOST) break;
    let at = firstTick(from_ms, step);
    while (at <= to_ms) {
      const y = yOfTime(placed, at);
      const free = y >= room_px / 2 && y <= height - room_px / 2 && out.every((tick) => Math.abs(tick.y - y) >= room_px);
      if (free) out.push({ time_ms: at, y, unit: step.unit });
      at = step.unit === 'month' ? firstTick(at + DAY, step) : at + step.ms;
    }
  }
  return out.sort((a, b) => a.y - b.y);
}

const date = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const month = new Intl.DateTimeFormat('en-GB', { month: 'short', year: 'numeric' });
const minute = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', hour12: false });
const second = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });

export function tickText(tick: Pick<Tick, 'time_ms' | 'unit'>): string {
  const at = new Date(tick.time_ms);
  switch (tick.unit) {
    case 'month':
      return month.format(at);
    case 'day':
      return date.format(at);
    case 'minute':
      return at.getHours() === 0 && at.getMinutes() === 0 ? date.format(at) : minute.format(at);
    case 'second':
      return second.format(at);
    default:
      return `${String(at.getSeconds()).padStart(2, '0')}.${String(at.getMilliseconds()).padStart(3, '0')}`;
  }
}

// ---- Labels -------------------------------------------------------------------------------------------------------------------------

// Labels at these heights, moved apart as little as it takes to keep `gap` between them, within [low, high].
export function spread(wanted: number[], gap: number, low: number, high: number): number[] {
  const order = wanted.map((y, i) => [y, i] as const).sort(([a], [b]) => a - b);
  const ys = order.map(([y]) => Math.min(high, Math.max(low, y)));
  for (let i = 1; i < ys.length; i++) ys[i] = Math.max(ys[i]!, ys[i - 1]! + gap);
  const over = (ys.at(-1) ?? 0) - high;
  if (over > 0) {
    ys[ys.length - 1] = high;
    for (let i = ys.length - 2; i >= 0; i--) ys[i] = Math.min(ys[i]!, ys[i + 1]! - gap);
  }
  const out = new Array<number>(wanted.length);
  order.forEach(([, i], at) => (out[i] = ys[at]!));
  return out;
}

export interface Watermark {
  id: 'last' | 'expelled' | 'committed' | 'first';
  offset: number;
  y: number;
}

export function watermarks(placed: Placed[], tier: TierState): Watermark[] {
  if (placed.length === 0) return [];
  const out: Watermark[] = [{ id: 'last', offset: placed.at(-1)!.end - 1, y: 0 }];
  if (tier.expelled_offset != null) out.push({ id: 'expelled', offset: tier.expelled_offset, y: yOfOffset(placed, tier.expelled_offset + 1) });
  if (tier.committed_offset != null) out.push({ id: 'committed', offset: tier.committed_offset, y: yOfOffset(placed, tier.committed_offset + 1) });
  out.push({ id: 'first', offset: placed[0]!.first, y: placed[0]!.bottom });
  return out;
}

// ---- Edges --------------------------------------------------------------------------------------------------------------------------

const WAVE_PX = 18; // between two points of an edge
const WAVE_MOST = 4.5;

// The border between two layers, from left to right: a quiet wave, the same whenever it is drawn for this offset.
export function edge(width: number, y: number, seed: number, room: number): [number, number][] {
  const height = Math.min(WAVE_MOST, room / 5);
  const phase = (seed * 2.399963) % (2 * Math.PI);
  const points = Math.max(2, Math.ceil(width / WAVE_PX));
  const out: [number, number][] = [];
  for (let i = 0; i <= points; i++) {
    const x = (i / points) * width;
    const wave = Math.sin(x / 83 + phase) * 0.62 + Math.sin(x / 31 + phase * 3.1) * 0.38;
    out.push([x, y + wave * height]);
  }
  return out;
}

const digits = (value: number): string => value.toFixed(1);

function along(points: [number, number][], begin: 'M' | 'L'): string {
  let text = `${begin}${digits(points[0]![0])} ${digits(points[0]![1])}`;
  for (let i = 1; i < points.length - 1; i++) {
    const [x, y] = points[i]!;
    const [nx, ny] = points[i + 1]!;
    text += `Q${digits(x)} ${digits(y)} ${digits((x + nx) / 2)} ${digits((y + ny) / 2)}`;
  }
  const [x, y] = points.at(-1)!;
  return `${text}L${digits(x)} ${digits(y)}`;
}

export function line(points: [number, number][]): string {
  return along(points, 'M');
}

// What lies between two edges.
export function area(top: [number, number][], bottom: [number, number][]): string {
  return `${along(top, 'M')}${along([...bottom].reverse(), 'L')}Z`;
}
