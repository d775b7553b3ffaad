// What the tests share.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { userInfo } from 'node:os';
import { createInterface } from 'node:readline';

/** Bounds every wait, in milliseconds; nothing takes nearly as long. */
export const patience = 20_000;

/** What the runner of the suite gives. A test that needs it is skipped without. */
export const daemon = process.env.SPREAD_TEST_DAEMON;
export const socketPath = process.env.SPREAD_TEST_SOCKET;
export const program = process.env.SPREAD_TEST_SPREAD;
export const live = { skip: !daemon && 'SPREAD_TEST_DAEMON is not set', timeout: patience };
export const restarts = { skip: !program && 'SPREAD_TEST_SPREAD is not set', timeout: patience };

/** Recorded traffic of the original daemons and clients. */
export async function vectors() {
  const path = new URL('../../../testdata/vectors.json', import.meta.url);
  return JSON.parse(await readFile(path)).map((v) => ({ ...v, bytes: Buffer.from(v.hex, 'hex') }));
}

/** A name that no other test uses. */
export const unique = () => `n${Math.floor(Math.random() * 36 ** 7).toString(36)}`;

/** Receives until an event of a kind. */
export async function wait(connection, kind) {
  for (;;) {
    const event = await connection.receive({ timeout: patience });
    if (event === null) throw new Error(`no ${kind} came`);
    if (event.kind === kind) return event;
  }
}

/**
 * Plays the daemon to connections: play gets an end of each, and its number from 0.
 * Returns where; it ends with the test.
 */
export async function fake(t, play) {
  let i = 0;
  const server = net.createServer({ noDelay: true }, (socket) => {
    const end = new End(socket);
    play(end, i++)
      .catch(() => {}) // The client has gone.
      .finally(() => socket.end());
  });
  const sockets = new Set();
  server.on('connection', (socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return `${server.address().port}@127.0.0.1`;
}

/** The daemon's end of a connection. */
class End {
  #chunks = [];
  #ended = false;
  #wake = () => {};

  constructor(socket) {
    this.socket = socket;
    const over = () => {
      this.#ended = true;
      this.#wake();
    };
    socket.on('data', (chunk) => (this.#chunks.push(chunk), this.#wake()));
    socket.on('end', over).on('error', over).on('close', over);
  }

  write(bytes) {
    this.socket.write(bytes);
  }

  async read(count) {
    for (;;) {
      const all = Buffer.concat(this.#chunks);
      if (all.length >= count) {
        this.#chunks = [all.subarray(count)];
        return all.subarray(0, count);
      }
      if (this.#ended) throw new Error('the client has gone');
      await new Promise((resolve) => (this.#wake = resolve));
    }
  }

  /** What comes until the client has gone. */
  async rest() {
    while (!this.#ended) await new Promise((resolve) => (this.#wake = resolve));
    return Buffer.concat(this.#chunks);
  }

  /** The daemon's side of the handshake with a client of a name. */
  async accept({ name = 'me', version = [5, 0, 1], privateGroup = '#me#d1', also = Buffer.alloc(0) } = {}) {
    const hello = await this.read(5 + name.length);
    this.write(Buffer.from('\x05NULL ', 'latin1'));
    await this.read(90);
    this.write(Buffer.concat([Buffer.from([1, ...version, privateGroup.length]), Buffer.from(privateGroup, 'latin1'), also]));
    return hello;
  }
}

/** A message as a little-endian daemon sends it. */
export function frame(type, sender, groups = [], data = '', hint = 0x80000080) {
  const body = Buffer.from(data, 'latin1');
  const b = Buffer.alloc(48 + 32 * groups.length);
  b.writeUInt32LE((0x80000080 | type) >>> 0, 0);
  b.write(sender, 4, 'latin1');
  b.writeInt32LE(groups.length, 36);
  b.writeUInt32LE(hint, 40);
  b.writeInt32LE(body.length, 44);
  groups.forEach((group, i) => b.write(group, 48 + 32 * i, 'latin1'));
  return Buffer.concat([b, body]);
}

/** A port on which nobody listens. */
export async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** A daemon that can be killed and started again. */
export class RealDaemon {
  static async start(t) {
    const self = new RealDaemon();
    self.dir = await mkdtemp('/tmp/spread-node-');
    self.port = await freePort();
    self.address = `${self.port}@127.0.0.1`;
    await writeFile(`${self.dir}/spread.conf`, `Spread_Segment 127.0.0.255:${self.port} {\n\td1 127.0.0.1\n}\nDaemonUser = ${userInfo().username}\n`);
    t.after(async () => {
      await self.kill();
      await rm(self.dir, { recursive: true });
      await rm(`/tmp/${self.port}`, { force: true });
    });
    await self.start();
    return self;
  }

  /** Returns when it serves. */
  async start() {
    this.process = spawn(program, ['-n', 'd1', '-c', `${this.dir}/spread.conf`], { cwd: this.dir, stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    for await (const line of createInterface({ input: this.process.stdout })) {
      said += `${line}\n`;
      if (line.includes('Membership id is')) {
        this.process.stdout.resume();
        return;
      }
    }
    throw new Error(`the daemon ended: ${said}`);
  }

  async kill() {
    const { process } = this;
    if (process.exitCode !== null || process.signalCode !== null) return;
    process.kill('SIGKILL');
    await once(process, 'exit');
  }
}
