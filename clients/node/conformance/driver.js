// The driver of the conformance suite: a JSON object per line on standard input, an
// answer for each on standard output.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { connect, Reconnecting, SpreadError } from '../lib/index.js';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url)));
const connections = new Map();

const operations = {
  hello: () => ({ language: 'node', client: version, features: ['unix', 'poll', 'any_group', 'unix_path', 'name_free', 'auth', 'reconnecting'] }),
  exit: () => ({}),

  async connect({ c, daemon, name, membership, priority, timeout_ms: timeout, auth, reconnecting }) {
    const methods = auth ? { auth: Object.fromEntries([auth].flat().map((method) => [method, null])) } : {};
    const make = reconnecting ? Reconnecting.connect : connect;
    const connection = await make(daemon, { name, membership, priority, timeout, ...methods });
    connections.set(c, connection);
    return { private_group: connection.privateGroup, daemon_version: connection.daemonVersion };
  },

  async join({ c, group }) {
    await get(c).join(group);
  },

  async leave({ c, group }) {
    await get(c).leave(group);
  },

  async multicast({ c, service, groups, type = 0, data_b64: data = '', self_discard: selfDiscard = false, repeat = 1 }) {
    const bytes = Buffer.from(data, 'base64');
    let sent = 0;
    for (let i = 0; i < repeat; i++) sent += await get(c).multicast(groups, bytes, { service, type, selfDiscard });
    return { sent };
  },

  async receive({ c, timeout_ms: timeout }) {
    const event = await get(c).receive({ timeout });
    return event ? { message: describe(event) } : { ok: false, error: 'timeout' };
  },

  async drain({ c, count, timeout_ms: timeout = Infinity }) {
    const deadline = performance.now() + timeout;
    const digest = createHash('sha256');
    let n = 0;
    let bytes = 0;
    let began;
    while (n < count) {
      const event = await get(c).receive({ timeout: Math.max(0, deadline - performance.now()) });
      if (!event) break;
      if (event.kind !== 'message') continue;
      began ??= performance.now();
      digest.update(Buffer.from(`${event.sender}\0`, 'latin1')).update(event.data);
      bytes += event.data.length;
      n++;
    }
    const seconds = (performance.now() - (began ?? performance.now())) / 1000;
    const result = { ok: n === count, count: n, bytes, seconds, digest: digest.digest('hex') };
    return n === count ? result : { ...result, error: 'timeout' };
  },

  // What the socket has is read in the next turn of the event loop.
  async poll({ c }) {
    await new Promise(setImmediate);
    return { bytes: get(c).pending };
  },

  async disconnect({ c }) {
    await get(c).close();
  },

  abort({ c }) {
    get(c).abort();
  },

  // What nobody receives pauses the socket.
  stall: () => ({}),
  resume: () => ({}),
};

function get(c) {
  const connection = connections.get(c);
  if (!connection) throw new SpreadError('ILLEGAL_SESSION', `no connection ${c}`);
  return connection;
}

function describe(event) {
  const { kind, group, id } = event;
  switch (kind) {
    case 'view': {
      const { cause, members, changed, sets, ownSetIndex } = event;
      return { kind: 'membership', group, cause, members, id, changed, sets, own_set: ownSetIndex };
    }
    case 'transition':
      return { kind, group, id };
    case 'reconnected':
      return { kind, private_group: event.privateGroup };
    case 'selfLeave':
      return { kind: 'self_leave', group };
    case 'rejected':
      return { ...regular(event), kind: 'reject', request: event.request, old_type: event.serviceType };
    default:
      return regular(event);
  }
}

function regular({ service, sender, groups, type, data, endianMismatch, selfDiscard }) {
  return {
    kind: 'regular',
    service,
    sender,
    groups,
    type,
    data_b64: data.toString('base64'),
    endian_mismatch: endianMismatch,
    self_discard: selfDiscard,
  };
}

async function answer(request) {
  const operation = operations[request.op];
  if (!operation) return { ok: false, error: 'unsupported', reason: `the library has no ${request.op}` };
  try {
    return { ok: true, ...(await operation(request)) };
  } catch (e) {
    if (e instanceof SpreadError) return { ok: false, error: e.number, text: e.message };
    return { ok: false, error: 'internal', text: e.stack };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(await answer(request))}\n`);
  if (request.op === 'exit') break;
}
for (const connection of connections.values()) connection.abort ? connection.abort() : connection.close({ linger: 0 });
