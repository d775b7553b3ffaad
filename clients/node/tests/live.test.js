// With a real daemon.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from '../lib/index.js';
import { daemon, live, socketPath, unique, wait } from './helper.js';

async function connected(t, options, address = daemon) {
  const c = await connect(address, options);
  t.after(() => c.abort());
  return c;
}

test('services', live, async (t) => {
  const c = await connected(t);
  const group = unique();
  await c.join(group);
  await wait(c, 'view');
  let type = -3;
  for (const service of ['unreliable', 'reliable', 'fifo', 'causal', 'agreed', 'safe']) {
    await c.multicast(group, service, { service, type: ++type });
    const { data, ...rest } = await wait(c, 'message');
    assert.equal(data.toString(), service);
    assert.deepEqual([rest.service, rest.type, rest.groups, rest.sender, rest.selfDiscard, rest.endianMismatch], [service, type, [group], c.privateGroup, false, false]);
  }
});

test('views', live, async (t) => {
  const a = await connected(t);
  const b = await connected(t);
  const group = unique();
  await a.join(group);
  let view = await wait(a, 'view');
  assert.deepEqual([view.group, view.cause, view.members, view.index, view.changed], [group, 'join', [a.privateGroup], 0, a.privateGroup]);
  await b.join([group]);
  const views = [await wait(a, 'view'), await wait(b, 'view')];
  assert.deepEqual(views[0].id, views[1].id);
  for (const [i, c] of [a, b].entries()) {
    const { cause, changed, sets, ownSetIndex, members, index } = views[i];
    assert.deepEqual([cause, changed, sets, ownSetIndex, members[index]], ['join', b.privateGroup, [[b.privateGroup]], 0, c.privateGroup]);
  }
  await b.leave(group);
  assert.equal((await wait(b, 'selfLeave')).group, group);
  view = await wait(a, 'view');
  assert.deepEqual([view.cause, view.changed, view.members], ['leave', b.privateGroup, [a.privateGroup]]);
  await b.join(group);
  await wait(a, 'view');
  b.abort();
  view = await wait(a, 'view');
  assert.deepEqual([view.cause, view.changed], ['disconnect', b.privateGroup]);
});

test('several groups', live, async (t) => {
  const a = await connected(t);
  const b = await connected(t, { membership: false });
  const [g, h] = [unique(), unique()];
  await a.join(g, h);
  await wait(a, 'view');
  await wait(a, 'view');
  const groups = [h, g, b.privateGroup, 'nobody\xff'];
  await b.multicast(groups, 'many', { selfDiscard: true });
  await b.multicast(a.privateGroup, 'one');
  const many = await wait(a, 'message');
  assert.deepEqual([many.data.toString(), many.groups, many.selfDiscard], ['many', groups, true]);
  assert.equal((await wait(a, 'message')).data.toString(), 'one');
  await b.multicast(Array(100).fill(b.privateGroup), 'self');
  assert.equal((await wait(b, 'message')).data.toString(), 'self');
  assert.equal(await b.receive({ timeout: 0 }), null);
});

test('the name is free as soon as close is done', live, async (t) => {
  const name = unique();
  let c = await connected(t, { name });
  await assert.rejects(connect(daemon, { name }), { code: 'REJECT_NOT_UNIQUE', number: -6 });
  for (let i = 0; i < 10; i++) {
    await c.close();
    c = await connected(t, { name });
  }
  assert.equal(c.name, name);
});

test('a Unix socket, the largest message', { ...live, skip: !socketPath && 'SPREAD_TEST_SOCKET is not set' }, async (t) => {
  const c = await connected(t, {}, `unix:${socketPath}`);
  const data = Buffer.alloc(143920, 'x');
  await c.multicast(c.privateGroup, data, { service: 'safe' });
  assert.deepEqual((await wait(c, 'message')).data, data);
});

test('the order of calls is that of messages, whether or not one waits', live, async (t) => {
  const c = await connected(t, { membership: false });
  for (let i = 0; i < 900; i++) {
    const sent = c.multicast(c.privateGroup, [String(i), Buffer.alloc((i * 97) % 2000)]);
    if (i % 3 === 0) await sent;
  }
  for (let i = 0; i < 900; i++) {
    const { data } = await wait(c, 'message');
    assert.deepEqual(data, Buffer.concat([Buffer.from(String(i)), Buffer.alloc((i * 97) % 2000)]));
  }
});

test('what was sent before the end arrives', live, async (t) => {
  const c = await connected(t);
  for (let i = 0; i < 10; i++) {
    const other = await connected(t);
    const sent = other.multicast([c.privateGroup, other.privateGroup], `last ${i}`);
    await (i % 2 ? sent : other.close());
    assert.equal((await wait(c, 'message')).data.toString(), `last ${i}`);
  }
});

test('listeners and iteration', live, async (t) => {
  const c = await connected(t);
  const group = unique();
  const view = new Promise((resolve) => c.once('view', resolve));
  await c.join(group);
  assert.equal((await view).group, group);
  c.multicast(group, 'iterated');
  c.leave(group);
  const kinds = [];
  for await (const { kind } of c) {
    kinds.push(kind);
    if (kind === 'selfLeave') break;
  }
  assert.deepEqual(kinds, ['message', 'selfLeave']);
  assert.equal(c.closed, false);
});
