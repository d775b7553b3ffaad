// The ring as a picture: the daemons of the configuration around a circle, in their
// segments. Members are on the line that the token takes; who is not a member stands
// outside of it.

import { put, set, svg } from './dom.js';
import { cut, seconds, span, visible } from './format.js';

const aside = 13; // how far outside the line a daemon is that is no member
const letter = 6.4; // width of an average letter of a label

// heardLately: a daemon that is no member and can be heard.
export const heardLately = (peer) => !peer.member && peer.heard_seconds_ago >= 0 && peer.heard_seconds_ago < 5;

// standing says in words how a daemon stands to this one.
export function standing(peer, membership, self) {
  const words = [];
  if (peer.member) words.push('member');
  else if (peer.heard_seconds_ago < 0) words.push('never heard');
  else if (heardLately(peer)) words.push('heard, not in this view');
  else words.push(`silent for ${span(peer.heard_seconds_ago)}`);
  if (peer.member && peer.name === membership.leader) words.push('leader');
  if (peer.name === self) words.push('this daemon');
  if (peer.mismatch) words.push('other configuration');
  return words.join(', ');
}

export const roundTrip = (peer) => peer.round_trip_seconds > 0 ? seconds(peer.round_trip_seconds) : 'not known';

// places gives each daemon an angle, clockwise from the top, with a space between
// segments, and the segments their arcs.
function places(peers) {
  const segments = new Set(peers.map((p) => p.segment));
  const space = segments.size > 1 ? 0.7 : 0;
  const slot = 2 * Math.PI / (peers.length + space * segments.size);
  const arcs = [];
  let at = -Math.PI / 2;
  const angles = peers.map((p, i) => {
    if (i > 0 && p.segment !== peers[i - 1].segment) at += space * slot;
    const angle = at;
    at += slot;
    const last = arcs.at(-1);
    if (last?.segment === p.segment) last.to = angle;
    else arcs.push({ segment: p.segment, from: angle, to: angle });
    return angle;
  });
  for (const a of arcs) {
    a.from -= slot * 0.42;
    a.to += slot * 0.42;
  }
  return { angles, arcs: segments.size > 1 ? arcs : [], slot };
}

export class Ring {
  constructor(host) {
    this.host = host;
    this.at = 0; // the daemon that Tab comes to
    this.shown = -1; // the one that the middle is about
    this.title = svg('title', { id: 'ring-title' }, 'The ring');
    this.desc = svg('desc', { id: 'ring-desc' });
    this.svg = svg('svg', { class: 'ring', role: 'group', 'aria-labelledby': 'ring-title', 'aria-describedby': 'ring-desc', on: { keydown: (e) => this.key(e) } });
    host.append(this.svg);
    new ResizeObserver(([entry]) => {
      this.width = Math.floor(entry.contentRect.width);
      if (this.summary) this.update(this.summary);
    }).observe(host);
  }

  update(summary) {
    this.summary = summary;
    if (!(this.width > 100)) return;
    const shape = JSON.stringify([this.width, summary.daemons.map((p) => [p.name, p.segment])]);
    if (shape !== this.shape) {
      this.shape = shape;
      this.build(summary.daemons);
    }
    this.refresh();
  }

  // build draws what changes only with the configuration or the width.
  build(peers) {
    const n = peers.length;
    const layout = places(peers);
    const radial = n > 16;
    const narrow = this.width < 420;
    const high = Math.min(this.width, radial ? 460 : 400);
    const around = radial ? (narrow ? 26 : 96) : 46; // for labels above and below
    this.radius = n === 1 ? 66 : Math.min(high / 2 - around, this.width / 2 - (radial ? around : narrow ? 92 : 120));
    this.height = n === 1 ? 220 : 2 * (this.radius + around);
    this.dot = Math.max(3.5, Math.min(9, this.radius * layout.slot * 0.32));
    const x = this.width / 2, y = this.height / 2 + (n === 1 ? 12 : 0), r = this.radius;
    Object.assign(this, { x, y });
    set(this.svg, 'width', this.width);
    set(this.svg, 'height', this.height);
    set(this.svg, 'viewBox', `0 0 ${this.width} ${this.height}`);
    const point = (angle, radius) => [x + radius * Math.cos(angle), y + radius * Math.sin(angle)];
    const tracks = layout.arcs.map((a) => {
      const [x1, y1] = point(a.from, r), [x2, y2] = point(a.to, r);
      return svg('path', { class: 'track', d: `M${x1} ${y1} A${r} ${r} 0 ${a.to - a.from > Math.PI ? 1 : 0} 1 ${x2} ${y2}` });
    });
    const names = layout.arcs.length > 8 || r < 100 ? [] : layout.arcs.map((a) => {
      const [tx, ty] = point((a.from + a.to) / 2, r - 24 - 20 * Math.abs(Math.cos((a.from + a.to) / 2)));
      return svg('text', { class: 'segment', x: tx, y: ty + 3.5, 'text-anchor': 'middle' }, layout.arcs.length <= 4 ? `segment ${a.segment}` : String(a.segment));
    });
    this.line = svg('circle', { class: 'token', cx: x, cy: y, r });
    this.middle = ['big', 'state', 'small', 'small'].map((c, i) => svg('text', { class: c, x, y: y + [-14, 6, 23, 38][i], 'text-anchor': 'middle' }));
    const room = this.width / 2 - r - aside - 16;
    this.nodes = peers.map((p, i) => this.node(i, layout.angles[i], { radial, room, label: !(radial && narrow) }));
    this.svg.replaceChildren(this.title, this.desc, ...tracks, ...(n > 1 ? [this.line] : []), ...names,
      svg('g', { class: 'middle', 'aria-hidden': 'true' }, ...this.middle), ...this.nodes.map((d) => d.group));
    this.at = Math.min(this.at, n - 1);
    this.shown = -1;
  }

