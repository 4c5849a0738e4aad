// One list of messages with its composer: a channel, the app's page, or a thread.

import { arrowKeys, h, icon, reconcile } from "./dom.js";
import { makeComposer } from "./composer.js";
import { attachToolbar, ephemeralRow, messageRow } from "./messages.js";
import { keepBottom } from "./scroll.js";
import { lastSeen } from "./unread.js";
import { myEphemerals, timeline, ui } from "./store.js";
import { dayName, dayOf } from "./time.js";

const GROUPED_S = 300;

export function makePane(box, { thread = false, openThread = null }) {
  const head = h("div", {});
  const list = h("div", { class: "messages", role: "list", testid: thread ? "thread-messages" : "channel-messages" });
  const empty = h("div", { class: "empty", hidden: true });
  const status = h("p", { class: "typing-note", role: "status", hidden: true });
  const home = h("div", { class: "home", hidden: true, testid: "home" });
  const view = h("div", { class: "pane-scroll" }, empty, home, list, status);
  const composer = makeComposer({ thread });
  box.replaceChildren(head, view, composer.node);
  const scroll = keepBottom(view);
  attachToolbar(list, { thread, openThread });
  arrowKeys(list, () => [...list.querySelectorAll(".message")]);
  let shown = null;
  let mark = null;

  function draw({ channel, root = null, direct = false, head: headRow, name, status: words, home: homeNodes = null }) {
    const place = `${ui.me} ${ui.channel} ${root?.ts || ""}`;
    if (shown !== place) {
      shown = place;
      mark = channel ? lastSeen(channel.id, root?.ts) : null;
      scroll.toBottom();
      composer.restart(place);
    }
    if (headRow) reconcile(head, [headRow]);
    if (!channel && !direct) return;
    home.hidden = !homeNodes;
    list.hidden = Boolean(homeNodes);
    if (homeNodes) reconcile(home, [homeNodes]);
    list.setAttribute("aria-label", `Messages in ${name}`);
    const rows = channel ? rowsOf(channel, root, mark, { thread, openThread }) : [];
    scroll.keep(() => reconcile(list, rows));
    rove(list);
    status.hidden = !words;
    status.textContent = words || "";
    drawEmpty(empty, rows.length === 0 && !homeNodes, direct, name);
    composer.draw({ channel, root, direct, name, hidden: Boolean(homeNodes) });
  }

  const focusMessage = (ts) => list.querySelector(`[data-ts="${CSS.escape(ts || "")}"]`)?.focus();
  return { draw, focus: composer.focus, focusMessage };
}

/** Tab reaches one message of the list, the newest unless the keyboard is in the list; arrow keys reach the others. */
function rove(list) {
  const reached = list.querySelectorAll('.message[tabindex="0"]');
  if (reached.length && list.contains(document.activeElement)) return;
  for (const message of reached) message.tabIndex = -1;
  const all = list.querySelectorAll(".message");
  if (all.length) all[all.length - 1].tabIndex = 0;
}

function drawEmpty(node, isEmpty, direct, name) {
  node.hidden = !isEmpty;
  if (!isEmpty || node.dataset.name === name) return;
  node.dataset.name = name;
  const words = direct
    ? "Write to the app, or wait for it to write to you."
    : "When a customer writes, their conversation appears here as a card with a thread.";
  node.replaceChildren(icon("thread"), h("p", { class: "empty-title" }, `Nothing in ${name} yet`), h("p", {}, words));
}

function rowsOf(channel, root, mark, { thread, openThread }) {
  const mine = myEphemerals(channel.id, root?.ts || null).map((item) => ({ ...item, ephemeral: true }));
  const posts = timeline(channel, root?.ts || null);
  const all = [...posts, ...mine].sort((one, other) => (one.ts < other.ts ? -1 : 1));
  const rows = [];
  if (root) {
    rows.push(messageRow(root, channel, { thread, openThread, first: true }));
    const count = posts.length;
    if (count) rows.push(note("replies", `${count} ${count === 1 ? "reply" : "replies"}`));
  }
  let day = root ? dayOf(Number(root.ts)) : null;
  let before = null;
  let marked = false;
  for (const item of all) {
    const at = Number(item.ts);
    if (dayOf(at) !== day) {
      day = dayOf(at);
      before = null;
      rows.push({ key: `day ${day}`, sig: dayName(at), build: () => h("div", { class: "day", role: "presentation" }, h("span", {}, dayName(at))) });
    }
    if (!marked && mark && item.ts > mark && item.user !== ui.me && !item.ephemeral) {
      marked = true;
      before = null;
      if (item !== all[0]) rows.push({ key: "new", sig: "", build: () => h("div", { class: "day new", role: "presentation" }, h("span", {}, "New")) });
    }
    const grouped = before !== null && !item.ephemeral && same(before, item);
    rows.push(item.ephemeral ? ephemeralRow(item, channel) : messageRow(item, channel, { thread, openThread, grouped }));
    before = item.ephemeral ? null : item;
  }
  return rows;
}

function same(one, other) {
  const who = (message) => [message.user, message.bot_id, message.username].join(" ");
  return who(one) === who(other) && Number(other.ts) - Number(one.ts) < GROUPED_S && !one.subtype?.includes("tombstone");
}

function note(key, words) {
  return { key, sig: words, build: () => h("div", { class: "replies-line", role: "presentation" }, words) };
}
