// The client's side of client protocol 2.
import { codeOf, SpreadError } from './errors.js';
import * as wire from './wire.js';

/** The bytes of a socket, until a connection takes over. */
class Exchange {
  #socket;
  #chunks = [];
  #length = 0;
  #end;
  #wake = () => {};
  #data = (chunk) => {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    this.#wake();
  };
  #over = (e) => {
    this.#end ??= e ?? new Error('the daemon closed the connection');
    this.#wake();
  };

  constructor(socket) {
    this.#socket = socket;
    socket.on('data', this.#data).on('error', this.#over).on('end', this.#over);
  }

  /** The next count bytes, in whatever pieces they come. */
  async read(count) {
    while (this.#length < count) {
      if (this.#end) throw this.#end;
      await new Promise((resolve) => (this.#wake = resolve));
    }
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [all.subarray(count)];
    this.#length -= count;
    return all.subarray(0, count);
  }

  // A daemon that refuses may have closed by now: what it said can still be read,
  // and tells why.
  write(bytes) {
    this.#socket.write(bytes);
  }

  async byte() {
    return (await this.read(1)).readInt8(0);
  }

  /** Stops reading; returns what came behind the handshake. */
  release() {
    this.#socket.pause();
    this.#socket.off('data', this.#data).off('error', this.#over).off('end', this.#over);
    return Buffer.concat(this.#chunks);
  }
}

/** Runs the handshake. Returns what the daemon said, and what came behind it. */
export async function shake(socket, { name, membership, priority, auth }, signal) {
  const exchange = new Exchange(socket);
  const abort = () => socket.destroy(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    exchange.write(wire.hello(name, membership, priority));
    await authenticate(exchange, name, Object.entries(auth));
    const status = await exchange.byte();
    if (status !== 1) throw refusal(status, name);
    const accepted = await accept(exchange, priority);
    signal.throwIfAborted();
    return { ...accepted, rest: exchange.release() };
  } catch (e) {
    socket.destroy();
    signal.throwIfAborted();
    if (e instanceof SpreadError) throw e;
    throw new SpreadError('CONNECTION_CLOSED', `the daemon broke off the handshake: ${e.message}; its log may tell why`, { cause: e });
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

async function authenticate(exchange, name, methods) {
  const length = await exchange.byte();
  if (length < 0) throw refusal(length, name);
  const offered = (await exchange.read(length)).latin1Slice().split(' ').filter(Boolean);
  for (const [method] of methods) {
    if (offered.includes(method)) continue;
    throw new SpreadError('REJECT_AUTH', `the daemon does not offer authentication method ${JSON.stringify(method)}, only ${offered.join(' ')}`);
  }
  exchange.write(wire.choice(methods.map(([method]) => method)));
  for (const [method, run] of methods) {
    if (run && !(await run(exchange))) throw new SpreadError('REJECT_AUTH', `authentication method ${JSON.stringify(method)} failed`);
  }
}

async function accept(exchange, priority) {
  const version = [...(await exchange.read(3))];
  const [major, minor] = version;
  if (version.some((v) => v > 127) || major < 3 || (priority && major === 3 && minor < 8)) {
    throw new SpreadError('REJECT_VERSION', `the daemon is of version ${version.join('.')}, which is too old`);
  }
  const length = await exchange.byte();
  if (length < 1 || length > wire.maxName) throw nonsense();
  return { version, privateGroup: (await exchange.read(length)).latin1Slice() };
}

const nonsense = () => new SpreadError('CONNECTION_CLOSED', "the daemon's answer makes no sense; is it a Spread daemon?");

function refusal(status, name) {
  if (status > -3 || status < -9) return nonsense();
  const code = codeOf(status);
  if (code === 'CONNECTION_CLOSED') return nonsense();
  if (code !== 'REJECT_NOT_UNIQUE') return new SpreadError(code);
  return new SpreadError(
    code,
    `refused: another client of this daemon has the private name ${JSON.stringify(name)}; choose another, or none to be given one`,
  );
}
