// The bytes of the protocol. Nothing here touches a socket.
//
// Names are bytes, and need not be UTF-8. As strings they have one character for each
// byte (latin-1), so that every name survives.
import { endianness } from 'node:os';
import { SpreadError } from './errors.js';

export const services = { unreliable: 0x01, reliable: 0x02, fifo: 0x04, causal: 0x08, agreed: 0x10, safe: 0x20 };
export const causes = { 0x100: 'join', 0x200: 'leave', 0x400: 'disconnect', 0x800: 'network' };
export const types = {
  serviceMask: 0x3f,
  selfDiscard: 0x40,
  causeMask: 0xf00,
  causedByJoin: 0x100,
  causedByLeave: 0x200,
  regularMembership: 0x1000,
  transition: 0x2000,
  membershipMask: 0x3f00,
  join: 0x10000,
  leave: 0x20000,
  kill: 0x40000,
  reject: 0x400000,
};

export const headerSize = 48;
export const nameSize = 32;
export const maxName = 31;
export const maxUser = 10;
export const maxGroups = 100;
export const maxData = 144000;
/** What daemons take: data and 32 bytes for each group. */
export const maxBody = 143952;
/** Bounds what a daemon can make us hold. Only views come near it. */
export const maxReply = 8 << 20;
export const version = [5, 0, 1];
export const authSlot = 30;
export const authSlots = 3;

const marker = 0x80000080;
const ownLittle = endianness() === 'LE';

export function hello(name, membership, priority) {
  const flags = (membership ? 0x01 : 0) | (priority ? 0x10 : 0);
  return Buffer.concat([Buffer.from([...version, flags, name.length]), Buffer.from(name, 'latin1')]);
}

export function choice(methods) {
  const b = Buffer.alloc(authSlot * authSlots);
  methods.forEach((name, i) => b.write(name, i * authSlot, 'latin1'));
  return b;
}

/**
 * A whole message to the daemon, in little-endian order as its marker says.
 * sender: 32 bytes; groups: checked names; data: Buffer, or null for none.
 */
export function message(type, sender, groups, messType, data) {
  const length = data === null ? 0 : data.length;
  const at = headerSize + groups.length * nameSize;
  const b = Buffer.allocUnsafe(at + length);
  b[0] = 0x80 | type;
  b[1] = type >> 8;
  b[2] = type >> 16;
  b[3] = 0x80 | (type >> 24);
  b.set(sender, 4);
  b.writeInt32LE(groups.length, 36);
  b[40] = 0x80;
  b[41] = messType;
  b[42] = messType >> 8;
  b[43] = 0x80;
  b.writeInt32LE(length, 44);
  b.fill(0, headerSize, at);
  for (let i = 0; i < groups.length; i++) b.latin1Write(groups[i], headerSize + i * nameSize, nameSize);
  if (length > 0) b.set(data, at);
  return b;
}

/**
 * The header of a message from the daemon, at an offset of b where 48 bytes are.
 * Throws ILLEGAL_MESSAGE if it cannot be right.
 */
export function header(b, at) {
  const word = b.readUInt32LE(at);
  const marks = (word & marker) >>> 0;
  if (marks !== marker && marks !== 0) {
    throw new SpreadError('ILLEGAL_MESSAGE', 'message from the daemon with a damaged byte order; the connection was given up');
  }
  const little = marks === marker;
  const h = {
    little,
    type: little ? (word & ~marker) >>> 0 : b.readUInt32BE(at),
    count: little ? b.readInt32LE(at + 36) : b.readInt32BE(at + 36),
    length: little ? b.readInt32LE(at + 44) : b.readInt32BE(at + 44),
    size: 0,
  };
  const data = (h.type & types.serviceMask) !== 0;
  h.size = headerSize + (h.type & types.reject ? 4 : 0) + h.count * nameSize + h.length;
  if (h.count < 0 || h.length < 0 || (data && (h.count > maxGroups || h.length > maxData)) || h.size > maxReply) {
    throw new SpreadError(
      'ILLEGAL_MESSAGE',
      `message from the daemon with ${h.count} groups and data length ${h.length}; the connection was given up`,
    );
  }
  return h;
}

/** The application's type, and whether its sender is of the other byte order. */
export function hint(b, at) {
  const little = (b[at] & 0x80) !== 0 && (b[at + 3] & 0x80) !== 0;
  const type = little ? b.readInt16LE(at + 1) : b.readInt16BE(at + 1);
  return { type, endianMismatch: little !== ownLittle };
}

/** The name in the 32 bytes at an offset. */
export function name(b, at) {
  let end = at;
  while (end < at + nameSize && b[end] !== 0) end++;
  return b.latin1Slice(at, end);
}

const legal = /^[$-~]+$/;

export function checkUser(user) {
  if (user === '' || (user.length <= maxUser && legal.test(user))) return;
  throw new SpreadError(
    'REJECT_ILLEGAL_NAME',
    `private name ${JSON.stringify(user)}, must have 1 to ${maxUser} bytes of printable ASCII from $ to ~ (no blanks, quotes, # or !)`,
  );
}

/** What may be joined. */
export function checkGroup(group) {
  if (typeof group === 'string' && group.length <= maxName && legal.test(group)) return;
  throw new SpreadError(
    'ILLEGAL_GROUP',
    `group ${JSON.stringify(group)}, must have 1 to ${maxName} bytes of printable ASCII from $ to ~ (no blanks, quotes, # or !)`,
  );
}

// eslint-disable-next-line no-control-regex
const bytes = /^[\u0001-\u00ff]{1,31}$/;

/** What may be sent to: any bytes, as other clients may have joined such groups. */
export function checkDestinations(groups) {
  if (groups.length < 1 || groups.length > maxGroups) {
    throw new SpreadError('ILLEGAL_GROUP', `${groups.length} groups, must be 1 to ${maxGroups}`);
  }
  for (const group of groups) {
    if (typeof group === 'string' && bytes.test(group)) continue;
    throw new SpreadError(
      'ILLEGAL_GROUP',
      `group ${JSON.stringify(group)}, must have 1 to ${maxName} characters, each of them one byte (\\u0001 to \\u00ff)`,
    );
  }
}
