// What the plots show: rates and percentiles of the last minutes, from the
// differences between one summary and the next.

import { moment } from './format.js';

export const kept = 300; // seconds
const longestStep = 10; // seconds; a longer one is a gap, not a rate

const counters = {
  messagesIn: (s) => s.clients.messages_in,
  messagesOut: (s) => s.clients.messages_out,
  bytesIn: (s) => s.clients.bytes_in,
  bytesOut: (s) => s.clients.bytes_out,
  retransmissions: (s) => s.ring.retransmissions,
  requests: (s) => s.ring.retransmission_requests,
};

const gauges = {
  queuedBytes: (s) => s.clients.queued_bytes,
  backlog: (s) => s.ring.backlog_bytes,
};

const histograms = {
  delivery: (s) => s.ring.delivery,
  rotation: (s) => s.ring.token_rotation,
};

// quantile estimates a percentile of what a histogram has counted since an earlier
// state of it, by its buckets. NaN if it has counted nothing, or has no buckets.
export function quantile(q, now, before) {
  const total = now.count - before.count;
  const buckets = now.buckets ?? [];
  if (!(total > 0) || buckets.length === 0 || buckets.length !== before.buckets?.length) return NaN;
  const rank = q * total;
  let below = 0;
  let from = 0;
  for (let i = 0; i < buckets.length; i++) {
    const upTo = buckets[i].count - before.buckets[i].count;
    if (upTo >= rank && upTo > below) {
      const to = Math.min(buckets[i].le_seconds, now.max_seconds || Infinity);
      return from + Math.max(0, to - from) * (rank - below) / (upTo - below);
    }
    below = upTo;
    from = buckets[i].le_seconds;
  }
  return now.max_seconds || from; // beyond the last bound
}

// quantiles of a step; without buckets those that the daemon says, which are of all time.
function quantiles(point, name, now, before) {
  if (now.buckets?.length) {
    point[name + '50'] = quantile(0.5, now, before);
    point[name + '99'] = quantile(0.99, now, before);
  } else if (now.count > before.count) {
    point[name + '50'] = now.p50_seconds;
    point[name + '99'] = now.p99_seconds;
  }
}

export class History {
  constructor() {
    // points are in the order of time, in milliseconds, as t. What is not known is NaN
    // or missing. A point with gap has nothing: the line is broken there.
    this.points = [];
    this.restarts = [];
    this.last = undefined;
  }

  get latest() {
    return this.points.at(-1);
  }

  // add takes the next summary. Counters that went back are those of a daemon that was
  // restarted, and a clock that went back makes a new start.
  add(summary) {
    const t = moment(summary.time);
    if (!Number.isFinite(t)) return;
    const before = this.last;
    const then = before ? moment(before.time) : NaN;
    if (t === then) return;
    if (t < then) {
      this.points = [];
      this.restarts = [];
    }
    this.last = summary;
    if (!before || t < then) return;
    const step = (t - then) / 1000;
    const restarted = summary.daemon.started !== before.daemon.started ||
      Object.values(counters).some((of) => of(summary) < of(before));
    if (restarted) this.restarts.push(t);
    if (restarted || step > longestStep) this.points.push({ t, gap: true });
    else this.points.push(this.measure(summary, before, t, step));
    const oldest = t - kept * 1000;
    const first = this.points.findIndex((p) => p.t >= oldest);
    if (first > 0) this.points.splice(0, first);
    this.restarts = this.restarts.filter((r) => r >= oldest);
  }

  measure(summary, before, t, step) {
    const point = { t };
    for (const [name, of] of Object.entries(counters)) point[name] = (of(summary) - of(before)) / step;
    for (const [name, of] of Object.entries(gauges)) point[name] = of(summary);
    for (const [name, of] of Object.entries(histograms)) quantiles(point, name, of(summary), of(before));
    return point;
  }
}
