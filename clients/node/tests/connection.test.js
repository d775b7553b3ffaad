// What needs no real daemon.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test as plainTest } from 'node:test';
import { parseDaemon } from '../lib/address.js';
import { connect, Connection, SpreadError } from '../lib/index.js';
import { fake, frame, freePort, patience } from './helper.js';

const test = (name, run) => plainTest(name, { timeout: patience }, run);
const code = (wanted) => (e) => e instanceof SpreadError && e.code === wanted && e.message !== '';
const message = (data) => frame(0x10, '#a#d1', ['g'], data);

/** A connection to a fake daemon that says something behind the handshake. */
async function talkTo(t, play = async () => {}, options = { name: 'me' }) {
  const address = await fake(t, async (end) => {
    await end.accept(options);
    await play(end);
    await end.rest();
  });
  const c = await connect(address, options);
  t.after(() => c.abort());
  return c;
}

test('names of daemons', () => {
  for (const [text, port, host] of [
    [undefined, 4803, 'localhost'],
    ['', 4803, 'localhost'],
    ['30000', 30000, 'localhost'],
    ['1@h', 1, 'h'],
    ['1@[::1]', 1, '::1'],
    ['1@::1', 1, '::1'],
  ]) {
    assert.deepEqual(parseDaemon(text).at(-1), { port, host }, text);
  }
  assert.deepEqual(parseDaemon('unix:/a b'), [{ path: '/a b' }]);
  assert.deepEqual(parseDaemon('7').slice(0, -1), [{ path: '/run/spread/7' }, { path: '/tmp/7' }]);
  assert.deepEqual(parseDaemon(7), parseDaemon('7'));
  assert.deepEqual(parseDaemon(null), parseDaemon(''));
  for (const text of ['junk', '@h', '1@', '1x', '1'.repeat(71)]) assert.throws(() => parseDaemon(text), code('ILLEGAL_SPREAD'), text);
});

test('errors of connect', async (t) => {
  await assert.rejects(connect(`${await freePort()}@127.0.0.1`), code('COULD_NOT_CONNECT'));
  await assert.rejects(connect('unix:/nowhere/to/be/found'), code('COULD_NOT_CONNECT'));
  await assert.rejects(connect('1', { name: 'a b' }), code('REJECT_ILLEGAL_NAME'));
  await assert.rejects(connect('1', { name: 'elevenbytes' }), code('REJECT_ILLEGAL_NAME'));
  await assert.rejects(connect('1', { auth: {} }), code('REJECT_AUTH'));
  const silent = await fake(t, (end) => end.rest());
  await assert.rejects(connect(silent, { timeout: 20 }), code('CONNECTION_CLOSED'));
  await assert.rejects(connect(silent, { signal: AbortSignal.abort() }), { name: 'AbortError' });
  const late = new AbortController();
  const attempt = connect(silent, { signal: late.signal });
  setImmediate(() => late.abort());
  await assert.rejects(attempt, { name: 'AbortError' });
  const refusing = await fake(t, async (end) => end.write(Buffer.from([0xfa])));
  await assert.rejects(connect(refusing, { name: 'taken' }), (e) => code('REJECT_NOT_UNIQUE')(e) && e.number === -6 && /taken/.test(e.message));
  assert.throws(() => new Connection(), TypeError);
});

test('hello and version', async (t) => {
  let hello;
  const address = await fake(t, async (end) => {
    hello = await end.accept({ version: [3, 17, 4], privateGroup: '#r\xff#d1' });
    await end.rest();
  });
  const c = await connect(address, { name: 'me', membership: false, priority: true });
  assert.equal(hello.latin1Slice(), '\x05\x00\x01\x10\x02me');
  assert.deepEqual([c.daemonVersion, c.privateGroup, c.name, c.daemonName, c.membership], [[3, 17, 4], '#r\xff#d1', 'r\xff', 'd1', false]);
  await c.close({ linger: 10 });
});

test('authentication', async (t) => {
  const address = await fake(t, async (end) => {
    await end.read(5);
    end.write(Buffer.from('\x07SECRET ', 'latin1'));
    const slots = await end.read(90);
    end.write(slots.subarray(0, 6));
    if ((await end.read(3)).toString() === 'yes') end.write(Buffer.from('\x01\x05\x00\x01\x06#me#d1', 'latin1'));
    await end.rest();
  });
  const secret = async (exchange) => {
    const asked = (await exchange.read(6)).toString() === 'SECRET';
    exchange.write(Buffer.from('yes'));
    return asked;
  };
  const c = await connect(address, { auth: { SECRET: secret } });
  assert.equal(c.privateGroup, '#me#d1');
  c.abort();
  await assert.rejects(connect(address), (e) => code('REJECT_AUTH')(e) && /"NULL", only SECRET/.test(e.message));
  await assert.rejects(connect(address, { auth: { SECRET: () => false } }), code('REJECT_AUTH'));
});

