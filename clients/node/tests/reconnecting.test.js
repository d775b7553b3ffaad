// Connections that are made anew.
import assert from 'node:assert/strict';
import { test as plainTest } from 'node:test';
import { Reconnecting } from '../lib/index.js';
import { fake, frame, freePort, patience, RealDaemon, restarts, wait } from './helper.js';

const test = (name, run) => plainTest(name, { timeout: patience }, run);
const quick = { name: 'me', delay: 1, maxDelay: 10 };
const message = (data) => frame(0x10, '#a#d1', ['g'], data);

async function reconnecting(t, daemons, options = quick) {
  const c = await Reconnecting.connect(daemons, options);
  t.after(() => c.close({ linger: 10 }));
  return c;
}

plainTest('the daemon is restarted', restarts, async (t) => {
  const daemon = await RealDaemon.start(t);
  const c = await reconnecting(t, daemon.address);
  await c.join('g', 'h');
  await c.leave('h');
  await c.multicast('g', 'before');
  assert.equal((await wait(c, 'message')).data.toString(), 'before');
  await daemon.kill();
  assert.equal(await c.receive({ timeout: 50 }), null);
  await assert.rejects(c.multicast('g', 'lost'), { code: 'CONNECTION_CLOSED' });
  await c.join('later'); // is remembered
  await daemon.start();
  const { privateGroup, error } = await wait(c, 'reconnected');
  assert.deepEqual([privateGroup, error.code], [c.privateGroup, 'CONNECTION_CLOSED']);
  const groups = [(await wait(c, 'view')).group, (await wait(c, 'view')).group];
  assert.deepEqual(groups, ['g', 'later']);
  await c.multicast(['g', 'h'], 'after');
  assert.equal((await wait(c, 'message')).data.toString(), 'after');
  await c.close();
  assert.equal(c.closed, true);
  await assert.rejects(c.receive(), { code: 'ILLEGAL_SESSION' });
  await assert.rejects(c.multicast('g', 'x'), { code: 'ILLEGAL_SESSION' });
});

test('what had come comes first', async (t) => {
  const address = await fake(t, async (end, i) => {
    await end.accept();
    end.write(Buffer.concat([message(String(i)), message(String(i))]));
    if (i === 1) await end.rest();
  });
  const got = [];
  for await (const event of await reconnecting(t, address)) {
    got.push(event.kind === 'message' ? event.data.toString() : event.kind);
    if (got.length === 5) break;
  }
  assert.deepEqual(got, ['0', '0', 'reconnected', '1', '1']);
});

// The name is in use until the daemon has noticed, answers break off: it goes on.
test('persists', async (t) => {
  const address = await fake(t, async (end, i) => {
    if (i === 0) await end.accept();
    if (i === 1) end.write(Buffer.from([0xfa]));
    if (i === 3) {
      await end.accept();
      end.write(frame(0x1100, 'g', [], 'short'));
    }
    if (i > 3) {
      await end.accept({ privateGroup: '#me#d2' });
      await end.rest();
    }
  });
  const c = await reconnecting(t, address);
  const first = await wait(c, 'reconnected');
  const second = await wait(c, 'reconnected');
  assert.deepEqual([first.error.cause, second.error.cause.code], [null, 'ILLEGAL_MESSAGE']);
  assert.equal(second.privateGroup, '#me#d2');
});

// Reconnecting does not wait for receivers. Who receives late misses nothing of the latest, and no gap
// goes unannounced.
test('nobody receives', async (t) => {
  let latest;
  const reached = new Promise((resolve) => (latest = resolve));
  const address = await fake(t, async (end, i) => {
    await end.accept({ also: Buffer.concat([message(`${i}a`), message(`${i}b`)]) });
    if (i < 5) return;
    latest();
    await end.rest();
  });
  const c = await reconnecting(t, address);
  assert.equal((await c.receive()).data.toString(), '0a');
  await reached;
  let from = '0';
  for (let last; last !== '5b'; ) {
    const event = await c.receive({ timeout: patience });
    if (event.kind === 'reconnected') {
      from = null;
      continue;
    }
    last = event.data.toString();
    assert.equal(last[0], (from ??= last[0]), 'what came behind a loss was announced');
  }
});

test('other daemons', async (t) => {
  const gone = `${await freePort()}@127.0.0.1`;
  const address = await fake(t, async (end) => {
    await end.accept();
    await end.rest();
  });
  const c = await reconnecting(t, [gone, address]);
  assert.deepEqual([c.privateGroup, c.name, c.daemonName, c.daemonVersion], ['#me#d1', 'me', 'd1', [5, 0, 1]]);
  await assert.rejects(Reconnecting.connect(gone, quick), { code: 'COULD_NOT_CONNECT' });
  await assert.rejects(Reconnecting.connect([address, 'junk'], quick), { code: 'ILLEGAL_SPREAD' });
  await assert.rejects(Reconnecting.connect(address, { ...quick, signal: AbortSignal.abort() }), { name: 'AbortError' });
  assert.throws(() => new Reconnecting(), TypeError);
});

test('refused for good', async (t) => {
  const address = await fake(t, async (end, i) => (i === 0 ? end.accept() : end.write(Buffer.from([0xf7]))));
  const c = await reconnecting(t, address);
  await assert.rejects(c.receive({ timeout: patience }), { code: 'REJECT_AUTH' });
  await assert.rejects(c.receive(), { code: 'REJECT_AUTH' });
  await assert.rejects(c.multicast('g', 'x'), { code: 'REJECT_AUTH' });
});

for (const [name, delay] of [
  ['close ends attempts', 1],
  ['close ends pauses', 1_000_000],
]) {
  test(name, async (t) => {
    const address = await fake(t, async (end, i) => (i === 0 ? end.accept() : undefined));
    const c = await reconnecting(t, address, { ...quick, delay });
    const abort = new AbortController();
    const waiting = c.receive({ signal: abort.signal });
    assert.equal(await c.receive({ timeout: 20 }), null);
    abort.abort(new Error('enough'));
    await assert.rejects(waiting, /enough/);
    const iterated = (async () => {
      for await (const event of c) assert.fail(event);
    })();
    await c.close();
    await iterated;
  });
}

test('groups that cannot be right are not remembered', async (t) => {
  const joined = [];
  const address = await fake(t, async (end, i) => {
    await end.accept();
    if (i === 0) return;
    const frames = await end.read(2 * 80);
    joined.push(...[48, 128].map((at) => frames.toString('latin1', at, at + 32).replace(/\0/g, '')));
    end.write(message('done'));
    await end.rest();
  });
  const c = await reconnecting(t, address);
  await assert.rejects(c.join('a b'), { code: 'ILLEGAL_GROUP' });
  await c.join('g', ['h', 'i']);
  await c.leave('h');
  await wait(c, 'message');
  assert.deepEqual(joined, ['g', 'i']);
});
