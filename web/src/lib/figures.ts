// Figures of all rules, actions and connectors in one request: /api/v5/prometheus/stats, read.
//
//   const figures = parseFigures(text);   figures.get('varve_rule_matched_total')?.get('hot') → 12
//   rateOf(before, figures, seconds, name, label)      of a counter, a second

export type Figures = Map<string, Map<string, number>>;

const LINE = /^([a-z_]\w*)\{[a-z_]+="((?:[^"\\]|\\.)*)"\} (\S+)$/;

// Those with exactly one label: name → value of the label → figure.
export function parseFigures(text: string): Figures {
  const figures: Figures = new Map();
  for (const line of text.split('\n')) {
    const found = LINE.exec(line);
    if (!found) continue;
    const [, name, label, value] = found as unknown as [string, string, string, string];
    let of = figures.get(name);
    if (!of) figures.set(name, (of = new Map()));
    of.set(label.replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c)), Number(value));
  }
  return figures;
}

// Of counters. What has become smaller was reset: then nothing is known.
export function rateOf(before: Figures | undefined, now: Figures | undefined, seconds: number, name: string, label: string): number | undefined {
  const last = now?.get(name)?.get(label);
  const first = before?.get(name)?.get(label);
  if (last === undefined || first === undefined || seconds <= 0 || last < first) return undefined;
  return (last - first) / seconds;
}
