// A table that stays quick with thousands of rows: it sorts and filters data, and
// draws only a page of it. Rows keep their elements from one update to the next, so
// that focus, selection and what was opened stay.

import { el, name, put, set } from './dom.js';
import { exact, plural, visible } from './format.js';

const page = 50;
const namesAtOnce = 100;
const order = new Intl.Collator(undefined, { numeric: true });

export const compare = (a, b) => typeof a === 'number' && typeof b === 'number' ? a - b : order.compare(String(a), String(b));

// Table shows rows in a host element. spec:
//   label     what the table is
//   key       of a row, a string
//   columns   label; value (to sort by); text or draw(td, row); title; number, name,
//             kind ("wide" or "mid": hidden on narrower screens; "whole": not broken into
//             lines), first (the order that a first click gives, "descending" for what is
//             large)
//   sort      column and direction at first
//   page      how many rows are drawn at first, if not 50
//   detail    what a row shows when it is opened: pairs of a label and a text, a {name}
//             from the network, or a list of those names
//   find      the text that a filter looks in; without it there is no filter
//   one, many the name of a row
//   empty     what to say if there are none
export class Table {
  constructor(host, spec) {
    Object.assign(this, { spec, host, rows: [], shown: spec.page ?? page, open: new Set(), lines: new Map(), more: new Map(), wanted: '' });
    this.sort = { ...spec.sort };
    this.columns = spec.columns;
    this.body = el('tbody');
    this.heads = spec.columns.map((c, i) => this.head(c, i));
    this.table = el('table', {}, el('caption', { class: 'hidden' }, spec.label), el('thead', {}, el('tr', {}, ...this.heads)), this.body);
    this.note = el('p', { class: 'note' });
    this.button = el('button', { type: 'button', class: 'more', on: { click: () => this.showMore() } }, 'Show more');
    this.region = el('div', { class: 'scroll', role: 'region', tabindex: 0, 'aria-label': spec.label }, this.table);
    host.append(...(spec.find ? [this.filter()] : []), this.region, this.note, this.button);
    this.body.addEventListener('keydown', (e) => this.key(e));
    this.draw();
  }

  filter() {
    const id = `${this.host.id}-filter`;
    return el('div', { class: 'filter' },
      el('label', { for: id, class: 'hidden' }, `Filter ${this.spec.many}`),
      el('input', {
        id, type: 'search', placeholder: `Filter ${this.spec.many}`, autocomplete: 'off', spellcheck: 'false',
        on: {
          input: (e) => {
            this.wanted = e.target.value.toLowerCase();
            this.shown = this.spec.page ?? page;
            this.draw();
          },
        },
      }));
  }

  head(column, i) {
    return el('th', { scope: 'col', class: [column.number ? 'number' : '', column.kind ?? ''].join(' ').trim() || null },
      column.value ? el('button', {
        type: 'button', on: {
          click: () => {
            const again = this.sort.column === i;
            this.sort = { column: i, down: again ? !this.sort.down : column.first === 'descending' };
            this.draw();
          },
        },
      }, column.label) : column.label);
  }

  update(rows) {
    this.rows = rows;
    this.draw();
  }

  showMore() {
    const at = this.body.rows.length;
    this.shown += page * 4;
    this.draw();
    this.body.rows[at]?.querySelector('button.open')?.focus();
  }

  // picked are the rows that pass the filter, in order.
  picked() {
    const { spec, wanted, sort } = this;
    const rows = wanted ? this.rows.filter((r) => spec.find(r).toLowerCase().includes(wanted)) : [...this.rows];
    const value = this.columns[sort.column]?.value;
    if (!value) return rows;
    const sign = sort.down ? -1 : 1;
    return rows.map((row) => [value(row), row]).sort((a, b) =>
      sign * compare(a[0], b[0]) || compare(spec.key(a[1]), spec.key(b[1]))).map((pair) => pair[1]);
  }

  draw() {
    const picked = this.picked();
    const seen = new Map();
    const wanted = [];
    for (const row of picked.slice(0, this.shown)) {
      // Names that cannot be told apart are still rows of their own.
      let key = this.spec.key(row);
      const twin = seen.get(key) ?? 0;
      seen.set(key, twin + 1);
      if (twin) key += `\u0000${twin}`;
      const line = this.lines.get(key) ?? this.line(key);
      this.lines.set(key, line);
      this.fill(line, row);
      wanted.push(line.main);
      if (line.detail) wanted.push(line.detail);
      line.used = true;
    }
    for (const [key, line] of this.lines) {
      if (!line.used) this.lines.delete(key);
      line.used = false;
    }
    this.place(wanted);
    this.heads.forEach((h, i) => set(h, 'aria-sort', this.sort.column === i ? (this.sort.down ? 'descending' : 'ascending') : null));
    this.describe(picked.length);
    this.rove();
  }

