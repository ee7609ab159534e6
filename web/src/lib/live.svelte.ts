// Something of the API that a page shows and keeps fresh.
//
//   const clients = new Live(() => api.list('/api/v5/clients', { query }), { every_ms: 5000 });
//   clients.data, clients.error, clients.loading; await clients.refresh()
//
// Made while a component is set up: it asks at once, again whenever something reactive that `ask` reads has changed, and every
// every_ms as long as the tab is seen and the answer before is here: a slow answer is waited for. It ends with the component. Answers
// that come late, for a question that has changed, are dropped.

import { onDestroy } from 'svelte';

import { messageOf } from '../api/client';

export class Live<T> {
  data = $state.raw<T | undefined>(undefined);
  error = $state('');
  loading = $state(true);
  #ask: () => Promise<T>;
  #turn = 0;
  #waits = false; // for the answer of this turn
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(ask: () => Promise<T>, options: { every_ms?: number } = {}) {
    this.#ask = ask;
    $effect(() => {
      void this.#run(ask());
    });
    if (options.every_ms) {
      this.#timer = setInterval(() => {
        if (document.visibilityState === 'visible' && !this.#waits) void this.refresh();
      }, options.every_ms);
      onDestroy(() => clearInterval(this.#timer));
    }
    onDestroy(() => this.#turn++);
  }

  refresh(): Promise<void> {
    return this.#run(this.#ask());
  }

  async #run(asked: Promise<T>): Promise<void> {
    const turn = ++this.#turn;
    this.#waits = true;
    try {
      const data = await asked;
      if (turn !== this.#turn) return;
      this.data = data;
      this.error = '';
    } catch (error) {
      if (turn !== this.#turn) return;
      this.error = messageOf(error);
    }
    this.#waits = false;
    this.loading = false;
  }
}
