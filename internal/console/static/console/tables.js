// The tables of the page: what a row of each is, and how it reads.

import { el, name, put, set } from './dom.js';
import { bytes, clock, count, exact, iso, moment, plural, seconds, span, visible } from './format.js';
import { roundTrip, standing } from './ring.js';
import { Table } from './table.js';

const list = (x) => x ?? [];
const yes = (b) => b ? 'yes' : 'no';
const ago = (age) => age < 0 ? 'never' : age < 1 ? 'now' : `${span(age)} ago`;

// badges draws words that stand out, if they are not the same already.
function badges(cell, words) {
  const signature = words.map((w) => w.join()).join();
  if (cell.badges === signature) return;
  cell.badges = signature;
  cell.replaceChildren(...words.flatMap(([kind, text], i) => [i ? ' ' : '', el('span', { class: `badge ${kind}` }, text)]));
}

const when = (at, now) => ({ text: clock(moment(at), now), title: iso(moment(at)) });

// daemonRows joins each daemon of the configuration with how it stands.
export const daemonRows = ({ daemons, membership, daemon }) => list(daemons).map((p, i) =>
  ({ ...p, place: i, self: p.name === daemon.name, standing: standing(p, membership, daemon.name) }));

export const daemonTable = (host) => new Table(host, {
  label: 'Daemons of the configuration', one: 'daemon', many: 'daemons', empty: 'No daemons.',
  key: (r) => r.name, sort: { column: 3 }, page: 200,
  columns: [
    { label: 'Daemon', name: true, text: (r) => r.name, value: (r) => r.name },
    { label: 'Standing', value: (r) => (r.member ? '0' : '1') + r.standing, draw: (td, r) => {
      set(td, 'class', r.mismatch ? 'bad' : r.member ? '' : 'absent');
      put(td, r.standing);
    } },
    { label: 'Round trip', number: true, value: (r) => r.round_trip_seconds ?? 0, text: (r) => r.self ? '' : roundTrip(r),
      title: (r) => r.round_trip_seconds ? `${r.round_trip_seconds} s` : '' },
    { label: 'Segment', number: true, kind: 'mid', value: (r) => r.segment * 1000 + r.place, text: (r) => String(r.segment) },
    { label: 'Last heard', number: true, kind: 'mid', value: (r) => r.heard_seconds_ago < 0 ? Infinity : r.heard_seconds_ago,
      text: (r) => r.self ? '' : ago(r.heard_seconds_ago), title: (r) => r.self || r.heard_seconds_ago < 0 ? '' : `${r.heard_seconds_ago} s ago` },
  ],
  detail: (r) => [
    ['Address', { name: r.address }], ['Segment', String(r.segment)], ['Id', String(r.id)],
    r.self ? null : ['Last heard', r.heard_seconds_ago < 0 ? 'never' : r.heard_seconds_ago < 5 ? 'within 5 seconds' : ago(r.heard_seconds_ago)],
    ['Configuration', r.mismatch ? 'another one than that of this daemon' : 'no difference known'],
  ],
});

// queue draws how much waits for a client, beside the size at which it is cut off; if
// that is not known, beside the longest queue.
function queue(td, r) {
  if (!td.meter) {
    td.meter = el('span', { class: 'bar', 'aria-hidden': 'true' }, el('i'));
    td.label = el('span');
    td.replaceChildren(td.meter, td.label);
  }
  const share = Math.min(1, r.scale > 0 ? r.queued_bytes / r.scale : 0);
  td.meter.firstChild.style.width = `${r.queued_bytes > 0 ? Math.max(2, share * 100) : 0}%`;
  set(td.meter, 'class', `bar ${r.limit && share > 0.5 || r.stalled_seconds > 1 ? 'full' : ''}`);
  put(td.label, r.queued_bytes ? bytes(r.queued_bytes) : '0');
  const limit = r.limit ? `; cut off beyond ${bytes(r.limit)}` : '';
  if (td.title !== td.wanted || td.of !== r.queued_bytes) {
    td.of = r.queued_bytes;
    td.wanted = td.title = `${exact(r.queued_bytes)} bytes in ${plural(r.queued_messages, 'message')}${limit}`;
  }
}

