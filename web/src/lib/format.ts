// Figures and times for people. Exact values belong into a title.

const EN = 'en-GB';
const whole = new Intl.NumberFormat(EN, { maximumFractionDigits: 0 });
const one = new Intl.NumberFormat(EN, { maximumFractionDigits: 1 });
const time = new Intl.DateTimeFormat(EN, { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
const date = new Intl.DateTimeFormat(EN, { year: 'numeric', month: 'short', day: '2-digit' });

export const NONE = '–';

// 12,345
export function count(value: number | undefined | null): string {
  return value === undefined || value === null || Number.isNaN(value) ? NONE : whole.format(value);
}

// 12.3 k, 4.5 M: for places without room
export function short(value: number | undefined | null): string {
  if (value === undefined || value === null || Number.isNaN(value)) return NONE;
  const units = ['', ' k', ' M', ' G', ' T'];
  let unit = 0;
  let rest = Math.abs(value);
  while (rest >= 1000 && unit < units.length - 1) {
    rest /= 1000;
    unit++;
  }
  const text = rest >= 100 || (unit === 0 && Number.isInteger(rest)) ? whole.format(rest) : one.format(rest);
  return (value < 0 ? '−' : '') + text + units[unit];
}

// 1.5 MiB
export function bytes(value: number | undefined | null): string {
  if (value === undefined || value === null || Number.isNaN(value)) return NONE;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let unit = 0;
  let rest = value;
  while (rest >= 1024 && unit < units.length - 1) {
    rest /= 1024;
    unit++;
  }
  return `${unit === 0 || rest >= 100 ? whole.format(rest) : one.format(rest)} ${units[unit]}`;
}

// 1.2 k/s
export function rate(value: number | undefined | null): string {
  return value === undefined || value === null || Number.isNaN(value) ? NONE : `${short(value)}/s`;
}

// 3 d 4 h, 12 min, 5 s, 250 ms: the two largest units
export function duration(ms: number | undefined | null): string {
  if (ms === undefined || ms === null || Number.isNaN(ms)) return NONE;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const units: [string, number][] = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['min', 60_000],
    ['s', 1000],
  ];
  const first = units.findIndex(([, size]) => ms >= size);
  const [name, size] = units[first]!;
  const main = Math.floor(ms / size);
  const next = units[first + 1];
  const rest = next ? Math.floor((ms - main * size) / next[1]) : 0;
  return rest > 0 && main < 100 ? `${main} ${name} ${rest} ${next![0]}` : `${main} ${name}`;
}

// Milliseconds since 1970, or RFC 3339. Not a time: NaN.
export function toMs(value: string | number | undefined | null): number {
  if (typeof value === 'number') return value;
  return value ? Date.parse(value) : NaN;
}

// 14:05:09 today, else 26 Nov 2026, 14:05:09
export function when(value: string | number | undefined | null, now = Date.now()): string {
  const ms = toMs(value);
  if (Number.isNaN(ms)) return NONE;
  const at = new Date(ms);
  const today = date.format(at) === date.format(new Date(now));
  return today ? time.format(at) : `${date.format(at)}, ${time.format(at)}`;
}

// 5 min ago, in 3 h
export function ago(value: string | number | undefined | null, now = Date.now()): string {
  const ms = toMs(value);
  if (Number.isNaN(ms)) return NONE;
  const past = now - ms;
  if (Math.abs(past) < 1000) return 'now';
  const text = duration(Math.abs(past)).split(' ').slice(0, 2).join(' ');
  return past > 0 ? `${text} ago` : `in ${text}`;
}
