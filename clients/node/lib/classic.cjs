'use strict';
// The names of node-spread-native, for programs that were written for it. New programs
// use the other entry of this package.
const { EventEmitter } = require('node:events');

const delay = 100;
const maxDelay = 5000;

/** See classic.d.cts. */
class Connection extends EventEmitter {
  #daemon;
  #name;
  #groups = new Set();
  #connection = null;
  #pause = delay;
  #timer;
  #ended = false;

  constructor(name, port = 4803, host = 'localhost') {
    super();
    this.#name = name;
    this.#daemon = `${port}@${host}`;
    this.#run();
  }

  get privateGroup() {
    return this.#connection?.privateGroup;
  }

  join(group) {
    this.#groups.add(group);
    this.#connection?.join(group).catch((e) => {
      if (e.code === 'ILLEGAL_GROUP') this.#groups.delete(group);
      this.#failed(e);
    });
  }

  send(text, group) {
    if (!this.#connection) return false;
    this.#connection.multicast(group, String(text), { service: 'unreliable' }).catch((e) => this.#failed(e));
    return true;
  }

  close() {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#connection?.close();
  }

  async #run() {
    const { connect } = await import('./index.js');
    let connection;
    try {
      connection = await connect(this.#daemon, { name: this.#name, membership: false, timeout: maxDelay });
    } catch (e) {
      this.#again();
      this.#failed(e);
      return;
    }
    if (this.#ended) {
      connection.close();
      return;
    }
    this.#pause = delay;
    // Outside of the promise, where what a listener throws is seen.
    process.nextTick(() => this.#connected(connection));
  }

  #connected(connection) {
    connection.on('message', (m) => this.emit('message', m.groups[0], m.data.toString(), m));
    connection.on('error', () => {}); // "close" tells.
    connection.on('close', () => {
      this.#connection = null;
      this.#again();
      this.emit('close');
    });
    if (this.#ended) {
      connection.close();
      return;
    }
    this.#connection = connection;
    for (const group of this.#groups) this.join(group);
    this.emit('connect');
    this.emit('logined');
  }

  #again() {
    if (this.#ended) return;
    this.#timer = setTimeout(() => this.#run(), this.#pause);
    this.#pause = Math.min(2 * this.#pause, maxDelay);
  }

  // It goes on by itself: nobody has to listen.
  #failed(e) {
    if (this.listenerCount('error') > 0) process.nextTick(() => this.emit('error', e));
  }
}

exports.Connection = Connection;
exports.createConnection = (name, port, host) => new Connection(name, port, host);