test('sending', async (t) => {
  const got = [];
  let received;
  const all = new Promise((resolve) => (received = resolve));
  const c = await talkTo(t, async (end) => {
    for (let i = 0; i < 6; i++) {
      const head = await end.read(48);
      await end.read(32 * head.readInt32LE(36));
      got.push(Buffer.from(await end.read(head.readInt32LE(44))));
    }
    received();
  });
  assert.equal(await c.multicast('g', 'grüß'), 6);
  assert.equal(await c.multicast(['a', 'b'], ['ab', '', new Uint16Array([0x6463]), new Uint8Array([0x65]).buffer]), 5);
  const reused = Buffer.from('before');
  const sent = c.multicast('g', reused);
  reused.fill('x');
  await sent;
  const big = Buffer.alloc(143920, 'x');
  assert.equal(await c.multicast('g', big, { service: 'safe' }), 143920);
  await c.multicast('g', new DataView(big.buffer, big.byteOffset + 1, 3));
  await c.multicast('g', '');
  await all;
  assert.deepEqual(got.map(String), ['grüß', 'abcde', 'before', big.toString(), 'xxx', '']);
  await assert.rejects(c.multicast('g', 'x', { service: 'best' }), code('ILLEGAL_SERVICE'));
  await assert.rejects(c.multicast('g', 'x', { service: 'toString' }), code('ILLEGAL_SERVICE'));
  await assert.rejects(c.multicast('g', 'x', { type: 40000 }), code('ILLEGAL_MESSAGE'));
  await assert.rejects(c.multicast([], 'x'), code('ILLEGAL_GROUP'));
  await assert.rejects(c.multicast('gr\u0100', 'x'), code('ILLEGAL_GROUP'));
  await assert.rejects(c.join('gruß'), code('ILLEGAL_GROUP'));
  await assert.rejects(c.multicast('g', Buffer.alloc(143921)), code('MESSAGE_TOO_LONG'));
  await assert.rejects(c.multicast('g', 7), TypeError);
});

// Who does not wait is told when too much waits for a daemon that does not read.
test('a daemon that does not read', async (t) => {
  const address = await fake(t, async (end) => {
    await end.accept();
    end.socket.pause();
    await new Promise(() => {});
  });
  const c = await connect(address, { name: 'me', sendQueue: 1 << 20 });
  const outcomes = [];
  for (let i = 0; i < 200; i++) outcomes.push(c.multicast('g', Buffer.alloc(100_000)).catch((e) => e));
  c.abort();
  const codes = new Set((await Promise.all(outcomes)).map((e) => e.code));
  assert.deepEqual(codes, new Set(['ILLEGAL_SESSION', 'WOULD_BLOCK']));
});

test('events come with the handshake, in pieces of any size', async (t) => {
  const bytes = Buffer.concat([frame(0x10 | 0x40, '#a#d1', ['g'], '\xff', 0x80fffe80), frame(0x200, 'g'), message('x'.repeat(3000))]);
  const address = await fake(t, async (end) => {
    await end.accept({ also: bytes.subarray(0, 10) });
    for (const byte of bytes.subarray(10)) end.write(Buffer.from([byte]));
    await end.rest();
  });
  const c = await connect(address, { name: 'me' });
  t.after(() => c.abort());
  assert.deepEqual(await c.receive(), {
    kind: 'message',
    sender: '#a#d1',
    groups: ['g'],
    service: 'agreed',
    type: -2,
    data: Buffer.from([0xff]),
    selfDiscard: true,
    endianMismatch: false,
    serviceType: 0x50,
  });
  assert.deepEqual(await c.receive(), { kind: 'selfLeave', group: 'g' });
  assert.equal((await c.receive()).data.length, 3000);
});

test('receivers wait in turn, for a time, until a signal', async (t) => {
  let say;
  const c = await talkTo(t, async (end) => (say = (data) => end.write(message(data))));
  assert.equal(await c.receive({ timeout: 0 }), null);
  const abort = new AbortController();
  const waiting = [c.receive(), c.receive({ signal: abort.signal }), c.receive({ timeout: 5 }), c.receive({ timeout: patience })];
  abort.abort(new Error('enough'));
  await assert.rejects(waiting[1], /enough/);
  assert.equal(await waiting[2], null);
  say('1');
  say('2');
  assert.deepEqual([(await waiting[0]).data.toString(), (await waiting[3]).data.toString()], ['1', '2']);
  await assert.rejects(c.receive({ signal: AbortSignal.abort() }), { name: 'AbortError' });
});

