// Samples of GET /monitor as what charts draw.

import type { Answer } from '../../api/client';

export type Sample = Answer<'/api/v5/monitor'>[number];

export interface History {
  times: number[]; // seconds
  received: number[]; // messages a second, as what follows
  sent: number[];
  dropped: number[];
  received_bytes: number[];
  sent_bytes: number[];
  connections: number[];
  lag: number[]; // messages
}

// A sample holds what came in the time since the one before it: some ten seconds, by the time stamps exactly.
export function historyOf(samples: Sample[]): History {
  const out: History = { times: [], received: [], sent: [], dropped: [], received_bytes: [], sent_bytes: [], connections: [], lag: [] };
  let former_ms = samples.length > 0 ? samples[0]!.time_stamp - 10_000 : 0;
  for (const sample of samples) {
    const seconds = Math.max(1, (sample.time_stamp - former_ms) / 1000);
    former_ms = sample.time_stamp;
    out.times.push(sample.time_stamp / 1000);
    out.received.push(sample.received / seconds);
    out.sent.push(sample.sent / seconds);
    out.dropped.push(sample.dropped / seconds);
    out.received_bytes.push(sample.received_bytes / seconds);
    out.sent_bytes.push(sample.sent_bytes / seconds);
    out.connections.push(sample.connections);
    out.lag.push(sample.tier_lag_messages);
  }
  return out;
}
