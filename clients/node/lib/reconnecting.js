import { setTimeout as sleep } from 'node:timers/promises';
import { alarm } from './alarm.js';
import { parseDaemon } from './address.js';
import { connect } from './connection.js';
import { again, SpreadError } from './errors.js';
import { iterate } from './iterate.js';
import { checkGroup } from './wire.js';

const defaultDelay = 100;
const defaultMaxDelay = 5000;
const defaultTimeout = 5000;

// Trying again is no use after these.
const final = new Set(['REJECT_ILLEGAL_NAME', 'REJECT_VERSION', 'REJECT_AUTH']);

const checks = Symbol('made by Reconnecting.connect');

/** A Connection that is made anew when it is lost. See index.d.ts. */
export class Reconnecting {
  #daemons;
  #options;
  #delay;
  #maxDelay;
  #groups = new Set();

  // What is sent goes to the latest connection, or to the one that was lost, which
  // says so. Receiving goes on in an earlier one until that is empty: a list of
  // connections, each with the next one and the event that announces that.
  #connection;
  #reading;
  #earliest;
  // The event of the connection that is read, if nobody was told of it.
  #untold = null;

  #failure = null;
  #waiters = new Set();
  #stop = new AbortController();

  static async connect(daemons = '', options = {}) {
    const { signal, delay = defaultDelay, maxDelay = defaultMaxDelay, timeout = defaultTimeout, ...rest } = options;
    const list = [daemons].flat();
    for (const daemon of list) parseDaemon(daemon);
    const self = new Reconnecting(checks, list, delay, maxDelay, { timeout, ...rest });
    self.#reading = self.#adopt(await self.#connectFirst(signal));
    return self;
  }

  constructor(check, daemons, delay, maxDelay, options) {
    if (check !== checks) throw new TypeError('use Reconnecting.connect()');
    this.#daemons = daemons;
    this.#delay = delay;
    this.#maxDelay = maxDelay;
    this.#options = options;
  }

  get privateGroup() {
    return this.#connection.privateGroup;
  }
  get name() {
    return this.#connection.name;
  }
  get daemonName() {
    return this.#connection.daemonName;
  }
  get daemonVersion() {
    return this.#connection.daemonVersion;
  }
  get closed() {
    return this.#stop.signal.aborted;
  }

  async join(...groups) {
    await this.#change(groups, (group) => this.#groups.add(group));
    await unlessLost(this.#connection.join(...groups));
  }

  async leave(...groups) {
    await this.#change(groups, (group) => this.#groups.delete(group));
    await unlessLost(this.#connection.leave(...groups));
  }

  async multicast(...args) {
    this.#check();
    return this.#connection.multicast(...args);
  }

  async receive({ timeout, signal } = {}) {
    const deadline = performance.now() + (timeout ?? Infinity);
    const left = () => Math.max(0, deadline - performance.now());
    for (;;) {
      if (this.closed) throw new SpreadError('ILLEGAL_SESSION');
      const event = this.#untold;
      if (event) {
        this.#untold = null;
        return event;
      }
      const link = this.#reading;
      try {
        return await link.connection.receive({ timeout: left(), signal });
      } catch (e) {
        if (e.code !== 'CONNECTION_CLOSED') throw e;
      }
      if (this.#reading !== link) continue;
      if (link.next) {
        this.#reading = link.next;
        return link.next.event;
      }
      this.#check();
      if (!(await this.#wait(left(), signal))) return null;
    }
  }

  [Symbol.asyncIterator]() {
    return iterate(this);
  }

  async close(options) {
    this.#stop.abort();
    this.#wake();
    await this.#connection.close(options);
  }

  [Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose')]() {
    return this.close();
  }

  #check() {
    if (this.#failure) throw again(this.#failure);
  }

  // Groups whose names cannot be right are not remembered.
  async #change(groups, change) {
    this.#check();
    groups.flat().forEach(checkGroup);
    if (!this.closed) groups.flat().forEach(change);
  }

  async #connectFirst(signal) {
    for (let failed = 1; ; failed++) {
      try {
        return await connect(this.#daemons[0], { ...this.#options, signal });
      } catch (e) {
        if (!['COULD_NOT_CONNECT', 'CONNECTION_CLOSED'].includes(e.code) || failed >= this.#daemons.length) throw e;
        this.#rotate();
      }
    }
  }

  #rotate() {
    this.#daemons.push(this.#daemons.shift());
  }

  // Watches a connection and lets another one follow.
  #adopt(connection, event) {
    const link = { connection, event, next: null };
    this.#connection = connection;
    // One that is lost at once is not made anew at once.
    this.#earliest = performance.now() + this.#delay;
    connection.once('close', (reason) => this.#replace(link, reason));
    return link;
  }

  async #replace(link, error) {
    // Of connections that nobody receives from, only the latest is kept.
    if (this.#reading !== link) {
      this.#reading = link;
      this.#untold = link.event;
    }
    let pause = this.#delay;
    await this.#pause(this.#earliest - performance.now());
    while (!this.closed) {
      try {
        link.next = await this.#restore(error);
        break;
      } catch (e) {
        if (final.has(e.code)) {
          this.#failure = e;
          break;
        }
        this.#rotate();
        await this.#pause(pause * (0.5 + Math.random() / 2));
        pause = Math.min(2 * pause, this.#maxDelay);
      }
    }
    this.#wake();
  }

  // Until the groups are joined, sending fails. Those that were asked for or left
  // meanwhile come then.
  async #restore(error) {
    const connection = await connect(this.#daemons[0], { ...this.#options, signal: this.#stop.signal });
    const before = new Set(this.#groups);
    await connection.join(...before);
    if (this.closed || connection.closed) {
      connection.abort();
      throw new SpreadError('CONNECTION_CLOSED');
    }
    const change = [
      connection.join(...[...this.#groups].filter((group) => !before.has(group))),
      connection.leave(...[...before].filter((group) => !this.#groups.has(group))),
    ];
    for (const done of change) done.catch(() => {});
    return this.#adopt(connection, { kind: 'reconnected', privateGroup: connection.privateGroup, error });
  }

  async #pause(milliseconds) {
    try {
      await sleep(Math.max(0, milliseconds), undefined, { signal: this.#stop.signal });
    } catch {
      // It was closed.
    }
  }

  // Whether something changed in time.
  #wait(timeout, signal) {
    return new Promise((resolve, reject) => {
      const done = () => {
        this.#waiters.delete(wake);
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
      };
      const wake = () => (done(), resolve(true));
      const abort = () => (done(), reject(signal.reason));
      const timer = alarm(() => (done(), resolve(false)), timeout);
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiters.add(wake);
    });
  }

  #wake() {
    for (const wake of [...this.#waiters]) wake();
  }
}

async function unlessLost(done) {
  try {
    await done;
  } catch (e) {
    if (e.code !== 'CONNECTION_CLOSED') throw e;
  }
}
