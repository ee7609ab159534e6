// The figures of all rules and actions, kept fresh by a page: const figures = new LiveFigures();
//   figures.total('varve_rule_matched_total', id), figures.rate(…)      undefined as long as nothing is known
import { api } from '../api/client';
import { parseFigures, rateOf, type Figures } from './figures';
import { Live } from './live.svelte';

export class LiveFigures {
  #live: Live<{ figures: Figures; before: Figures | undefined; seconds: number }>;
  #last: { figures: Figures; at_ms: number } | undefined;

  constructor(every_ms = 3000) {
    this.#live = new Live(
      async () => {
        const figures = parseFigures((await api.get('/api/v5/prometheus/stats')) as string);
        const at_ms = performance.now();
        const before = this.#last;
        this.#last = { figures, at_ms };
        return { figures, before: before?.figures, seconds: before ? (at_ms - before.at_ms) / 1000 : 0 };
      },
      { every_ms },
    );
  }

  get error(): string {
    return this.#live.error;
  }
  refresh(): Promise<void> {
    return this.#live.refresh();
  }
  total(name: string, label: string): number | undefined {
    return this.#live.data?.figures.get(name)?.get(label);
  }
  rate(name: string, label: string): number | undefined {
    const now = this.#live.data;
    return now && rateOf(now.before, now.figures, now.seconds, name, label);
  }
}
