// The names of node-spread-native.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { createConnection } from '../lib/classic.cjs';
import { daemon, freePort, live, patience, RealDaemon, restarts, unique } from './helper.js';

const [port, host] = (daemon ?? '').split('@');

/** Sends until it is heard: who joins last is not known. */
function heard(receiver, send) {
  const timer = setInterval(send, 10);
  return once(receiver, 'message').finally(() => clearInterval(timer));
}

test('as a CommonJS module of the package', async () => {
  assert.equal(createRequire(import.meta.url)('gospread/classic').createConnection, createConnection);
  assert.equal((await import('gospread')).connect, (await import('../lib/index.js')).connect);
});

test('messages', live, async () => {
  const [a, b] = [createConnection(unique(), port, host), createConnection(unique(), Number(port), host)];
  const group = unique();
  assert.equal(a.send('early', group), false);
  a.join(group);
  await Promise.all([once(a, 'logined'), once(b, 'logined')]);
  assert.equal(b.send('grüß', group), true);
  const [channel, text, message] = await heard(a, () => b.send('grüß', group));
  assert.deepEqual([channel, text, message.service, message.sender], [group, 'grüß', 'unreliable', b.privateGroup]);
  a.close();
  b.close();
  await Promise.all([once(a, 'close'), once(b, 'close')]);
  assert.equal(a.privateGroup, undefined);
});

test('errors are told to those who listen', { timeout: patience }, async () => {
  const port = await freePort();
  const c = createConnection('me', port, '127.0.0.1');
  const [e] = await new Promise((resolve) => c.once('error', (...args) => resolve(args)));
  assert.equal(e.code, 'COULD_NOT_CONNECT');
  c.close();
});

test('connects again by itself', restarts, async (t) => {
  let c;
  t.after(() => c?.close());
  const daemon = await RealDaemon.start(t);
  c = createConnection('me', daemon.port, '127.0.0.1');
  c.join('g');
  await once(c, 'connect');
  const closed = once(c, 'close');
  await daemon.kill();
  await closed;
  // Not once(), which fails when an attempt in the meantime does.
  const again = new Promise((resolve) => c.once('logined', resolve));
  await daemon.start();
  await again;
  assert.equal((await heard(c, () => c.send('hello', 'g')))[1], 'hello');
});

// What a listener throws is an uncaught exception, as with every emitter.
test('listeners that throw', live, async () => {
  const code = `
    const c = require('gospread/classic').createConnection('${unique()}', ${port}, '${host}');
    process.on('uncaughtException', (e) => { console.log(e.message); process.exit(); });
    c.on('logined', () => { throw new Error('thrown'); });`;
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', code], { cwd: new URL('..', import.meta.url) });
  assert.equal(stdout, 'thrown\n');
});
