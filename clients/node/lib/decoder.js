// Turns messages from the daemon into events.
import { causes, headerSize, hint, name, nameSize, services, types } from './wire.js';
import { SpreadError } from './errors.js';

const serviceNames = Object.fromEntries(Object.entries(services).map(([k, v]) => [v, k]));

// Data up to this size is copied, lest a short message that is kept keeps all
// that was read together with it.
const maxCopied = 1024;

// The original makes an empty set in views now and then; there cannot be many.
const maxEmptySets = 128;

export class Decoder {
  #oldViews;
  #own;

  /** oldViews: the layout of 3.x daemons. own: the own private group. */
  constructor(oldViews, own) {
    this.#oldViews = oldViews;
    this.#own = own;
  }

  /** The event of the message with header h that begins at an offset of b. */
  decode(b, at, h) {
    const type = h.type;
    if (type & types.reject) return this.#rejected(b, at, h);
    // Data, whatever else is set: other clients could forge the rest (3.3).
    if (type & types.serviceMask) return this.#message('message', b, at, h, type, at + headerSize);
    if (type & types.regularMembership) return this.#view(b, at, h);
    if (type & types.transition) {
      return { kind: 'transition', group: name(b, at + 4), id: viewId(b, at + headerSize + h.count * nameSize, at + h.size, h) };
    }
    if ((type & types.membershipMask) === types.causedByLeave) return { kind: 'selfLeave', group: name(b, at + 4) };
    return this.#message('message', b, at, h, type, at + headerSize);
  }

  #message(kind, b, at, h, serviceType, first) {
    const { type, endianMismatch } = hint(b, at + 40);
    const data = b.subarray(first + h.count * nameSize, at + h.size);
    return {
      kind,
      sender: name(b, at + 4),
      groups: names(b, first, h.count),
      service: service(serviceType),
      type,
      data: data.length <= maxCopied ? Buffer.from(data) : data,
      selfDiscard: (serviceType & types.selfDiscard) !== 0,
      endianMismatch,
      serviceType,
    };
  }

  #rejected(b, at, h) {
    const old = h.little ? (b.readUInt32LE(at + headerSize) & 0x7fffff7f) >>> 0 : b.readUInt32BE(at + headerSize);
    const m = this.#message('rejected', b, at, h, old, at + headerSize + 4);
    m.request = 'multicast';
    if (m.service === undefined) {
      if (old & types.causedByJoin) m.request = 'join';
      else if (old & types.causedByLeave) m.request = 'leave';
    }
    // The daemon adds the private group of this client to the names.
    if (m.groups.at(-1) === this.#own) m.groups.pop();
    return m;
  }

  #view(b, at, h) {
    const cause = causes[h.type & types.causeMask];
    if (cause === undefined) throw damaged(`causes 0x${(h.type & types.causeMask).toString(16)}, must be exactly one`);
    const end = at + h.size;
    const members = names(b, at + headerSize, h.count);
    const body = at + headerSize + h.count * nameSize;
    const id = viewId(b, body, end, h);
    const { sets, ownSetIndex } = this.#oldViews
      ? { sets: [this.#set(b, body + 12, end, h)], ownSetIndex: 0 }
      : this.#sets(b, body, end, h);
    return {
      kind: 'view',
      group: name(b, at + 4),
      id,
      cause,
      members,
      index: members.indexOf(this.#own),
      changed: cause === 'network' ? undefined : sets[0]?.[0],
      sets,
      ownSetIndex,
    };
  }

  #sets(b, body, end, h) {
    if (end - body < 20) throw damaged(`${end - body} bytes`);
    const count = word(b, body + 12, h);
    const offset = word(b, body + 16, h);
    if (count > Math.min((end - body - 20) / 4, h.count + maxEmptySets)) throw damaged(`${count} sets in ${end - body} bytes`);
    const sets = [];
    let ownSetIndex = -1;
    let at = body + 20;
    for (let i = 0; i < count; i++) {
      if (at - body - 20 === offset) ownSetIndex = i;
      const set = this.#set(b, at, end, h);
      sets.push(set);
      at += 4 + set.length * nameSize;
    }
    if (ownSetIndex < 0) throw damaged(`no set begins at offset ${offset}`);
    return { sets, ownSetIndex };
  }

  #set(b, at, end, h) {
    const count = at + 4 <= end ? word(b, at, h) : Infinity;
    if (at + 4 + count * nameSize > end) throw damaged('a set is cut off');
    return names(b, at + 4, count);
  }
}

function names(b, at, count) {
  const list = new Array(count);
  for (let i = 0; i < count; i++) list[i] = name(b, at + i * nameSize);
  return list;
}

/** One service bit; of several, which no daemon lets pass, the strongest. */
function service(type) {
  return serviceNames[1 << (31 - Math.clz32(type & types.serviceMask))];
}

const word = (b, at, h) => (h.little ? b.readUInt32LE(at) : b.readUInt32BE(at));

function viewId(b, at, end, h) {
  if (at + 12 > end) throw damaged(`${end - at} bytes, a group id has 12`);
  const int = (i) => (h.little ? b.readInt32LE(at + i) : b.readInt32BE(at + i));
  return [int(0), int(4), int(8)];
}

const damaged = (why) => new SpreadError('ILLEGAL_MESSAGE', `membership message with a damaged body: ${why}; the connection was given up`);
