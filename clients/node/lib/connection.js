import { EventEmitter } from 'node:events';
import { connectSocket, parseDaemon } from './address.js';
import { alarm } from './alarm.js';
import { Decoder } from './decoder.js';
import { again, SpreadError } from './errors.js';
import { shake } from './handshake.js';
import { iterate } from './iterate.js';
import * as wire from './wire.js';

const defaultTimeout = 30_000;
const defaultLinger = 1000;
const defaultReceiveQueue = 1 << 20;
const defaultSendQueue = 16 << 20;

// What is sent in one turn of the event loop is gathered up to this size. Then
// the sender waits for the next turn, so that a program that only sends still
// receives.
const maxGather = 16 << 10;

// From this number on, the pieces of a message are put together, lest each byte
// costs an object.
const maxPieces = 1024;

const kinds = new Set(['message', 'view', 'transition', 'selfLeave', 'rejected']);

const checks = Symbol('made by connect');

/**
 * Connects to a daemon. See index.d.ts for the options.
 */
export async function connect(daemon, options = {}) {
  const { name = '', membership = true, priority = false, timeout = defaultTimeout, signal, auth = { NULL: null } } = options;
  wire.checkUser(name);
  checkAuth(auth);
  const places = parseDaemon(daemon);
  signal?.throwIfAborted();
  const limit = new AbortController();
  const expire = () => limit.abort(new SpreadError('CONNECTION_CLOSED', `the daemon did not answer within ${timeout} ms`));
  const give = () => limit.abort(signal.reason);
  const timer = timeout > 0 ? alarm(expire, timeout) : undefined;
  signal?.addEventListener('abort', give, { once: true });
  try {
    const socket = await connectSocket(places, limit.signal);
    const accepted = await shake(socket, { name, membership, priority, auth }, limit.signal);
    return new Connection(checks, socket, accepted, { ...options, membership });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', give);
  }
}

function checkAuth(auth) {
  const names = Object.keys(auth);
  if (names.length < 1 || names.length > wire.authSlots) {
    throw new SpreadError('REJECT_AUTH', `1 to ${wire.authSlots} authentication methods are possible`);
  }
  for (const name of names) {
    if (name.length > 0 && name.length < wire.authSlot) continue;
    throw new SpreadError('REJECT_AUTH', `name of an authentication method ${JSON.stringify(name)}, must have 1 to ${wire.authSlot - 1} bytes`);
  }
}

/** A connection to a daemon: one client of the group system. See index.d.ts. */
export class Connection extends EventEmitter {
  #socket;
  #decoder;
  #sender;
  #membership;
  #privateGroup;
  #version;

