// Building the page. Data only ever becomes text nodes and attributes, never markup.

const PATHS = {
  add: "M12 5v14M5 12h14",
  alert: "M12 8v5M12 16.5v.01M12 3 2.5 20h19Z",
  archive: "M4 8h16v11H4ZM3 4h18v4H3ZM10 12h4",
  arrow: "M5 12h13M13 6l6 6-6 6",
  back: "M15 5l-7 7 7 7",
  bolt: "M13 3 5 14h6l-1 7 8-11h-6Z",
  check: "M5 12.5l4.5 4.5L19 7.5",
  chevron: "M6 9.5l6 6 6-6",
  clip: "M19 11l-7.5 7.5a4.5 4.5 0 0 1-6.4-6.4L13 4.3a3 3 0 0 1 4.3 4.3l-7.8 7.8a1.5 1.5 0 0 1-2.1-2.1l7-7",
  close: "M6 6l12 12M18 6 6 18",
  down: "M12 5v13M6 12l6 6 6-6",
  dm: "M4 5h16v11H9l-5 4Z",
  lock: "M6 11h12v9H6ZM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  mic: "M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3ZM6 11a6 6 0 0 0 12 0M12 17v4",
  moon: "M19 14.5A8 8 0 0 1 9.5 5a7.5 7.5 0 1 0 9.5 9.5Z",
  more: "M6 12v.01M12 12v.01M18 12v.01",
  link: "M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.3l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3A4 4 0 0 0 11 18.7l1-1",
  pin: "M12 21s-7-6.2-7-11a7 7 0 0 1 14 0c0 4.8-7 11-7 11ZM12 12.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Z",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4.5 20a7.5 7.5 0 0 1 15 0",
  rows: "M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01",
  paper: "M7 3h7l4 4v14H7ZM14 3v4h4",
  phone: "M8 3h8v18H8ZM11.5 18h1",
  power: "M12 4v8M7 7a7 7 0 1 0 10 0",
  reply: "M20 17a6 6 0 0 0-6-6H5M9 7l-4 4 4 4",
  send: "M4 12 20 5l-5 15-3.5-6.5Z",
  smile: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18ZM8.5 14a4 4 0 0 0 7 0M9 9.5v.01M15 9.5v.01",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6 19 19M5 19l1.4-1.4M17.6 6.4 19 5",
  thread: "M4 6h16M8 11h12M8 16h8",
};
const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes, listeners (`onclick`) and children; false-like children are left out. */
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else if (name === "testid") node.dataset.testid = value;
    else if (name === "value" || name === "checked") node[name] = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** A drawn sign; it says nothing to screen readers, so its button needs a label. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

export function iconButton(name, label, props = {}) {
  const { class: extra = "", ...rest } = props;
  return h("button", { type: "button", class: `icon-button ${extra}`, "aria-label": label, title: label, ...rest }, icon(name));
}

/** The first letters of a name in a coloured square; the colour follows the name. */
export function avatar(name, { glyph = "", round = false } = {}) {
  const letters = [...name.trim()].filter((sign) => /[\p{L}\p{N}]/u.test(sign));
  let hash = 0;
  for (const sign of name) hash = (hash * 31 + sign.codePointAt(0)) % 9973;
  const shown = glyph || (letters[0] || "?").toLocaleUpperCase();
  return h("span", { class: `avatar hue-${hash % 8} ${round ? "round" : ""}`, "aria-hidden": "true" }, shown);
}

/**
 * Make the children of `parent` those of `rows` ({key, sig, build}), touching only what differs. A rebuilt row
 * keeps the keyboard's focus on the part with the same `data-focus`.
 */
export function reconcile(parent, rows) {
  const old = new Map();
  for (const child of parent.children) old.set(child.rowKey, child);
  let at = parent.firstElementChild;
  for (const { key, sig, build } of rows) {
    let node = old.get(key);
    old.delete(key);
    if (!node || node.rowSig !== sig) {
      const fresh = build();
      fresh.rowKey = key;
      fresh.rowSig = sig;
      if (node) {
        const focus = focusIn(node);
        if (at === node) at = fresh;
        node.replaceWith(fresh);
        restoreFocus(fresh, focus);
      }
      node = fresh;
    }
    if (node === at) at = at.nextElementSibling;
    else parent.insertBefore(node, at);
  }
  for (const gone of old.values()) gone.remove();
}

function focusIn(node) {
  const active = document.activeElement;
  if (!active || !node.contains(active)) return null;
  return { self: active === node, part: active.dataset?.focus };
}

function restoreFocus(node, focus) {
  if (!focus) return;
  const part = focus.part && node.querySelector(`[data-focus="${CSS.escape(focus.part)}"]`);
  (part || node).focus({ preventScroll: true });
}

/** Arrow keys, Home and End move the focus among `items()` of a container; `turned` also takes left and right. */
export function arrowKeys(container, items, { turned = false } = {}) {
  container.addEventListener("keydown", (event) => {
    const steps = { ArrowDown: 1, ArrowUp: -1, ...(turned ? { ArrowRight: 1, ArrowLeft: -1 } : {}) };
    const all = items();
    const here = all.indexOf(document.activeElement);
    if (here < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    let next = null;
    if (event.key in steps) next = all[here + steps[event.key]];
    else if (event.key === "Home") next = all[0];
    else if (event.key === "End") next = all.at(-1);
    else return;
    event.preventDefault();
    next?.focus();
  });
}

/** Say something to screen readers without moving anything. */
export function announce(text) {
  const place = document.getElementById("announcer");
  while (place.childElementCount > 4) place.firstElementChild.remove();
  place.append(h("p", {}, text));
}

export const narrow = matchMedia("(max-width: 899px)");