// sessionRows gives each client its place in the scale of the bars. Summaries come
// more often than reports, so what they know of the slowest is newer.
export function sessionRows(report, summary) {
  const newer = new Map(list(summary.clients.slowest).map((c) => [c.name, c]));
  const rows = list(report.sessions).map((r) => newer.get(r.name) ?? r);
  const limit = summary.clients.max_queued_bytes ?? 0;
  const longest = rows.reduce((m, r) => Math.max(m, r.queued_bytes), 0);
  const now = moment(report.time);
  return rows.map((r) => ({ ...r, limit, scale: limit || longest, age: (now - moment(r.since)) / 1000, stalled_seconds: r.stalled_seconds ?? 0 }));
}

export const sessionTable = (host) => new Table(host, {
  label: 'Clients of this daemon', one: 'client', many: 'clients', empty: 'No clients are connected to this daemon.',
  key: (r) => r.name, sort: { column: 1, down: true },
  find: (r) => `${visible(r.name)} ${r.remote} ${list(r.groups).map(visible).join(' ')}`,
  columns: [
    { label: 'Client', name: true, text: (r) => r.name, value: (r) => r.name },
    // Of those with equal queues the one that takes nothing is the slower one.
    { label: 'Waiting', kind: 'whole', value: (r) => r.queued_bytes + Math.min(0.9, r.stalled_seconds / 1e6), first: 'descending', draw: queue },
    { label: 'Takes nothing for', number: true, kind: 'mid', first: 'descending', value: (r) => r.stalled_seconds,
      text: (r) => r.stalled_seconds ? span(r.stalled_seconds) : '', title: (r) => r.stalled_seconds ? `${r.stalled_seconds} s` : '' },
    { label: 'In', number: true, kind: 'mid', first: 'descending', value: (r) => r.messages_in, text: (r) => count(r.messages_in),
      title: (r) => `${exact(r.messages_in)} messages came from it` },
    { label: 'Out', number: true, kind: 'mid', first: 'descending', value: (r) => r.messages_out, text: (r) => count(r.messages_out),
      title: (r) => `${exact(r.messages_out)} messages went into its queue` },
    { label: 'Connected', number: true, kind: 'wide', first: 'descending', value: (r) => r.age, text: (r) => span(Math.round(r.age)), title: (r) => iso(moment(r.since)) },
    { label: 'Notes', value: (r) => (r.held ? 2 : 0) + (r.stalled_seconds > 1 ? 1 : 0), first: 'descending', draw: (td, r) => badges(td, [
      ...(r.stalled_seconds > 1 ? [['bad', 'slow']] : []), ...(r.held ? [['warn', 'held']] : [])]) },
  ],
  detail: (r) => [
    ['From', { name: r.remote }], ['Library', { name: r.library }], ['Membership messages', yes(r.views)], ['Connected since', iso(moment(r.since))],
    ['Messages in, out', `${exact(r.messages_in)}, ${exact(r.messages_out)}`],
    ['Waiting', `${exact(r.queued_bytes)} bytes in ${plural(r.queued_messages, 'message')}` + (r.stalled_seconds ? `; has taken nothing for ${span(r.stalled_seconds)}` : '')],
    r.held ? ['Held', 'its messages wait, because a receiver of them is slow'] : null,
    ['Groups', list(r.groups)],
  ],
});

export const groupTable = (host) => new Table(host, {
  label: 'Groups', one: 'group', many: 'groups', empty: 'No group has members.',
  key: (r) => r.name, sort: { column: 1, down: true },
  find: (r) => `${visible(r.name)} ${list(r.names).map(visible).join(' ')}`,
  columns: [
    { label: 'Group', name: true, text: (r) => r.name, value: (r) => r.name },
    { label: 'Members', number: true, first: 'descending', value: (r) => r.members, text: (r) => count(r.members), title: (r) => exact(r.members) },
    { label: 'Local', number: true, first: 'descending', value: (r) => r.local, text: (r) => count(r.local), title: (r) => `${exact(r.local)} of them are clients of this daemon` },
    { label: 'View', kind: 'wide', name: true, text: (r) => r.view, value: (r) => r.view },
  ],
  detail: (r) => [
    ['View', { name: r.view }],
    [list(r.names).length < r.members ? `Members (${exact(list(r.names).length)} of ${exact(r.members)} are told)` : 'Members', list(r.names)],
  ],
});

