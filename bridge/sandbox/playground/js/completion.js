// Completion in a composer: `!commands` and slash commands at the start, people after @, channels after #, emoji after a colon.

import { h } from "./dom.js";
import { searchEmoji, shownEmoji } from "./emoji.js";
import { optionRow } from "./popup.js";
import { store } from "./store.js";

const MOST = 8;
const WORD = /(^|[\s(])([@#:][\w+-]*)$/;
const START = /^([!/][\w?]*)$/;

function matching(rows, asked) {
  const query = asked.toLowerCase();
  return rows.filter((row) => `${row.value} ${row.label} ${row.hint || ""}`.toLowerCase().includes(query)).slice(0, MOST);
}

function people() {
  const humans = [...store.people.values()].map((person) => ({ value: `@${person.name}`, label: `@${person.name}`, hint: person.real_name }));
  const bot = { value: `@${store.bot.name}`, label: `@${store.bot.name}`, hint: "App" };
  const groups = store.usergroups.map((group) => ({ value: `@${group.handle}`, label: `@${group.handle}`, hint: "Group" }));
  return [...humans, bot, ...groups];
}

function channels() {
  const all = [...store.channels.values()].filter((channel) => channel.kind !== "im");
  return all.map((channel) => ({ value: `#${channel.name}`, label: `#${channel.name}` }));
}

function commands(sign, asked, thread) {
  if (sign === "/") {
    const hint = thread ? "not in threads" : "";
    return store.commands.filter((name) => name.startsWith(asked)).map((name) => ({ value: name, label: name, hint }));
  }
  const word = asked.slice(1).toLowerCase();
  const known = store.bridge.commands.filter((row) => row.name.startsWith(word));
  return known.map((row) => ({ value: `!${row.name}`, label: row.usage, hint: row.help }));
}

/** What could stand for the word before the cursor: `{from, rows}`, or null. */
function suggestions(area, thread) {
  const before = area.value.slice(0, area.selectionStart);
  const start = START.exec(before);
  if (start) return { from: 0, rows: commands(start[1][0], start[1], thread) };
  const found = WORD.exec(before);
  if (!found) return null;
  const word = found[2];
  const from = before.length - word.length;
  if (word[0] === "@") return { from, rows: matching(people(), word) };
  if (word[0] === "#") return { from, rows: matching(channels(), word) };
  if (word.length < 3) return null;
  const rows = searchEmoji(word.slice(1), MOST).map((name) => ({ value: `:${name}:`, label: `:${name}:`, glyph: shownEmoji(name) }));
  return { from, rows };
}

let numbers = 0;

/** Offer completions for `area`; they show above it. */
export function makeCompletion(area, { thread }) {
  const id = `completion-${++numbers}`;
  const box = h("div", { id, class: "completion", role: "listbox", "aria-label": "Suggestions", hidden: true, testid: "completion" });
  area.setAttribute("aria-controls", id);
  area.setAttribute("aria-autocomplete", "list");
  area.before(box);
  let rows = [];
  let from = 0;
  let active = 0;

  const close = () => {
    box.hidden = true;
    rows = [];
    area.removeAttribute("aria-activedescendant");
  };
  const mark = (next) => {
    active = (next + rows.length) % rows.length;
    [...box.children].forEach((option, at) => {
      option.setAttribute("aria-selected", String(at === active));
      if (at === active) {
        area.setAttribute("aria-activedescendant", option.id);
        option.scrollIntoView({ block: "nearest" });
      }
    });
  };
  const choose = (row) => {
    const after = area.value.slice(area.selectionStart).replace(/^ /, "");
    const head = `${area.value.slice(0, from)}${row.value} `;
    close();
    area.value = head + after;
    area.setSelectionRange(head.length, head.length);
    area.focus();
    area.dispatchEvent(new Event("input"));
  };
  const offer = () => {
    const found = area.selectionStart === area.selectionEnd ? suggestions(area, thread) : null;
    const whole = found && area.value.slice(found.from, area.selectionStart);
    if (!found?.rows.length || (found.rows.length === 1 && found.rows[0].value === whole)) return close();
    ({ from, rows } = found);
    box.replaceChildren(...rows.map((row, at) => optionRow(row, `${id}-${at}`, at, choose)));
    box.hidden = false;
    return mark(0);
  };

  area.addEventListener("input", offer);
  area.addEventListener("blur", close);
  area.addEventListener("keydown", (event) => {
    if (box.hidden || event.isComposing) return;
    const typed = area.value.slice(from, area.selectionStart);
    if (event.key === "ArrowDown") mark(active + 1);
    else if (event.key === "ArrowUp") mark(active - 1);
    else if (event.key === "Escape") close();
    else if ((event.key === "Enter" && rows[active].value !== typed) || event.key === "Tab") choose(rows[active]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  return { close };
}
