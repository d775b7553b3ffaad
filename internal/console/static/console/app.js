// The page: takes what the stream brings, and shows it.

import { attention } from './attention.js';
import { $, el, put, set } from './dom.js';
import { byteRate, bytes, clock, count, exact, iso, moment, plural, rate, seconds, span, visible } from './format.js';
import { History } from './history.js';
import { Cursor, Plot } from './plot.js';
import { Ring } from './ring.js';
import { Stream } from './stream.js';
import {
  closedRows, closedTable, counterRows, daemonRows, daemonTable, groupTable, sessionRows, sessionTable, viewRows, viewTable,
} from './tables.js';

const schema = 1; // of the document that this page knows
const history = new History();
let summary, report;
let paused = false;
let dirty = { summary: false, report: false };

const ring = new Ring($('ring-picture'));
const tables = {
  daemons: daemonTable($('daemons-table')),
  sessions: sessionTable($('sessions-table')),
  groups: groupTable($('groups-table')),
  views: viewTable($('views-table')),
  closed: closedTable($('closed-table')),
};

const cursor = new Cursor();
const plots = [
  { title: 'Messages', unit: 'per second', lines: [{ field: 'messagesIn', label: 'in' }, { field: 'messagesOut', label: 'out' }], format: rate, axis: count, least: 3 },
  { title: 'Bytes', unit: 'per second', lines: [{ field: 'bytesIn', label: 'in' }, { field: 'bytesOut', label: 'out' }], format: byteRate, axis: bytes, least: 300 },
  { title: 'Delivery', unit: 'time from order to delivery', lines: [{ field: 'delivery50', label: 'median' }, { field: 'delivery99', label: '99 %' }], format: seconds, axis: seconds, least: 30e-6 },
  { title: 'Token rotation', unit: 'time of a round', lines: [{ field: 'rotation50', label: 'median' }, { field: 'rotation99', label: '99 %' }], format: seconds, axis: seconds, least: 30e-6 },
  { title: 'Retransmissions', unit: 'per second', lines: [{ field: 'requests', label: 'asked for' }, { field: 'retransmissions', label: 'sent' }], format: rate, axis: count, least: 3 },
  { title: 'Waiting', unit: 'bytes', lines: [{ field: 'backlog', label: 'to be ordered' }, { field: 'queuedBytes', label: 'for clients' }], format: bytes, axis: bytes, least: 300 },
].map((spec) => new Plot($('plots'), spec, cursor));

// say has a screen reader tell of a change of state, when it is free to.
function say(text) {
  $('said').append(el('p', {}, text));
  while ($('said').childElementCount > 5) $('said').firstChild.remove();
}

// figures are the numbers at the top.
function figures(s) {
  const { membership: m, clients: c } = s;
  const p = history.latest ?? {};
  const now = moment(s.time);
  return [
    ['Members', `${(m.members ?? []).length} of ${s.daemons.length}`, `${plural(m.segments, 'segment')}`],
    ['State', m.state, `classic state ${m.code}, groups ${m.group_state} (${m.group_code})`],
    ['Leader', visible(m.leader || '–'), m.id ? `view ${visible(m.id)}` : ''],
    ['View since', Number.isFinite(moment(m.since)) ? span(Math.round((now - moment(m.since)) / 1000)) : '–', `${iso(moment(m.since))}, ${exact(m.changes)} installed since start`],
    ['Clients', count(c.sessions), `${exact(c.sessions)} of at most ${exact(c.max_sessions)}`],
    ['Groups', count(c.groups), exact(c.groups)],
    ['Messages in', rate(p.messagesIn), `${exact(c.messages_in)} since start`],
    ['Messages out', rate(p.messagesOut), `${exact(c.messages_out)} since start`],
    ['Delivery, 99 %', seconds(p.delivery99), Number.isFinite(p.delivery99) ? `${p.delivery99} s, over the last second` : 'nothing was delivered in the last second'],
    ['Waiting', bytes(c.queued_bytes), `${exact(c.queued_bytes)} bytes in ${plural(c.queued_messages, 'message')}`],
  ];
}

const figureNodes = new Map();

function showFigures(s) {
  for (const [label, text, title] of figures(s)) {
    let node = figureNodes.get(label);
    if (!node) {
      node = el('dd');
      figureNodes.set(label, node);
      $('figures').append(el('div', {}, el('dt', {}, label), node));
    }
    put(node, text, title);
  }
}

function showIdentity(s) {
  const d = s.daemon;
  put($('who'), visible(d.name));
  put($('seen-by'), visible(d.name));
  const more = [visible(d.address), `version ${visible(d.version)}`, `up ${span(Math.round(d.uptime_seconds))}`, d.sealed ? 'encrypted between daemons' : 'not encrypted between daemons'];
  put($('identity'), more.join(' · '), `id ${d.id}, started ${iso(moment(d.started))}, configuration ${visible(d.config_file || 'built in')} (hash ${d.config_hash})`);
  const title = `${visible(d.name)}: ${(s.membership.members ?? []).length} of ${s.daemons.length}, ${s.membership.state}`;
  if (document.title !== title) document.title = title;
}

function showAttention(s) {
  const lines = attention(s, report);
  $('attention').hidden = lines.length === 0;
  const list = $('attention-list');
  const signature = JSON.stringify(lines);
  if (list.signature === signature) return;
  list.signature = signature;
  list.replaceChildren(...lines.map((l) => el('li', { class: l.kind }, l.text)));
}

const counterNodes = new Map();

