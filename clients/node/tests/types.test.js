// The declarations say what the modules export, and the package what it has. (What events
// have is compared in wire.test.js.)
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as classic from '../lib/classic.cjs';
import { connect, Connection, Reconnecting, SpreadError } from '../lib/index.js';
import * as index from '../lib/index.js';
import { services } from '../lib/wire.js';

const read = (path) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const types = read('lib/index.d.ts');
const sorted = (names) => [...new Set(names)].filter((name) => name !== 'constructor').sort();
const all = (text, regexp) => [...text.matchAll(regexp)].map((m) => m[1]);

/** Names in the declaration of a class: all, or static ones. */
function declared(text, name) {
  const body = new RegExp(`export class ${name}\\b[^]*?\\{\\n(?:[^]*?\\n\\}> \\{\\n)?([^]*?)\\n\\}\\n`).exec(text)[1];
  const members = body.replace(/\/\*\*[^]*?\*\//g, '');
  return {
    own: all(members, /^ {2}(?:get |readonly )?(\[Symbol\.\w+\]|\w+)[(:]/gm),
    static: all(members, /^ {2}static (\w+)/gm),
  };
}

function members(type) {
  const named = (key) => (typeof key === 'symbol' ? `[${key.description}]` : key);
  return Reflect.ownKeys(type.prototype).map(named);
}

// Older releases of Node.js know the symbol by another name.
const known = (name) => (name === '[nodejs.asyncDispose]' ? '[Symbol.asyncDispose]' : name);

test('exports', () => {
  assert.deepEqual(sorted(all(types, /^export (?:class|function) (\w+)/gm)), sorted(Object.keys(index)));
  const old = read('lib/classic.d.cts');
  assert.deepEqual(sorted(all(old, /^export (?:class|function) (\w+)/gm)), ['Connection', 'createConnection']);
  assert.deepEqual(sorted(declared(old, 'Connection').own), sorted(members(classic.Connection)));
  assert.equal(typeof classic.createConnection, 'function');
});

test('classes', () => {
  for (const [name, type] of Object.entries({ Connection, Reconnecting })) {
    const { own, static: statics } = declared(types, name);
    assert.deepEqual(sorted(own), sorted(members(type).map(known)), name);
    for (const s of statics) assert.equal(typeof type[s], 'function', `${name}.${s}`);
  }
  assert.deepEqual(sorted(declared(types, 'SpreadError').own), sorted(Object.keys(new SpreadError('SP_BUG'))));
});

test('codes, services, options', () => {
  const union = (name) => all(new RegExp(`export type ${name} =([^;]*);`).exec(types)[1], /'(\w+)'/g);
  for (const code of union('ErrorCode')) assert.ok(new SpreadError(code).message, code);
  assert.deepEqual(union('Service'), Object.keys(services));
  const source = read('lib/errors.js');
  assert.deepEqual(sorted(union('ErrorCode')), sorted(all(source, /^ {2}(\w+): \[-/gm)));
  const optionsOf = (name) => all(new RegExp(`export interface ${name}\\b[^{]*\\{([^]*?)\\n\\}`).exec(types)[1], /^ {2}(\w+)\?:/gm);
  for (const option of optionsOf('ConnectOptions')) assert.match(connect.toString() + Connection.toString(), new RegExp(`\\b${option}\\b`));
  for (const option of optionsOf('ReconnectingOptions')) assert.match(Reconnecting.connect.toString(), new RegExp(`\\b${option}\\b`));
});

test('package', () => {
  const { exports, files, types: main } = JSON.parse(read('package.json'));
  for (const path of [main, ...Object.values(exports).flatMap(Object.values), ...files]) {
    assert.ok(existsSync(new URL(`../${path}`, import.meta.url)), path);
  }
});