  // Received, and not yet handed out: queue[head] is the next. sizes are those on
  // the wire.
  #queue = [];
  #sizes = [];
  #head = 0;
  #queued = 0;
  #receiveQueue;
  #waiters = [];
  #flowing = false;
  #own = [
    ['newListener', (event) => kinds.has(event) && this.#flowSoon()],
    ['removeListener', () => (this.#flowing &&= this.#heard())],
  ];
  #held = false;

  // A message that has come in part.
  #pieces = [];
  #have = 0;
  #need = wire.headerSize;

  // To be written in this turn, and who waits for room.
  #out = [];
  #outBytes = 0;
  #scheduled = false;
  #blocked = false;
  #senders = [];
  #sendQueue;

  // Why nothing more can be sent or received.
  #reason = null;
  #told = false;
  #closing = null;
  #ended;

  constructor(check, socket, accepted, options) {
    if (check !== checks) throw new TypeError('use connect()');
    super();
    this.#socket = socket;
    this.#privateGroup = accepted.privateGroup;
    this.#version = accepted.version;
    this.#membership = options.membership;
    this.#receiveQueue = options.receiveQueue ?? defaultReceiveQueue;
    this.#sendQueue = options.sendQueue ?? defaultSendQueue;
    this.#decoder = new Decoder(accepted.version[0] < 4, accepted.privateGroup);
    this.#sender = Buffer.alloc(wire.nameSize);
    this.#sender.write(accepted.privateGroup, 'latin1');
    this.#watchListeners();
    this.#watchSocket(accepted.rest);
  }

  get privateGroup() {
    return this.#privateGroup;
  }
  get name() {
    return this.#privateGroup.split('#')[1] ?? '';
  }
  get daemonName() {
    return this.#privateGroup.split('#').slice(2).join('#');
  }
  get daemonVersion() {
    return this.#version;
  }
  get membership() {
    return this.#membership;
  }
  get closed() {
    return this.#reason !== null;
  }
  get pending() {
    return this.#queued + this.#have;
  }

  async join(...groups) {
    return this.#request(wire.types.join, groups);
  }

  async leave(...groups) {
    return this.#request(wire.types.leave, groups);
  }

  async multicast(groups, data, { service = 'agreed', type = 0, selfDiscard = false } = {}) {
    const bit = Object.hasOwn(wire.services, service) ? wire.services[service] : 0;
    if (!bit) {
      throw new SpreadError('ILLEGAL_SERVICE', `service ${JSON.stringify(service)}, must be one of ${Object.keys(wire.services).join(', ')}`);
    }
    if (!Number.isInteger(type) || type < -32768 || type > 32767) {
      throw new SpreadError('ILLEGAL_MESSAGE', `type ${type}, must be an integer from -32768 to 32767`);
    }
    const list = Array.isArray(groups) ? groups : [groups];
    wire.checkDestinations(list);
    const bytes = bytesOf(data);
    const body = bytes.length + list.length * wire.nameSize;
    if (body > wire.maxBody) {
      throw new SpreadError(
        'MESSAGE_TOO_LONG',
        `${bytes.length} bytes of data and ${list.length} groups make ${body} bytes, a daemon takes at most ${wire.maxBody}`,
      );
    }
    const room = this.#send(wire.message(bit | (selfDiscard ? wire.types.selfDiscard : 0), this.#sender, list, type, bytes));
    if (room) await room;
    return bytes.length;
  }

  receive({ timeout, signal } = {}) {
    if (this.#flowing) return Promise.reject(new TypeError('events go to the listeners of this connection; remove them to receive'));
    if (this.#head < this.#queue.length) return Promise.resolve(this.#take());
    if (this.#reason) return Promise.reject(again(this.#reason));
    if (signal?.aborted) return Promise.reject(signal.reason);
    return this.#wait(timeout, signal);
  }

  [Symbol.asyncIterator]() {
    return iterate(this);
  }

  // Our own listeners are not those that the caller means.
  removeAllListeners(...event) {
    super.removeAllListeners(...event);
    for (const [own, listener] of this.#own) if (!this.listeners(own).includes(listener)) this.on(own, listener);
    return this;
  }

  pause() {
    this.#held = true;
    return this;
  }

  resume() {
    this.#held = false;
    this.#flowSoon();
    return this;
  }

  close({ linger = defaultLinger } = {}) {
    this.#closing ??= this.#close(linger);
    return this.#closing;
  }

  abort() {
    this.#end(new SpreadError('ILLEGAL_SESSION'));
    this.#socket.destroy();
  }

  [Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose')]() {
    return this.close();
  }

  // ---- sending

  async #request(type, groups) {
    groups = groups.flat();
    groups.forEach(wire.checkGroup);
    for (const group of groups) {
      const room = this.#send(wire.message(type, this.#sender, [group], 0, null));
      if (room) await room;
    }
  }

  // Accepts a message. Returns a promise if the sender must wait before it sends
  // more.
  #send(bytes) {
    if (this.#reason) throw again(this.#reason);
    if (this.#outBytes + this.#socket.writableLength > this.#sendQueue) {
      throw new SpreadError('WOULD_BLOCK', `more than ${this.#sendQueue} bytes wait to be sent; wait for the promise of each multicast`);
    }
    this.#out.push(bytes);
    this.#outBytes += bytes.length;
    if (!this.#scheduled && !this.#blocked) {
      this.#scheduled = true;
      setImmediate(() => this.#flush());
    }
    if (this.#outBytes < maxGather && !this.#blocked) return undefined;
    return new Promise((resolve, reject) => this.#senders.push({ resolve, reject }));
  }

  #flush() {
    this.#scheduled = false;
    if (this.#out.length === 0 || this.#socket.destroyed) return;
    let more;
    this.#socket.cork();
    for (const bytes of this.#out) more = this.#socket.write(bytes);
    this.#out = [];
    this.#outBytes = 0;
    this.#socket.uncork();
    if (more || !this.#socket.writableNeedDrain) this.#roomAgain();
    else this.#blocked = true;
  }

  #roomAgain() {
    this.#blocked = false;
    const senders = this.#senders;
    this.#senders = [];
    for (const { resolve } of senders) resolve();
    if (this.#out.length > 0) this.#flush();
  }

  // ---- receiving

  #watchSocket(rest) {
    const socket = this.#socket;
    this.#ended = new Promise((resolve) => socket.once('close', resolve));
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('drain', () => this.#roomAgain());
    socket.on('end', () => this.#lost(null));
    socket.on('error', (e) => this.#lost(e));
    socket.on('close', () => this.#lost(null));
    if (rest.length > 0) process.nextTick(() => this.#read(rest));
    socket.resume();
  }

  #read(chunk) {
    if (this.#reason) return;
    let b = chunk;
    if (this.#have > 0) {
      this.#pieces.push(chunk);
      this.#have += chunk.length;
      if (this.#have < this.#need) return this.#compact();
      b = Buffer.concat(this.#pieces, this.#have);
    }
    try {
      this.#cut(b);
    } catch (e) {
      this.#serve();
      this.#fail(e.message, e);
      return;
    }
    this.#serve();
    if (this.#queued >= this.#receiveQueue) this.#socket.pause();
  }

  #compact() {
    if (this.#pieces.length >= maxPieces) this.#pieces = [Buffer.concat(this.#pieces, this.#have)];
  }

  // Puts the messages that b has whole into the queue.
  #cut(b) {
    let at = 0;
    this.#need = wire.headerSize;
    while (b.length - at >= wire.headerSize) {
      const h = wire.header(b, at);
      if (b.length - at < h.size) {
        this.#need = h.size;
        break;
      }
      this.#queue.push(this.#decoder.decode(b, at, h));
      this.#sizes.push(h.size);
      this.#queued += h.size;
      at += h.size;
    }
    this.#have = b.length - at;
    this.#pieces = this.#have > 0 ? [b.subarray(at)] : [];
  }

  // Hands out what is in the queue to whoever waits for it.
  #serve() {
    while (this.#waiters.length > 0 && this.#head < this.#queue.length) this.#waiters.shift().settle(this.#take());
    this.#flow();
  }

  #take() {
    const event = this.#queue[this.#head];
    this.#queue[this.#head] = undefined;
    this.#queued -= this.#sizes[this.#head];
    this.#head++;
    if (this.#head === this.#queue.length) this.#empty();
    if (this.#queued <= this.#receiveQueue / 2 && this.#socket.isPaused()) this.#socket.resume();
    return event;
  }

  #empty() {
    this.#queue = [];
    this.#sizes = [];
    this.#head = 0;
    this.#queued = 0;
  }

  #wait(timeout, signal) {
    return new Promise((resolve, reject) => {
      const waiter = {
        settle: (event) => (done(), resolve(event)),
        fail: (e) => (done(), reject(e)),
      };
      const leave = () => this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
      const abort = () => (leave(), waiter.fail(signal.reason));
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
      };
      const timer = alarm(() => (leave(), waiter.settle(null)), timeout);
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiters.push(waiter);
    });
  }

  // ---- listeners

  #watchListeners() {
    for (const [own, listener] of this.#own) this.on(own, listener);
  }

  #heard() {
    return [...kinds].some((kind) => this.listenerCount(kind) > 0);
  }

  // The listeners of this turn are all in place when events begin to flow.
  #flowSoon() {
    process.nextTick(() => {
      this.#flowing = this.#heard();
      this.#flow();
    });
  }

  #flow() {
    while (this.#flowing && !this.#held && this.#head < this.#queue.length) {
      const event = this.#take();
      let thrown = true;
      try {
        this.emit(event.kind, event);
        thrown = false;
      } finally {
        // A listener threw: the others of the queue come later.
        if (thrown) this.#flowSoon();
      }
    }
    this.#tellEnd();
  }

  // ---- ends

  async #close(linger) {
    const over = this.#socket.destroyed;
    if (!this.#reason && !over) {
      this.#out.push(wire.message(wire.types.kill, this.#sender, [this.#privateGroup], 0, null));
      this.#flush();
    }
    this.#end(new SpreadError('ILLEGAL_SESSION'));
    if (over) return;
    this.#socket.resume();
    const timer = alarm(() => this.#socket.destroy(), linger);
    await this.#ended;
    clearTimeout(timer);
  }

  #lost(cause) {
    this.#fail(cause ? `the connection is lost: ${cause.message}` : 'the daemon closed the connection; its log may tell why', cause);
  }

  // Ends a connection that cannot be used any more. What has come before can be
  // received.
  #fail(text, cause) {
    if (this.#reason) return;
    this.#over(new SpreadError('CONNECTION_CLOSED', text, { cause }));
    this.#socket.destroy();
    this.#tellEnd();
  }

  // Ends it from this side: nothing can be received any more.
  #end(reason) {
    this.#empty();
    this.#over(reason);
    this.#tellEnd();
  }

  // Listeners hear of the end behind what came before it.
  #tellEnd() {
    if (this.#told || !this.#reason || (this.#flowing && this.#head < this.#queue.length)) return;
    this.#told = true;
    const reason = this.#reason.code === 'ILLEGAL_SESSION' ? null : this.#reason;
    process.nextTick(() => {
      if (reason && this.#flowing) this.emit('error', reason);
      this.emit('close', reason);
    });
  }

  #over(reason) {
    this.#reason = reason;
    this.#pieces = [];
    this.#have = 0;
    const waiting = [...this.#waiters, ...this.#senders.map(({ reject }) => ({ fail: reject }))];
    this.#waiters = [];
    this.#senders = [];
    for (const { fail } of waiting) fail(again(reason));
  }
}

/** Data as one Uint8Array. */
function bytesOf(data) {
  if (typeof data === 'string') return Buffer.from(data);
  if (data instanceof Uint8Array) return data;
  if (ArrayBuffer.isView(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  if (data instanceof ArrayBuffer || data instanceof SharedArrayBuffer) return Buffer.from(data);
  if (Array.isArray(data)) return Buffer.concat(data.map(bytesOf));
  throw new TypeError('data must be a string, a Buffer, a typed array, or an array of these');
}
