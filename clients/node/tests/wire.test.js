// Recorded bytes: what the library makes of them, and that it would have sent the same.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { Decoder } from '../lib/decoder.js';
import * as wire from '../lib/wire.js';
import { vectors } from './helper.js';

const all = await vectors();
const messages = (direction) => all.filter((v) => v.direction === direction && v.notes.includes('groups='));

function decode(decoder, bytes) {
  const h = wire.header(bytes, 0);
  assert.equal(h.size, bytes.length);
  return decoder.decode(bytes, 0, h);
}

const decoderFor = (v) => new Decoder(v.scenario.startsWith('v3-'), `#${v.session}#localhost`);

test('received', () => {
  for (const v of messages('D>C')) {
    let note = v.notes.split(';')[0];
    if (note.includes('gid=') || note.startsWith('CAUSED_BY_LEAVE from')) note = note.replace(/ len=\d+/, '');
    const decoder = decoderFor(v);
    assert.equal(describe(decode(decoder, v.bytes)), note, `${v.scenario} ${v.session}`);
  }
  assert.ok(messages('D>C').length > 100);
});

test('sent', () => {
  let seen = 0;
  for (const v of messages('C>D')) {
    if ((v.bytes[0] & 0x80) === 0) continue; // of a big-endian client
    const h = wire.header(v.bytes, 0);
    const groups = Array.from({ length: h.count }, (_, i) => wire.name(v.bytes, 48 + 32 * i));
    const data = v.bytes.subarray(48 + 32 * h.count);
    const sent = wire.message(h.type, v.bytes.subarray(4, 36), groups, wire.hint(v.bytes, 40).type, data);
    assert.deepEqual(sent, v.bytes, v.notes);
    seen++;
  }
  assert.ok(seen > 30);
});

test('hello and choice', () => {
  for (const v of all.filter((x) => x.notes.startsWith('hello') && x.hex.startsWith('050001'))) {
    const flags = v.bytes[3];
    assert.deepEqual(wire.hello(v.bytes.latin1Slice(5), (flags & 1) === 1, (flags & 0x10) !== 0), v.bytes);
  }
  assert.equal(wire.choice(['NULL', 'IP']).toString(), `NULL${'\0'.repeat(26)}IP${'\0'.repeat(58)}`);
});

// Whatever is wrong with a view, there is an error of the library and nothing else.
test('damaged views', () => {
  const v = all.find((x) => x.scenario === 'transition-join' && x.notes.includes('CAUSED_BY_NETWORK'));
  const decoder = decoderFor(v);
  let state = 1;
  const random = (n) => (state = (state * 48271) % 0x7fffffff) % n;
  let refused = 0;
  for (let i = 0; i < 2000; i++) {
    const bytes = Buffer.from(v.bytes);
    for (let n = 1 + random(4); n > 0; n--) bytes[48 + random(bytes.length - 48)] = random(256);
    try {
      assert.equal(decode(decoder, bytes).members.length, bytes.readInt32LE(36));
    } catch (e) {
      assert.equal(e.code, 'ILLEGAL_MESSAGE', e.stack);
      refused++;
    }
  }
  assert.ok(refused > 0);
});

// The declarations name the fields that events have, in the same order.
test('types of events', async () => {
  const types = await readFile(new URL('../lib/index.d.ts', import.meta.url), 'utf8');
  const fields = (name) => {
    const [, parent, body] = new RegExp(`export interface ${name}(?: extends Omit<(\\w+), 'kind'>)? \\{([^}]*)\\}`).exec(types);
    const own = [...body.matchAll(/^ {2}(\w+)\??:/gm)].map((m) => m[1]);
    return parent ? [...new Set([...fields(parent), ...own])] : own;
  };
  const seen = new Set();
  for (const v of messages('D>C')) {
    const event = decode(decoderFor(v), v.bytes);
    const name = event.kind[0].toUpperCase() + event.kind.slice(1);
    assert.deepEqual(Object.keys(event), fields(name));
    seen.add(name);
  }
  assert.deepEqual([...seen].sort(), ['Message', 'Rejected', 'SelfLeave', 'Transition', 'View']);
});

function describe(event) {
  const upper = (s) => s.toUpperCase();
  switch (event.kind) {
    case 'rejected': {
      const kind = event.request === 'multicast' ? upper(event.service) : `CAUSED_BY_${upper(event.request)}`;
      return regular(`${kind}|REJECT`, event, [...event.groups, event.sender]);
    }
    case 'view':
      return (
        `CAUSED_BY_${upper(event.cause)}|REG_MEMB from '${event.group}' mess_type=0 groups=${list(event.members)} ` +
        `gid=${triple(event.id)} sets=[${event.sets.map(list).join(', ')}] mine=${event.ownSetIndex}`
      );
    case 'transition':
      return `TRANSITION from '${event.group}' mess_type=0 groups=[] gid=${triple(event.id)}`;
    case 'selfLeave':
      return `CAUSED_BY_LEAVE from '${event.group}' mess_type=0 groups=[]`;
    default: {
      const more = (event.serviceType & ~0x7f) >>> 0;
      const kind = upper(event.service) + (event.selfDiscard ? '|SELF_DISCARD' : '') + (more ? `|0x${more.toString(16)}` : '');
      return regular(kind, event, event.groups);
    }
  }
}

const regular = (kind, m, groups) => `${kind} from '${m.sender}' mess_type=${m.type} groups=${list(groups)} len=${m.data.length}`;
const triple = (id) => `(${id.join(', ')})`;
const list = (names) => `[${names.map((n) => `'${n}'`).join(', ')}]`;
