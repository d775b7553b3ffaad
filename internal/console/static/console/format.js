// Numbers, times and names as people read them. Everything here is a function of
// its arguments.

const none = '–';
const thin = '\u202f'; // narrow no-break space, between number and unit

// digits writes a number with about three digits that count.
function digits(x) {
  const a = Math.abs(x);
  if (a >= 99.95 || Number.isInteger(x)) return String(Math.round(x));
  return a >= 9.995 ? x.toFixed(1) : a >= 0.9995 ? x.toFixed(2).replace(/\.?0+$/, '') : String(Number(x.toPrecision(2)));
}

function scaled(x, units) {
  if (!Number.isFinite(x)) return none;
  let i = 0;
  while (Math.abs(x) >= 999.5 && i < units.length - 1) {
    x /= 1000;
    i++;
  }
  const unit = units[i];
  return digits(x) + (unit ? thin + unit : '');
}

export const count = (x) => Math.abs(x) < 10000 && Number.isInteger(x) ? exact(x) : scaled(x, ['', 'k', 'M', 'G', 'T', 'P', 'E']);
export const bytes = (x) => scaled(x, ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB']);

// rate writes what happens in a second; axes say "per second" once instead.
export const rate = (x) => !Number.isFinite(x) ? none : scaled(x < 0.05 ? 0 : x, ['', 'k', 'M', 'G']) + '/s';
export const byteRate = (x) => !Number.isFinite(x) ? none : bytes(x < 0.5 ? 0 : x) + '/s';

// seconds writes a measured time: 212 µs, 3.4 ms, 1.2 s.
export function seconds(x) {
  if (!Number.isFinite(x)) return none;
  if (x === 0) return '0' + thin + 's';
  if (Math.abs(x) >= 0.9995) return digits(x) + thin + 's';
  if (Math.abs(x) >= 0.0009995) return digits(x * 1e3) + thin + 'ms';
  return digits(x * 1e6) + thin + 'µs';
}

// span writes how long something has lasted: 4 s, 3 min 20 s, 5 h 12 min, 9 d 4 h.
export function span(x) {
  if (!Number.isFinite(x)) return none;
  x = Math.max(0, x);
  if (x < 9.95) return (x < 0.05 ? '0' : x.toFixed(1)) + thin + 's';
  const s = Math.round(x);
  const steps = [[86400, 'd', 3600, 'h'], [3600, 'h', 60, 'min'], [60, 'min', 1, 's']];
  for (const [big, bigUnit, small, smallUnit] of steps) {
    if (s < big) continue;
    const rest = Math.floor((s % big) / small);
    return Math.floor(s / big) + thin + bigUnit + (rest ? ' ' + rest + thin + smallUnit : '');
  }
  return s + thin + 's';
}

// exact writes every digit, in groups of three.
export function exact(x) {
  if (!Number.isFinite(x)) return none;
  const [whole, part] = String(x).split('.');
  if (whole.includes('e')) return String(x);
  return whole.replace(/\B(?=(\d{3})+$)/g, thin) + (part ? '.' + part : '');
}

const two = (n) => String(n).padStart(2, '0');

// clock writes the time of day in the zone of the reader, with the day if it is not
// the day of now. Both are in milliseconds.
export function clock(t, now) {
  if (!Number.isFinite(t)) return none;
  const d = new Date(t);
  const day = `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
  const time = `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
  return new Date(now).toDateString() === d.toDateString() ? time : `${day} ${time}`;
}

// moment parses a time of the document; NaN if there is none.
export function moment(s) {
  const t = Date.parse(s ?? '');
  return t > 0 ? t : NaN;
}

export const iso = (t) => Number.isFinite(t) ? new Date(t).toISOString() : '';

export const plural = (n, one, many = one + 's') => `${exact(n)} ${n === 1 ? one : many}`;

// Characters that cannot be seen, or that change how others are seen: controls,
// formatting and direction marks, unassigned and private ones, line ends, fillers and
// spaces other than the plain one.
const hidden = /[\p{C}\p{Zl}\p{Zp}\u00a0\u034f\u115f\u1160\u1680\u17b4\u17b5\u2000-\u200a\u202f\u205f\u2800\u3000\u3164\uffa0\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/gu;

function escaped(c) {
  const n = c.codePointAt(0);
  const hex = n.toString(16);
  return n < 0x100 ? '\\x' + hex.padStart(2, '0') : n < 0x10000 ? '\\u' + hex.padStart(4, '0') : '\\u{' + hex + '}';
}

// parts cuts a text from the network into what can be shown as it is and what is
// shown escaped.
export function parts(s) {
  s = String(s ?? '');
  const out = [];
  let at = 0;
  for (const m of s.matchAll(hidden)) {
    if (m.index > at) out.push({ text: s.slice(at, m.index), escape: false });
    const text = escaped(m[0]);
    const last = out.at(-1);
    if (last?.escape) last.text += text;
    else out.push({ text, escape: true });
    at = m.index + m[0].length;
  }
  if (at < s.length) out.push({ text: s.slice(at), escape: false });
  return out;
}

// visible is a text from the network for where only plain text can go. Direction is
// kept to the text itself.
export function visible(s) {
  const text = parts(s).map((p) => p.text).join('');
  return /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/.test(text) ? '\u2068' + text + '\u2069' : text;
}

// cut shortens a text to so many characters.
export function cut(s, most) {
  const all = [...s];
  return all.length <= most ? s : all.slice(0, Math.max(1, most - 1)).join('') + '…';
}