  node(i, angle, o) {
    const cos = Math.cos(angle), sin = Math.sin(angle), r = this.radius;
    const out = this.dot + 7;
    const mark = svg('g', { class: 'mark' },
      svg('circle', { class: 'halo', r: this.dot + 4 }),
      svg('circle', { class: 'dot', r: this.dot }),
      svg('circle', { class: 'own', r: Math.max(1.5, this.dot * 0.38) }),
      svg('text', { class: 'warn', 'text-anchor': 'middle', y: 4 }, '!'));
    const label = svg('text', { class: 'label' });
    if (o.radial) {
      const turned = cos < -1e-9;
      set(label, 'transform', `rotate(${angle * 180 / Math.PI + (turned ? 180 : 0)}) translate(${turned ? -out : out} 3.5)`);
      set(label, 'text-anchor', turned ? 'end' : 'start');
    } else {
      const side = Math.abs(cos) < 0.3 ? 'middle' : cos > 0 ? 'start' : 'end';
      set(label, 'text-anchor', side);
      set(label, 'x', side === 'middle' ? 0 : cos * out + Math.sign(cos) * 2);
      set(label, 'y', side === 'middle' ? (sin > 0 ? out + 10 : -out - 1) : sin * out + 4);
    }
    const wide = Math.abs(cos) < 0.3 ? 24 : Math.max(6, Math.floor(o.room / letter));
    const group = svg('g', {
      class: 'daemon', role: 'img', tabindex: -1,
      on: {
        pointerenter: () => this.show(i), pointerleave: () => this.show(this.nodes.findIndex((d) => d.group === document.activeElement)), pointerdown: () => this.show(i),
        focus: () => this.show(i), blur: () => this.show(-1),
      },
    }, svg('circle', { class: 'hit', r: Math.max(this.dot + 4, Math.min(18, this.dot * 2.2)) }), mark, o.label ? label : null);
    return { group, label, mark, most: o.radial ? 12 : wide, place: (away) => `translate(${this.x + (r + away) * cos}px, ${this.y + (r + away) * sin}px)` };
  }

  // refresh brings the picture up to date.
  refresh() {
    const { membership: m, daemons, daemon } = this.summary;
    const standings = daemons.map((p) => standing(p, m, daemon.name));
    daemons.forEach((p, i) => {
      const d = this.nodes[i];
      const classes = ['daemon', p.member ? 'member' : heardLately(p) ? 'heard' : 'absent'];
      if (p.member && p.name === m.leader) classes.push('leader');
      if (p.name === daemon.name) classes.push('self');
      if (p.mismatch) classes.push('mismatch');
      set(d.group, 'class', classes.join(' '));
      set(d.group, 'tabindex', i === this.at ? 0 : -1);
      set(d.group, 'aria-label', `${visible(p.name)}: ${standings[i]}, segment ${p.segment}, round trip ${p.name === daemon.name ? 'none' : roundTrip(p)}`);
      d.group.style.transform = d.place(p.member ? 0 : aside);
      put(d.label, cut(visible(p.name), d.most));
    });
    set(this.line, 'class', `token ${m.state === 'operational' ? '' : 'changing'} ${m.members?.length > 1 ? '' : 'alone'}`);
    const away = daemons.filter((p) => !p.member);
    put(this.desc, `${m.members?.length ?? 0} of ${daemons.length} daemons are members of the present view. ` +
      (away.length ? `Not members: ${away.slice(0, 10).map((p) => visible(p.name)).join(', ')}${away.length > 10 ? ' and others' : ''}. ` : '') +
      'Arrow keys go from daemon to daemon. The table of daemons has the same.');
    this.tell();
  }

  // tell fills the middle: with the daemon that is pointed at, or with the view.
  tell() {
    const { membership: m, daemons, daemon } = this.summary;
    const p = daemons[this.shown];
    const most = Math.floor((this.radius - this.dot - 6) * 2 / letter);
    const lines = p ? [
      '', visible(p.name), standing(p, m, daemon.name),
      p.name === daemon.name ? visible(p.address) : `round trip ${roundTrip(p)}`,
    ] : [`${m.members?.length ?? 0} of ${daemons.length}`, m.state, ...(daemons.length > 1 ? [m.leader ? 'led by' : '', visible(m.leader ?? '')] : ['', ''])];
    this.middle.forEach((t, i) => {
      put(t, cut(lines[i], i < 2 ? most : Math.floor(most * 1.2)));
      set(t, 'class', ['big', p ? 'state strong' : 'state', 'small', 'small'][i]);
    });
  }

  show(i) {
    this.shown = i;
    if (this.summary) this.tell();
  }

  key(e) {
    const n = this.nodes?.length ?? 0;
    const to = { ArrowRight: this.at + 1, ArrowDown: this.at + 1, ArrowLeft: this.at - 1, ArrowUp: this.at - 1, Home: 0, End: n - 1 }[e.key];
    if (to === undefined || n === 0 || e.altKey || e.ctrlKey || e.metaKey) return;
    e.preventDefault();
    this.at = (to + n) % n;
    this.nodes.forEach((d, i) => set(d.group, 'tabindex', i === this.at ? 0 : -1));
    this.nodes[this.at].group.focus();
  }
}
