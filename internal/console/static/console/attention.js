// What an operator should look at, in sentences. Nothing here is guessed: each line
// says what the document says.

import { bytes, plural, span, visible } from './format.js';
import { heardLately } from './ring.js';

const most = 6;

function names(list) {
  const shown = list.slice(0, most).map(visible).join(', ');
  return list.length > most ? `${shown} and ${list.length - most} more` : shown;
}

// attention returns {kind, text} pairs: bad, warn or note.
export function attention(s, report) {
  const out = [];
  const add = (kind, text) => out.push({ kind, text });
  const { membership: m, daemon, daemons, clients } = s;
  if (m.state === 'departed') add('bad', 'This daemon has left the ring.');
  else if (m.state !== 'operational') add('warn', `The ring is changing: this daemon is ${m.state}.`);
  if (m.partition) add('bad', `A monitor has put this daemon into part ${m.partition}: it hears only daemons that were put into the same part.`);
  const odd = daemons.filter((p) => p.mismatch).map((p) => p.name);
  if (odd.length) add('bad', `${plural(odd.length, 'daemon has', 'daemons have')} another configuration than this one: ${names(odd)}.`);
  const heard = daemons.filter((p) => heardLately(p) && !p.mismatch).map((p) => p.name);
  if (heard.length) add('warn', `${plural(heard.length, 'daemon is', 'daemons are')} heard and not in this view: ${names(heard)}.`);
  const gone = daemons.filter((p) => !p.member && !heardLately(p) && !p.mismatch).map((p) => p.name);
  if (gone.length) add('warn', `${plural(gone.length, 'daemon of the configuration is', 'daemons of the configuration are')} absent: ${names(gone)}.`);
  const slow = (clients.slowest ?? []).filter((c) => c.stalled_seconds > 1);
  for (const c of slow.slice(0, 3)) {
    const limit = clients.max_stalled_seconds ? `; it is cut off after ${span(clients.max_stalled_seconds)}` : '';
    add('warn', `${visible(c.name)} has taken nothing for ${span(c.stalled_seconds)} while ${bytes(c.queued_bytes)} wait for it${limit}.`);
  }
  if (daemon.dangerous_monitor) add('note', 'DangerousMonitor is on: monitors may part, slow and end this daemon.');
  for (const what of report?.omitted ?? []) add('note', `Not shown: ${visible(what)}`);
  return out;
}