// change says who came and who went.
function change(td, r) {
  const signature = JSON.stringify([r.joined, r.left]);
  if (td.change === signature) return;
  td.change = signature;
  const some = (sign, kind, word, names) => names.length === 0 ? [] : [
    el('span', { class: `sign ${kind}`, 'aria-hidden': 'true' }, sign), el('span', { class: 'hidden' }, `${word} `),
    ...names.slice(0, 4).flatMap((n, i) => [i ? ', ' : '', name(n)]), names.length > 4 ? ` and ${names.length - 4} more ` : ' ',
  ];
  td.replaceChildren(...some('+', 'came', 'joined', list(r.joined)), ...some('−', 'went', 'left', list(r.left)));
}

export const viewRows = (report) => list(report.views).map((v, i) => ({ ...v, now: moment(report.time), place: i, present: i === 0 && v.id === report.membership.id }));

export const viewTable = (host) => new Table(host, {
  label: 'Views, the latest first', one: 'view', many: 'views', empty: 'No view has been installed yet.',
  key: (r) => `${r.id} ${r.at}`, sort: { column: 0, down: true },
  columns: [
    { label: 'Since', kind: 'whole', value: (r) => moment(r.at) - r.place / 1000, first: 'descending', text: (r) => when(r.at, r.now).text, title: (r) => when(r.at, r.now).title },
    { label: 'Members', number: true, first: 'descending', value: (r) => list(r.members).length, text: (r) => String(list(r.members).length) },
    { label: 'Change', draw: change },
    { label: 'Cause', value: (r) => r.cause, name: true, kind: 'mid', text: (r) => r.cause },
  ],
  detail: (r) => [
    ['Cause', { name: r.cause }], ['View', { name: r.id }], ['Installed', iso(moment(r.at))], ['Joined', list(r.joined)], ['Left', list(r.left)], ['Members', list(r.members)],
  ],
});

export const closedRows = (report) => list(report.closed).map((c, i) => ({ ...c, now: moment(report.time), place: i }));

export const closedTable = (host) => new Table(host, {
  label: 'Clients that were disconnected or refused, the latest first', one: 'connection', many: 'connections',
  empty: 'No connection has ended yet.',
  key: (r) => `${r.at} ${r.name ?? ''} ${r.remote}`, sort: { column: 0, down: true },
  find: (r) => `${visible(r.name ?? '')} ${r.remote} ${visible(r.reason)} ${visible(r.detail ?? '')}`,
  columns: [
    { label: 'Ended', kind: 'whole', value: (r) => moment(r.at) - r.place / 1000, first: 'descending', text: (r) => when(r.at, r.now).text, title: (r) => when(r.at, r.now).title },
    { label: 'Client', name: true, value: (r) => r.name || r.remote, text: (r) => r.name || r.remote },
    { label: 'Reason', value: (r) => r.reason, draw: (td, r) => {
      const signature = JSON.stringify([r.reason, r.cut, r.refused]);
      if (td.reason === signature) return;
      td.reason = signature;
      td.replaceChildren(name(r.reason), ...(r.cut ? [' ', el('span', { class: 'badge bad' }, 'cut off')] : []), ...(r.refused ? [' ', el('span', { class: 'badge warn' }, 'refused')] : []));
    } },
    { label: 'Lived', number: true, kind: 'mid', first: 'descending', value: (r) => r.lived_seconds, text: (r) => span(r.lived_seconds), title: (r) => `${r.lived_seconds} s` },
    { label: 'Left waiting', number: true, kind: 'wide', first: 'descending', value: (r) => r.queued_bytes, text: (r) => r.queued_bytes ? bytes(r.queued_bytes) : '',
      title: (r) => `${exact(r.queued_bytes)} bytes in ${plural(r.queued_messages, 'message')}` },
  ],
  detail: (r) => [
    ['Reason', { name: r.reason }], r.detail ? ['Detail', { name: r.detail }] : null, ['From', { name: r.remote }], ['Ended', iso(moment(r.at))], ['Lived', span(r.lived_seconds)],
    ['Messages in', exact(r.messages_in)], ['Left waiting', `${exact(r.queued_bytes)} bytes in ${plural(r.queued_messages, 'message')}`],
  ],
});

