// Jobs of stations that this page has started, or found running: restoring, flushing, scrubbing, recovering.
//
//   await startJob('telemetry', 'flush')          toasts what fails at once; then jobs.of('telemetry') has it, and follows it
//   <Running station="telemetry" onend={…} />     shows them

import { api, ApiError, messageOf } from '../../api/client';
import { toast } from '../../lib/toast.svelte';
import type { Job } from './model';

export type Kind = 'flush' | 'scrub' | 'restore' | 'recover';
export const words: Record<Kind, { doing: string; unit: 'files' | 'bytes' | 'messages' | 'stations' }> = {
  flush: { doing: 'Flushing to the bucket', unit: 'messages' },
  scrub: { doing: 'Scrubbing the table', unit: 'files' },
  restore: { doing: 'Restoring', unit: 'bytes' },
  recover: { doing: 'Recovering stations', unit: 'stations' },
};

const POLL_MS = 400;

class Jobs {
  all = $state<Job[]>([]);
  #watched = new Set<string>();

  of(station: string | null): Job[] {
    return this.all.filter((job) => (job.station ?? null) === station);
  }

  dismiss(id: string): void {
    this.all = this.all.filter((job) => job.job !== id);
  }

  // Resolves with the job when it has ended, however.
  async follow(id: string): Promise<Job> {
    this.#watched.add(id);
    for (;;) {
      const job = await api.get('/api/v5/jobs/{id}', { path: { id } });
      const at = this.all.findIndex((one) => one.job === id);
      if (at >= 0) this.all[at] = job;
      else this.all.push(job);
      if (job.state !== 'running') {
        this.#watched.delete(id);
        return job;
      }
      await new Promise((done) => setTimeout(done, POLL_MS));
    }
  }

  // What somebody else has started, and still runs.
  async find(station: string | null): Promise<void> {
    const { data } = await api.list('/api/v5/jobs', { query: { limit: 100 } });
    for (const job of data as Job[]) {
      if ((job.station ?? null) !== station || job.state !== 'running' || this.#watched.has(job.job)) continue;
      void this.follow(job.job).catch(() => {}); // the page is left, or the broker gone: it says so elsewhere
    }
  }
}

export const jobs = new Jobs();

export async function startJob(name: string, kind: 'flush' | 'scrub'): Promise<Job | null> {
  const path = { name };
  try {
    const started =
      kind === 'flush'
        ? await api.post('/api/v5/stations/{name}/tier/flush', { path })
        : await api.post('/api/v5/stations/{name}/tier/scrub', { path });
    return await jobs.follow(started.job ?? '');
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 401)) toast(messageOf(error), 'bad');
    return null;
  }
}
