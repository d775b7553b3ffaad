// Where a daemon is, and how to get there (client protocol 1.4).
import net from 'node:net';
import { SpreadError } from './errors.js';

const defaultDaemon = '4803';
const maxLength = 70;

// Where daemons have their Unix sockets. A service has it in the first, where not
// everybody can make one.
const socketDirs = ['/run/spread', '/tmp'];

/** The places to try for a daemon, one after the other: arguments of net.connect. */
export function parseDaemon(daemon) {
  let text = String(daemon ?? '');
  if (text.startsWith('unix:/')) return [{ path: text.slice('unix:'.length) }];
  if (text === '') text = defaultDaemon;
  const bad = (why) => new SpreadError('ILLEGAL_SPREAD', `name of a daemon ${JSON.stringify(text)} ${why}; write PORT or PORT@HOST, such as 4803@localhost`);
  if (text.length > maxLength) throw bad(`of ${text.length} bytes, must be at most ${maxLength}`);
  const [, digits, rest] = /^\s*([+-]?\d+)\s*(\S*)/.exec(text) ?? [];
  if (digits === undefined) throw bad('does not begin with a port');
  const port = Number(BigInt.asUintN(16, BigInt(digits.replace('+', ''))));
  if (rest === '') {
    const sockets = process.platform === 'win32' ? [] : socketDirs.map((dir) => ({ path: `${dir}/${port}` }));
    return [...sockets, { port, host: 'localhost' }];
  }
  const [, host] = /^@\[?(.+?)\]?$/.exec(rest) ?? [];
  if (host === undefined) throw bad(`has ${JSON.stringify(rest)} behind the port`);
  return [{ port, host }];
}

/** A connected socket. The signal ends the attempt. */
export async function connectSocket(places, signal) {
  const failures = [];
  for (const place of places) {
    try {
      return await connectTo(place, signal);
    } catch (e) {
      signal.throwIfAborted();
      failures.push(e);
    }
  }
  const last = failures.at(-1);
  if (last.code === 'ENOTFOUND') {
    throw new SpreadError('ILLEGAL_SPREAD', `the host of the daemon is not known: ${last.message}`, { cause: last });
  }
  throw new SpreadError('COULD_NOT_CONNECT', `no daemon answers: ${failures.map(describe).join('; ')}; is it running there, and is this its port?`, {
    cause: last,
  });
}

// Errors of several addresses of a host say nothing by themselves.
const describe = (e) => e.message || e.errors?.map((x) => x.message).join('; ') || e.code;

function connectTo(place, signal) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = net.connect({ ...place, noDelay: true, keepAlive: true, autoSelectFamily: true });
    const abort = () => socket.destroy(signal.reason);
    const connected = () => done(resolve, socket);
    const failed = (e) => done(reject, e);
    const done = (settle, value) => {
      signal.removeEventListener('abort', abort);
      socket.off('connect', connected).off('error', failed);
      settle(value);
    };
    signal.addEventListener('abort', abort, { once: true });
    socket.on('connect', connected).on('error', failed);
  });
}