function showCounters(s) {
  for (const r of counterRows(s)) {
    const id = `${r.part} ${r.label}`;
    let node = counterNodes.get(id);
    if (!node) {
      node = el('td', { class: 'number' });
      counterNodes.set(id, node);
      part(r.part).append(el('tr', {}, el('th', { scope: 'row' }, visible(r.label)), node));
    }
    put(node, r.text, r.exact);
  }
}

const parts = new Map();

function part(label) {
  if (!parts.has(label)) {
    const body = el('tbody');
    parts.set(label, body);
    $('counters-tables').append(el('table', {}, el('caption', {}, label), el('thead', { class: 'hidden' }, el('tr', {}, el('th', { scope: 'col' }, 'Counter'), el('th', { scope: 'col' }, 'Value'))), body));
  }
  return parts.get(label);
}

function showCounts(r) {
  put($('sessions-count'), count((r.sessions ?? []).length), exact((r.sessions ?? []).length));
  put($('groups-count'), count((r.groups ?? []).length), exact((r.groups ?? []).length));
}

// render shows what has come since the last time. It runs once a frame at most.
function render() {
  wanted = false;
  if (paused || document.hidden) return;
  if (dirty.summary) {
    showIdentity(summary);
    showFigures(summary);
    showAttention(summary);
    ring.update(summary);
    tables.daemons.update(daemonRows(summary));
    if ($('counters').open) showCounters(summary);
    const marks = (report?.views ?? []).map((v) => moment(v.at)).concat(history.restarts);
    for (const p of plots) p.update(history.points, moment(summary.time), marks);
  }
  if (report) tables.sessions.update(sessionRows(report, summary));
  if (dirty.report) {
    showCounts(report);
    tables.groups.update(report.groups ?? []);
    tables.views.update(viewRows(report));
    tables.closed.update(closedRows(report));
  }
  dirty = { summary: false, report: false };
  document.body.dataset.ready = report ? 'all' : 'summary';
}

let wanted = false;

function soon() {
  if (wanted) return;
  wanted = true;
  requestAnimationFrame(render);
}

// known tells whether this page understands a document.
function known(document) {
  if (document.schema === schema) return true;
  $('replaced').hidden = false;
  return false;
}

// take makes a document the present one, and says aloud what has changed in it.
function take(next) {
  const before = summary;
  if (before && before.daemon.version !== next.daemon.version) $('replaced').hidden = false;
  if (before && moment(next.time) < moment(before.time) && next.daemon.started === before.daemon.started) return;
  summary = next;
  dirty.summary = true;
  soon();
  if (before && before.daemon.started !== next.daemon.started) say(`The daemon ${visible(next.daemon.name)} was restarted.`);
  if (!before || before.membership.id === next.membership.id) return;
  const was = before.membership.members ?? [], is = next.membership.members ?? [];
  const came = is.filter((x) => !was.includes(x)), went = was.filter((x) => !is.includes(x));
  say(`New view: ${is.length} of ${next.daemons.length} daemons.` +
    (came.length ? ` Joined: ${came.slice(0, 5).map(visible).join(', ')}.` : '') + (went.length ? ` Left: ${went.slice(0, 5).map(visible).join(', ')}.` : ''));
}

const stream = new Stream('events', {
  summary(s) {
    if (!known(s)) return;
    history.add(s);
    take(s);
  },
  report(r) {
    if (!known(r)) return;
    report = r;
    dirty.report = true;
    take(r);
  },
  state: connection,
});

let told = '';

// connection shows whether what is on the page is what is so now.
function connection(state = stream.state) {
  const now = performance.now();
  const age = Number.isFinite(stream?.heard) ? (now - stream.heard) / 1000 : NaN;
  const wait = Math.max(0, Math.ceil((stream?.retryAt - now) / 1000));
  const fresh = state === 'live';
  const again = state === 'waiting' ? `next try in ${wait} s` : state === 'connecting' ? 'trying now' : 'connected, but nothing comes';
  const words = fresh ? 'Live' : Number.isFinite(age) || state === 'waiting' ? 'Not live' : 'Connecting';
  put($('state'), paused ? 'Paused' : words);
  set($('connection'), 'class', paused ? 'paused' : fresh ? 'live' : 'stale');
  put($('age'), Number.isFinite(age) ? `data ${age < 2 ? 'of now' : `${span(Math.floor(age))} old`}` : '');
  set(document.body, 'class', !fresh && summary ? 'is-stale' : '');
  $('stale').hidden = fresh || (!summary && state === 'connecting');
  if (!fresh) {
    const old = summary ? `What is shown is ${span(Math.floor(age))} old, of ${clock(moment(summary.time), Date.now())}: ` : '';
    put($('stale-text'), `${summary ? 'The connection to the daemon is lost.' : 'The daemon does not answer.'} ${old}${again}.`);
  }
  // A connection that comes and goes while it is tried again is not a change.
  const tell = fresh ? 'Connected: the page is live.' : state === 'waiting' || state === 'silent' ? 'Not connected: the page shows old data.' : told;
  if (tell !== told) say(tell);
  told = tell;
}

setInterval(() => connection(), 500);
$('retry').addEventListener('click', () => stream.retry());
$('reload').addEventListener('click', () => location.reload());
$('pause').addEventListener('click', () => {
  paused = !paused;
  set($('pause'), 'aria-pressed', String(paused));
  connection();
  soon();
});
$('counters').addEventListener('toggle', () => summary && showCounters(summary));
document.addEventListener('visibilitychange', soon);
