// What opens beside a control: menus of acts, and lists to search and choose from. Keyboard first.

import { h, icon } from "./dom.js";

let open = null;

/** Close what is open; the keyboard goes back to where it came from unless `back` is false. */
export function closePopup(back = true) {
  if (!open) return;
  const { node, anchor } = open;
  const inside = node.contains(document.activeElement);
  open = null;
  node.remove();
  // Focus first: the toolbar of a message shows while something of it is open or has the focus.
  if (back && inside) anchor.focus();
  anchor.setAttribute("aria-expanded", "false");
}

document.addEventListener("pointerdown", (event) => {
  if (open && !open.node.contains(event.target) && !open.anchor.contains(event.target)) closePopup(false);
});
addEventListener("resize", () => closePopup(false));
document.addEventListener(
  "scroll",
  (event) => {
    if (open && !open.node.contains(event.target) && event.target.contains?.(open.anchor)) place();
  },
  { capture: true, passive: true },
);

// Shown in the top layer by `popover`, inside the anchor's dialog if it has one: outside, a dialog makes all inert.
function show(anchor, node) {
  closePopup(false);
  node.setAttribute("popover", "manual");
  (anchor.closest("dialog") || document.body).append(node);
  node.showPopover();
  anchor.setAttribute("aria-expanded", "true");
  open = { node, anchor };
  place();
}

function place() {
  const { node, anchor } = open;
  const at = anchor.getBoundingClientRect();
  const { width, height } = node.getBoundingClientRect();
  const margin = 8;
  const left = Math.max(margin, Math.min(at.left, innerWidth - width - margin));
  const below = at.bottom + 4;
  const top = below + height + margin <= innerHeight ? below : Math.max(margin, at.top - height - 4);
  node.style.left = `${left}px`;
  node.style.top = `${top}px`;
}

/** A menu of `{label, icon?, danger?, run}`, with the first one in focus. */
export function openMenu(anchor, label, items) {
  const entries = items.map((item) =>
    h(
      "button",
      {
        type: "button",
        role: "menuitem",
        class: item.danger ? "danger" : "",
        tabindex: "-1",
        testid: item.testid,
        onclick: () => {
          closePopup();
          item.run();
        },
      },
      item.icon && icon(item.icon),
      h("span", {}, item.label),
    ),
  );
  const menu = h("div", { class: "popup menu", role: "menu", "aria-label": label, testid: "menu" }, entries);
  menu.addEventListener("keydown", (event) => {
    const here = entries.indexOf(document.activeElement);
    const targets = { ArrowDown: here + 1, ArrowUp: here - 1 + entries.length, Home: 0, End: entries.length - 1 };
    if (event.key in targets) {
      event.preventDefault();
      entries[targets[event.key] % entries.length].focus();
    } else if (event.key === "Escape" || event.key === "Tab") {
      event.preventDefault();
      event.stopPropagation();
      closePopup();
    }
  });
  show(anchor, menu);
  entries[0]?.focus();
}

let numbers = 0;

/**
 * A list to search. `find(query)` gives `{value, label, hint?, glyph?, group?}` rows, at once or later; `pick` gets the
 * chosen row. `empty(query)` says why there is nothing.
 */
export function openPicker(anchor, { label, find, pick, empty = () => "Nothing matches." }) {
  const id = `picker-${++numbers}`;
  const input = h("input", {
    type: "text",
    class: "field",
    role: "combobox",
    "aria-label": label,
    "aria-expanded": "true",
    "aria-controls": id,
    "aria-autocomplete": "list",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: "Type to search",
    testid: "picker-search",
  });
  const list = h("div", { id, class: "options", role: "listbox", "aria-label": label });
  const node = h("div", { class: "popup picker", testid: "picker" }, input, list);
  let rows = [];
  let active = 0;
  let asked = 0;

  const choose = (row) => {
    closePopup();
    pick(row);
  };
  const mark = (next) => {
    active = Math.max(0, Math.min(next, rows.length - 1));
    for (const option of list.querySelectorAll("[role=option]")) {
      const here = Number(option.dataset.at) === active;
      option.setAttribute("aria-selected", String(here));
      if (here) {
        input.setAttribute("aria-activedescendant", option.id);
        option.scrollIntoView({ block: "nearest" });
      }
    }
  };
  const draw = () => {
    let group = null;
    const made = rows.flatMap((row, at) => {
      const head = row.group && row.group !== group ? [h("div", { class: "group", role: "presentation" }, row.group)] : [];
      group = row.group;
      return [...head, optionRow(row, `${id}-${at}`, at, choose)];
    });
    list.replaceChildren(...made);
    if (!rows.length) list.append(h("p", { class: "empty-note" }, empty(input.value)));
    mark(0);
    if (open?.node === node) place();
  };
  const search = async () => {
    const turn = ++asked;
    const found = await find(input.value.trim());
    if (turn !== asked || !node.isConnected) return;
    rows = found;
    draw();
  };
  input.addEventListener("input", search);
  node.addEventListener("keydown", (event) => {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
    if (event.key in steps) mark(active + steps[event.key]);
    else if (event.key === "Enter") {
      if (rows[active]) choose(rows[active]);
    } else if (event.key === "Escape" || event.key === "Tab") {
      event.stopPropagation();
      closePopup();
    } else return;
    event.preventDefault();
  });
  show(anchor, node);
  input.focus();
  search();
}

export function optionRow(row, id, at, choose) {
  return h(
    "div",
    {
      id,
      role: "option",
      class: "option",
      "data-at": at,
      "data-value": row.value,
      "aria-selected": "false",
      onclick: () => choose(row),
      onpointerdown: (event) => event.preventDefault(),
    },
    row.glyph && h("span", { class: "option-glyph", "aria-hidden": "true" }, row.glyph),
    h("span", { class: "option-label" }, row.label),
    row.hint && h("span", { class: "option-hint" }, row.hint),
  );
}
