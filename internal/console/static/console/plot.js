// Plots of the last minutes, with a crosshair that all of them share.

import { el, put, set, svg } from './dom.js';
import { clock, span } from './format.js';
import { kept } from './history.js';

const left = 46, right = 8, top = 8, bottom = 18;

// steps returns the marks of an axis from 0: two to four round numbers, the last of
// them at least max.
export function steps(max) {
  if (!(max > 0)) return [0, 1];
  const raw = max / 3;
  const size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * size).find((s) => s * 3 >= max * 0.9999);
  const marks = [0];
  while (marks.at(-1) < max * 0.9999) marks.push(Number((marks.length * step).toPrecision(6)));
  return marks;
}

// Cursor is the moment that is looked at, in milliseconds; NaN is the latest.
export class Cursor {
  constructor() {
    this.t = NaN;
    this.plots = [];
  }

  set(t) {
    if (Object.is(t, this.t)) return;
    this.t = t;
    for (const p of this.plots) p.draw();
  }
}

// Plot draws some fields of the points of a history. spec: title, unit (what the
// numbers count, for the axis), format, least (the smallest top of the axis), and
// lines: field and label of each, at most two.
export class Plot {
  constructor(host, spec, cursor) {
    Object.assign(this, { spec, cursor, points: [], marks: [], width: 0, height: 0, now: NaN });
    cursor.plots.push(this);
    this.values = spec.lines.map(() => el('b', {}));
    this.when = el('span', { class: 'when' });
    this.svg = svg('svg', { class: 'plot', 'aria-hidden': 'true' });
    this.box = el('div', {
      class: 'plotbox', tabindex: 0, role: 'slider', 'aria-orientation': 'horizontal',
      'aria-label': `${spec.title}, ${spec.unit}, last 5 minutes`,
      'aria-valuemin': -kept, 'aria-valuemax': 0, 'aria-valuenow': 0, 'aria-valuetext': 'no data yet',
      on: {
        pointermove: (e) => this.point(e),
        pointerdown: (e) => this.point(e),
        pointerleave: (e) => e.pointerType === 'mouse' && this.cursor.set(NaN),
        keydown: (e) => this.key(e),
        focus: () => this.say(),
        blur: () => this.cursor.set(NaN),
      },
    }, this.svg);
    host.append(el('figure', {},
      el('figcaption', {},
        el('h3', {}, spec.title), this.when,
        el('span', { class: 'legend' }, ...spec.lines.map((line, i) =>
          el('span', { class: 'key' }, el('i', { class: `swatch line${i}` }), `${line.label} `, this.values[i])))),
      this.box));
    new ResizeObserver((entries) => {
      this.width = Math.floor(entries[0].contentRect.width);
      this.height = Math.floor(entries[0].contentRect.height);
      this.draw();
    }).observe(this.box);
  }

  // update takes the points, the latest moment, and the moments of view changes.
  update(points, now, marks) {
    Object.assign(this, { points, now, marks });
    this.draw();
  }

  x(t) {
    return left + (this.width - left - right) * (1 - (this.now - t) / 1000 / kept);
  }

  draw() {
    if (this.width < left + right + 20) return;
    const fields = this.spec.lines.map((l) => l.field);
    let max = this.spec.least ?? 0;
    for (const p of this.points) for (const f of fields) if (p[f] > max) max = p[f];
    const axis = steps(max);
    const floor = this.height - bottom;
    const y = (v) => floor - (floor - top) * v / axis.at(-1);
    set(this.svg, 'width', this.width);
    set(this.svg, 'height', this.height);
    set(this.svg, 'viewBox', `0 0 ${this.width} ${this.height}`);
    this.svg.replaceChildren(
      ...axis.flatMap((v) => this.mark(v, y(v))),
      ...this.minutes(),
      ...this.marks.filter((m) => m > this.now - kept * 1000 && m <= this.now).map((m) =>
        svg('line', { class: 'change', x1: this.x(m), x2: this.x(m), y1: top, y2: this.height - bottom })),
      // The last one is the one that matters most, so it is on top.
      ...fields.map((f, i) => svg('path', { class: `line line${i}`, d: this.path(f, y) })),
      ...this.crosshair(fields, y));
    this.read();
  }