test('listeners', async (t) => {
  let say;
  const c = await talkTo(t, async (end) => (say = (bytes) => end.write(bytes)));
  const seen = [];
  c.on('message', (m) => {
    seen.push(m.data.toString());
    if (m.data.toString() === '1') c.pause();
  });
  c.on('selfLeave', (e) => seen.push(e.group));
  say(Buffer.concat([message('1'), message('2'), frame(0x200, 'left')]));
  await once(c, 'message');
  assert.deepEqual(seen, ['1']);
  await assert.rejects(c.receive(), TypeError);
  c.resume();
  await once(c, 'selfLeave');
  assert.deepEqual(seen, ['1', '2', 'left']);
  c.removeAllListeners('message');
  c.removeAllListeners('selfLeave');
  say(message('3'));
  assert.equal((await c.receive()).data.toString(), '3');
  c.removeAllListeners();
  say(message('4'));
  const [last] = await once(c, 'message');
  assert.equal(last.data.toString(), '4');
});

// Timers of Node.js go off at once if the time is longer than they can hold.
test('long times', async (t) => {
  let say;
  const address = await fake(t, async (end) => {
    await end.accept();
    say = (data) => end.write(message(data));
    await end.read(80); // that it leaves
  });
  const c = await connect(address, { name: 'me', timeout: 2 ** 31 });
  const waiting = [2 ** 31, Infinity, null, NaN].map((timeout) => c.receive({ timeout }));
  assert.equal(await c.receive({ timeout: 20 }), null);
  for (const data of ['1', '2', '3', '4']) say(data);
  assert.deepEqual((await Promise.all(waiting)).map((m) => m.data.toString()), ['1', '2', '3', '4']);
  await c.close({ linger: Infinity });
});

test('the end, for listeners', async (t) => {
  const address = await fake(t, async (end) => {
    await end.accept();
    end.write(message('last'));
  });
  const c = await connect(address, { name: 'me' });
  const seen = [];
  c.on('message', (m) => seen.push(m.data.toString()));
  c.on('error', (e) => seen.push(e.code));
  const reason = await new Promise((resolve) => c.on('close', resolve));
  assert.deepEqual(seen, ['last', 'CONNECTION_CLOSED']);
  assert.equal(reason.code, 'CONNECTION_CLOSED');
});

test('lost', async (t) => {
  const address = await fake(t, async (end) => {
    await end.accept();
    end.write(message('last'));
  });
  const c = await connect(address, { name: 'me' });
  await once(c, 'close');
  assert.equal((await c.receive()).data.toString(), 'last');
  await assert.rejects(async () => {
    for await (const event of c) assert.fail(event);
  }, code('CONNECTION_CLOSED'));
  await assert.rejects(c.join('g'), code('CONNECTION_CLOSED'));
  await assert.rejects(c.multicast('g', 'x'), code('CONNECTION_CLOSED'));
  await c.close();
  await assert.rejects(c.receive(), code('ILLEGAL_SESSION'));
});

test('nonsense from the daemon', async (t) => {
  const c = await talkTo(t, async (end) => end.write(Buffer.concat([message('good'), frame(0x1100, 'g', ['#me#d1'], 'short')])));
  assert.equal((await c.receive()).data.toString(), 'good');
  await assert.rejects(c.receive(), (e) => code('CONNECTION_CLOSED')(e) && e.cause.code === 'ILLEGAL_MESSAGE');
  await assert.rejects(c.multicast('g', 'x'), code('CONNECTION_CLOSED'));
});

test('close', async (t) => {
  let said;
  const c = await talkTo(t, async (end) => (said = end.rest()));
  const waiting = [c.receive(), c.receive()].map((p) => p.catch((e) => e.code));
  const iterated = (async () => {
    for await (const event of c) assert.fail(event);
  })();
  let reason;
  c.on('close', (r) => (reason = r));
  const closing = c.close();
  assert.equal(c.close(), closing);
  assert.equal(c.closed, true);
  await assert.rejects(c.multicast('g', 'x'), code('ILLEGAL_SESSION'));
  assert.deepEqual(await Promise.all(waiting), ['ILLEGAL_SESSION', 'ILLEGAL_SESSION']);
  await iterated;
  await closing;
  assert.equal(reason, null);
  assert.equal((await said).readUInt32LE(0), 0x80040080, 'the daemon was told');
});

// What nobody receives stays with the daemon.
test('nobody receives', async (t) => {
  const count = 2000;
  const c = await talkTo(t, async (end) => {
    for (let i = 0; i < count; i++) end.write(message('x'.repeat(10_000)));
  });
  await c.receive();
  while (c.pending < 1 << 20) await new Promise(setImmediate);
  for (let i = 0; i < 100; i++) await new Promise(setImmediate);
  assert.ok(c.pending < 2 << 20, `${c.pending} bytes are held`);
  for (let i = 1; i < count; i++) assert.equal((await c.receive()).data.length, 10_000);
});
