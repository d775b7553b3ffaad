// Elements. Text goes in as text, never as HTML.

import { parts } from './format.js';

const svgNS = 'http://www.w3.org/2000/svg';

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === 'on') for (const [event, f] of Object.entries(value)) node.addEventListener(event, f);
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.filter((c) => c !== undefined && c !== null));
  return node;
}

export const el = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
export const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS(svgNS, tag), attributes, children);
export const $ = (id) => document.getElementById(id);

// put sets text and title where they differ, so that what stays is not touched.
export function put(node, text, title = '') {
  if (node.textContent !== text) node.textContent = text;
  if (node.title !== title) node.title = title;
}

export function set(node, name, value) {
  if (value === undefined || value === null || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

// name shows a text from the network: apart from its surroundings in direction, and
// with what cannot be seen escaped in another style.
export function name(s) {
  return el('bdi', { class: 'name' }, ...parts(s).map((p) =>
    p.escape ? el('span', { class: 'esc', dir: 'ltr' }, p.text) : document.createTextNode(p.text)));
}