  mark(v, y) {
    return [
      svg('line', { class: v === 0 ? 'base' : 'grid', x1: left, x2: this.width - right, y1: y, y2: y }),
      svg('text', { x: left - 6, y: y + 3.5, 'text-anchor': 'end' }, v === 0 ? '0' : this.spec.axis(v)),
    ];
  }

  minutes() {
    const floor = this.height - bottom;
    const out = [];
    for (let m = 0; m <= kept / 60; m++) {
      const x = this.x(this.now - m * 60000);
      if (!Number.isFinite(x)) break;
      out.push(svg('line', { class: 'base', x1: x, x2: x, y1: floor, y2: floor + 4 }));
      if (m % 2 === 0) out.push(svg('text', { x: m ? x : x + right, y: this.height - 3, 'text-anchor': m ? 'middle' : 'end' }, m ? `−${m} min` : 'now'));
    }
    return out;
  }

  path(field, y) {
    let d = '';
    let pen = false;
    for (const p of this.points) {
      const v = p[field];
      if (!Number.isFinite(v)) {
        pen = false;
        continue;
      }
      const x = this.x(p.t), high = y(v).toFixed(1);
      if (!pen) d += ` M${(x - 1.5).toFixed(1)} ${high}`; // so that a point alone can be seen
      d += ` L${x.toFixed(1)} ${high}`;
      pen = true;
    }
    return d;
  }

  crosshair(fields, y) {
    const p = this.looked();
    if (!p) return [];
    const x = this.x(p.t);
    return [
      svg('line', { class: 'cross', x1: x, x2: x, y1: top, y2: this.height - bottom }),
      ...fields.flatMap((f, i) => Number.isFinite(p[f]) ? [svg('circle', { class: `dot line${i}`, cx: x, cy: y(p[f]), r: 3.5 })] : []),
    ];
  }

  // looked is the point under the crosshair, if there is one.
  looked() {
    return this.points[this.nearest(this.cursor.t)];
  }

  nearest(t) {
    if (!Number.isFinite(t) || this.points.length === 0) return -1;
    let best = 0;
    this.points.forEach((p, i) => {
      if (Math.abs(p.t - t) < Math.abs(this.points[best].t - t)) best = i;
    });
    return best;
  }

  // read shows the values under the crosshair, or else the latest.
  read() {
    const looked = this.looked();
    const p = looked ?? this.points.at(-1) ?? {};
    this.spec.lines.forEach((line, i) => put(this.values[i], this.spec.format(p[line.field]),
      Number.isFinite(p[line.field]) ? String(p[line.field]) : ''));
    put(this.when, looked ? `−${span((this.now - looked.t) / 1000)}, at ${clock(looked.t, this.now)}` : '');
  }

  point(e) {
    if (!Number.isFinite(this.now)) return;
    const x = e.clientX - this.box.getBoundingClientRect().left;
    const t = this.now - kept * 1000 * (1 - (x - left) / (this.width - left - right));
    this.cursor.set(this.points[this.nearest(t)]?.t ?? NaN);
  }

  key(e) {
    if (e.altKey || e.ctrlKey || e.metaKey || this.points.length === 0) return;
    const last = this.points.length - 1;
    const at = this.nearest(this.cursor.t);
    const from = at < 0 ? last : at;
    const to = {
      ArrowLeft: at < 0 ? last : from - 1, ArrowRight: from + 1, ArrowDown: from - 1, ArrowUp: from + 1,
      PageDown: from - 30, PageUp: from + 30, Home: 0, End: last,
    }[e.key];
    if (e.key === 'Escape') this.cursor.set(NaN);
    else if (to === undefined) return;
    else this.cursor.set(this.points[Math.min(last, Math.max(0, to))].t);
    e.preventDefault();
    this.say();
  }

  // say tells a screen reader what is looked at. It is not called as time goes by.
  say() {
    const p = this.looked() ?? this.points.at(-1);
    if (!p) return;
    const ago = (this.now - p.t) / 1000;
    set(this.box, 'aria-valuenow', -Math.round(Math.min(kept, ago)));
    set(this.box, 'aria-valuetext', (ago < 1 ? 'now' : `${span(ago)} ago`) + ': ' +
      this.spec.lines.map((l) => `${l.label} ${this.spec.format(p[l.field])}`).join(', '));
  }
}