// counterRows are the numbers that have no place of their own on the page.
export function counterRows(s) {
  const rows = [];
  const add = (part, label, value, text = count(value), unit = '') => rows.push({ part, label, value, text, exact: `${exact(value)}${unit}` });
  const total = (part, label, value) => add(part, label, value ?? 0);
  const map = (part, label, values) => Object.entries(values ?? {}).sort(([a], [b]) => compareText(a, b)).forEach(([why, n]) => total(part, `${label}: ${why}`, n));
  const r = s.ring, n = s.network, p = s.process, c = s.clients;
  total('Clients', 'Opened', c.opened);
  map('Clients', 'Ended', c.ended);
  total('Clients', 'Messages in', c.messages_in);
  total('Clients', 'Messages out', c.messages_out);
  add('Clients', 'Bytes in', c.bytes_in, bytes(c.bytes_in), ' bytes');
  add('Clients', 'Bytes out', c.bytes_out, bytes(c.bytes_out), ' bytes');
  total('Clients', 'Senders held back', c.held);
  total('Order', 'Packets sent', r.packets_sent);
  total('Order', 'Packets received', r.packets_received);
  total('Order', 'Duplicates', r.duplicates);
  total('Order', 'Retransmissions sent', r.retransmissions);
  total('Order', 'Retransmissions asked for', r.retransmission_requests);
  total('Order', 'Messages delivered', r.delivered_messages);
  map('Order', 'Delivered', r.delivered_by_service);
  total('Order', 'Tokens received', r.tokens);
  total('Order', 'Token woken', r.token_wakes);
  total('Order', 'Complete here up to (aru)', r.aru);
  total('Order', 'Complete everywhere up to (stable)', r.stable);
  total('Order', 'Highest number heard of', r.high);
  total('Order', 'Window', r.window);
  total('Order', 'Personal window', r.personal_window);
  total('Order', 'Accelerated window', r.accelerated_window);
  total('Order', 'Memberships: gathers', r.gathers);
  total('Order', 'Memberships: attempts', r.attempts);
  total('Order', 'Memberships: installed', r.installed);
  for (const [label, h] of [['Token rotation', r.token_rotation], ['Wait for the token', r.token_wait], ['Delivery', r.delivery]]) {
    if (!h) continue;
    for (const [which, v] of [['median', h.p50_seconds], ['99 %', h.p99_seconds], ['longest', h.max_seconds]]) {
      add('Order', `${label}, ${which} since start`, v, h.count ? seconds(v) : '–', ' s');
    }
  }
  map('Network', 'Rejected', r.rejected);
  total('Network', 'Datagrams in', n.datagrams_in);
  total('Network', 'Datagrams out', n.datagrams_out);
  add('Network', 'Bytes in', n.bytes_in, bytes(n.bytes_in), ' bytes');
  add('Network', 'Bytes out', n.bytes_out, bytes(n.bytes_out), ' bytes');
  map('Network', 'Dropped', n.dropped);
  add('Network', 'Largest datagram', n.datagram_bytes, bytes(n.datagram_bytes), ' bytes');
  add('Process', 'Process id', p.pid, String(p.pid));
  add('Process', 'Processor time', p.cpu_seconds, p.cpu_seconds ? span(p.cpu_seconds) : '–', ' s');
  add('Process', 'Resident memory', p.resident_bytes, bytes(p.resident_bytes), ' bytes');
  add('Process', 'Heap', p.heap_bytes, bytes(p.heap_bytes), ' bytes');
  total('Process', 'Goroutines', p.goroutines);
  if (p.open_files) add('Process', 'Open files', p.open_files, `${exact(p.open_files)} of ${count(p.max_files)}`);
  return rows;
}

const compareText = (a, b) => a < b ? -1 : a > b ? 1 : 0;
