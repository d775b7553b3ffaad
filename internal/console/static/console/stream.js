// The connection to the daemon: an event stream that is opened again whenever it
// ends or falls silent.

const silentAfter = 4000; // without an event; one comes each second
const deadAfter = 15000;
const firstWait = 500;
const longestWait = 15000;

// parse returns a document that is whole, or nothing.
function parse(data) {
  try {
    const d = JSON.parse(data);
    return ['daemon', 'membership', 'daemons', 'clients', 'ring', 'network', 'process'].every((part) => d[part]) ? d : undefined;
  } catch {
    return undefined;
  }
}

// Stream calls on.summary and on.report with documents, and on.state whenever state
// changes: connecting, live, silent (open, but nothing comes) or waiting (closed,
// until this.retryAt). Times are those of performance.now().
export class Stream {
  constructor(url, on) {
    this.url = url;
    this.on = on;
    this.state = 'connecting';
    this.heard = NaN; // when the last event came
    this.retryAt = NaN;
    this.failures = 0;
    addEventListener('online', () => this.retry());
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.retry();
    });
    setInterval(() => this.watch(), 500);
    this.open();
  }

  open() {
    clearTimeout(this.timer);
    this.opened = performance.now();
    this.source = new EventSource(this.url);
    for (const kind of ['summary', 'report']) {
      this.source.addEventListener(kind, (e) => this.event(kind, e.data));
    }
    this.source.addEventListener('error', () => this.lost());
    this.become('connecting');
  }

  event(kind, data) {
    const document = parse(data);
    if (!document) {
      this.lost();
      return;
    }
    this.heard = performance.now();
    this.failures = 0;
    this.become('live');
    this.on[kind](document);
  }

  // lost ends a connection and opens another one later: after half a second, and
  // twice as long after each failure, up to 15 s, give or take a fifth.
  lost() {
    this.source.close();
    const wait = Math.min(longestWait, firstWait * 2 ** this.failures++) * (0.8 + 0.4 * Math.random());
    this.retryAt = performance.now() + wait;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), wait);
    this.become('waiting');
  }

  // retry opens the connection now if it is waiting to be opened.
  retry() {
    if (this.state === 'waiting') this.open();
  }

  watch() {
    if (this.state === 'waiting') return;
    const quiet = performance.now() - Math.max(this.opened, this.heard || 0);
    if (quiet > deadAfter) this.lost();
    else if (quiet > silentAfter && this.state === 'live') this.become('silent');
  }

  become(state) {
    if (state === this.state) return;
    this.state = state;
    this.on.state(state);
  }
}