  describe(n) {
    const { spec } = this;
    const drawn = Math.min(n, this.shown);
    let note = '';
    if (this.rows.length === 0) note = spec.empty;
    else if (n === 0) note = `No ${spec.many} match.`;
    else if (drawn < n) note = `${exact(drawn)} of ${plural(n, spec.one, spec.many)}` + (this.wanted ? ' that match' : '');
    else if (this.wanted) note = `${plural(n, spec.one, spec.many)} ${n === 1 ? 'matches' : 'match'}`;
    put(this.note, note);
    this.note.hidden = !note;
    this.button.hidden = drawn >= n;
    this.region.hidden = n === 0;
  }

  // place puts the rows into their order, and moves none that need not move.
  place(wanted) {
    const focused = document.activeElement;
    const keep = new Set(wanted);
    for (const tr of [...this.body.rows]) if (!keep.has(tr)) tr.remove();
    let next = this.body.firstChild;
    for (const tr of wanted) {
      if (tr === next) next = next.nextSibling;
      else this.body.insertBefore(tr, next);
    }
    if (focused !== document.activeElement && this.body.contains(focused)) focused.focus({ preventScroll: true });
  }

  line(key) {
    const line = { key, cells: [] };
    line.main = el('tr', {}, ...this.columns.map((c, i) => {
      const td = i === 0 ? el('th', { scope: 'row' }) : el('td');
      const classes = [c.number ? 'number' : '', c.kind ?? ''].join(' ').trim();
      if (classes) td.className = classes;
      let to = td;
      if (i === 0 && this.spec.detail) {
        to = el('button', { type: 'button', class: 'open', 'aria-expanded': 'false', tabindex: -1, on: { click: () => this.toggle(line) } });
        line.button = to;
        td.append(to);
      }
      line.cells.push(to);
      return td;
    }));
    return line;
  }

  fill(line, row) {
    line.row = row;
    this.columns.forEach((c, i) => {
      const cell = line.cells[i];
      if (c.draw) c.draw(cell, row);
      else if (c.name) this.named(cell, c.text(row));
      else put(cell, c.text(row), c.title?.(row));
    });
    if (line.button) this.unfold(line);
  }

  named(cell, text) {
    if (cell.named === text) return;
    cell.named = text;
    cell.replaceChildren(name(text));
    cell.title = visible(text);
  }

  toggle(line) {
    if (!this.open.delete(line.key)) this.open.add(line.key);
    this.draw();
  }

  unfold(line) {
    const open = this.open.has(line.key);
    set(line.button, 'aria-expanded', String(open));
    if (!open) {
      line.detail = undefined;
      return;
    }
    const pairs = this.spec.detail(line.row);
    const signature = JSON.stringify(pairs);
    if (line.detail && line.signature === signature) return;
    line.signature = signature;
    line.detail ??= el('tr', { class: 'detail' }, el('td', { colspan: this.columns.length }));
    line.detail.firstChild.replaceChildren(el('dl', {}, ...pairs.filter((p) => p).map(([label, value]) =>
      el('div', {}, el('dt', {}, label), el('dd', {}, ...(Array.isArray(value) ? this.list(line, label, value) : [typeof value === 'string' ? value : name(value.name)]))))));
  }

  // list shows names, the first of them if there are many.
  list(line, label, names) {
    if (names.length === 0) return ['none'];
    const id = `${line.key}\u0000${label}`;
    const shown = this.more.get(id) ?? namesAtOnce;
    const out = [el('ul', { class: 'names' }, ...names.slice(0, shown).map((n) => el('li', {}, name(n))))];
    if (shown < names.length) {
      out.push(el('button', {
        type: 'button', class: 'more', on: {
          click: () => {
            this.more.set(id, shown + namesAtOnce * 5);
            line.signature = '';
            this.draw();
          },
        },
      }, `Show more of ${exact(names.length)}`));
    }
    return out;
  }

  get buttons() {
    return [...this.body.querySelectorAll('button.open')];
  }

  // rove lets Tab come to one row only; arrow keys go on from there.
  rove() {
    const all = this.buttons;
    const at = all.find((b) => b === document.activeElement) ?? all.find((b) => b === this.last) ?? all[0];
    for (const b of all) set(b, 'tabindex', b === at ? 0 : -1);
  }

  key(e) {
    const all = this.buttons;
    const at = all.indexOf(e.target);
    if (at < 0 || e.altKey || e.ctrlKey || e.metaKey) return;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[e.key];
    if (to === undefined) {
      const line = [...this.lines.values()].find((l) => l.button === e.target);
      if ((e.key === 'ArrowRight' && !this.open.has(line.key)) || (e.key === 'ArrowLeft' && this.open.has(line.key))) this.toggle(line);
      return;
    }
    e.preventDefault();
    this.last = all[Math.max(0, Math.min(all.length - 1, to))];
    this.last.focus();
    this.rove();
  }
}
