// The examples of README.md.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { connect } from '../lib/index.js';
import { daemon, live, unique, wait } from './helper.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const examples = [...readme.matchAll(/^```js\n([^]*?)^```/gm)].map((m) => m[1]);

const run = (code) =>
  promisify(execFile)(process.execPath, ['--input-type=module', '-e', code], { cwd: new URL('..', import.meta.url), timeout: live.timeout });

test('ten lines', live, async () => {
  const { stdout } = await run(examples[0].replace('4803@localhost', daemon).replace('alice', unique()));
  assert.match(stdout, /^now: (#\S+)\n\1: hello\n$/);
});

test('connections that are made anew', live, async () => {
  const code = examples[1].replace(/\[.*\]/, `'${daemon}'`).replace('worker', unique());
  const running = run(`${code}\nfunction work(data) { console.log(String(data)); process.exit(); }`);
  const c = await connect(daemon);
  await c.join('jobs');
  while ((await wait(c, 'view')).members.length < 2);
  await c.multicast('jobs', 'job', { selfDiscard: true });
  assert.equal((await running).stdout, 'job\n');
  await c.close();
});
