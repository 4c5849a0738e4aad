// The team's desk: who I am, the channels, the open channel, the open thread.

import { act } from "./api.js";
import { announce, arrowKeys, avatar, h, icon, iconButton, narrow, reconcile } from "./dom.js";
import { makePane } from "./pane.js";
import { openMenu } from "./popup.js";
import { authorOf, botChannel, changed, me, myChannels, nameOf, onChange, store, ui } from "./store.js";
import { follow } from "./sync.js";
import { pingsIn, see, unreadIn, unreadReplies } from "./unread.js";
import { drawViews, homeBlocks } from "./views.js";

/** Where the app's page is before anybody has written to it. */
export const APP_PAGE = "app";

let channelPane;
let threadPane;
let homeTab = false;

export function setUpDesk() {
  const sidebar = document.getElementById("sidebar");
  arrowKeys(sidebar, () => [...sidebar.querySelectorAll(".room")]);
  channelPane = makePane(document.getElementById("channel"), { openThread });
  threadPane = makePane(document.getElementById("thread"), { thread: true });
  document.getElementById("thread").addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.defaultPrevented) {
      event.preventDefault();
      closeThread();
    }
  });
  follow(tell);
  onChange(draw);
}

/** Say what others post where the person looks. */
function tell(entry) {
  if (entry.kind === "slack.message" && entry.user !== ui.me && (narrow.matches ? ui.tab === "desk" : true)) {
    if (entry.channel !== ui.channel || (entry.thread_ts && entry.thread_ts !== ui.thread)) return;
    announce(`${entry.username || nameOf(entry.user)}: ${entry.text}`);
  } else if (entry.kind === "slack.ephemeral" && entry.user === ui.me) announce(`Only visible to you: ${entry.text}`);
}

export function openThread(ts) {
  ui.thread = ts;
  changed();
  requestAnimationFrame(() => threadPane.focus());
}

function closeThread() {
  const ts = ui.thread;
  ui.thread = null;
  changed();
  requestAnimationFrame(() => channelPane.focusMessage(ts));
}

function openChannel(id) {
  if (ui.channel !== id) ui.thread = null;
  ui.channel = id;
  changed();
}

function openApp() {
  openChannel(botChannel()?.id || APP_PAGE);
  act("slack/home", { person: ui.me, tab: homeTab ? "home" : "messages" }, "The app’s page could not be opened");
}

function become(id) {
  ui.me = id;
  remember(id);
  if (!myChannels().some((channel) => channel.id === ui.channel)) openChannel(null);
  changed();
}

function remember(id) {
  try {
    sessionStorage.setItem("threadline.person", id);
  } catch {
    // Forgetting who was at the desk is no harm.
  }
}

function remembered() {
  try {
    return sessionStorage.getItem("threadline.person");
  } catch {
    return null;
  }
}

/** A person and a channel to begin with, and away from what is gone. */
function settle() {
  if (!store.people.has(ui.me)) ui.me = store.people.has(remembered()) ? remembered() : [...store.people.keys()][0];
  const mine = myChannels();
  if (ui.channel === APP_PAGE && botChannel()) ui.channel = botChannel().id;
  if (ui.channel !== APP_PAGE && !mine.some((channel) => channel.id === ui.channel)) {
    ui.channel = (mine.find((channel) => channel.kind !== "im" && !channel.archived) || mine[0])?.id || null;
    ui.thread = null;
  }
  if (ui.thread && !store.channels.get(ui.channel)?.messages.has(ui.thread)) ui.thread = null;
}

function draw() {
  if (!store.people.size) return;
  settle();
  const channel = store.channels.get(ui.channel) || null;
  drawSidebar();
  drawChannel(channel);
  drawThread(channel);
  drawViews();
  const shown = (!narrow.matches || ui.tab === "desk") && !document.hidden;
  if (channel && shown) {
    const news = [see(channel), ui.thread && see(channel, ui.thread)];
    if (news.some(Boolean)) changed();
  }
  drawBadge();
}

function drawBadge() {
  const count = myChannels().reduce((sum, channel) => sum + unreadIn(channel) + repliesIn(channel), 0);
  const badge = document.getElementById("tab-desk-badge");
  badge.hidden = count === 0;
  badge.textContent = String(count);
  document.title = count && document.hidden ? `(${count}) Threadline playground` : "Threadline playground";
}

function repliesIn(channel) {
  let count = 0;
  for (const message of channel.messages.values()) if (message.reply_count) count += unreadReplies(channel, message);
  return count;
}

// The side: workspace, person, channels

function drawSidebar() {
  const rooms = myChannels().filter((channel) => channel.kind !== "im");
  const app = botChannel();
  reconcile(document.getElementById("sidebar"), [
    { key: "team", sig: store.team.name, build: () => h("div", { class: "team" }, h("h2", {}, store.team.name)) },
    { key: "person", sig: JSON.stringify([ui.me, [...store.people.keys()]]), build: personSwitch },
    { key: "rooms-title", sig: "", build: () => h("h3", { class: "side-title" }, "Channels") },
    ...rooms.map((channel) => roomRow(channel)),
    { key: "apps-title", sig: "", build: () => h("h3", { class: "side-title" }, "Apps") },
    appRow(app),
  ]);
}

function personSwitch() {
  const options = [...store.people.values()].map((person) => h("option", { value: person.id }, `${person.real_name || person.name}${person.role === "member" ? "" : ` (${person.role})`}`));
  const select = h(
    "select",
    { class: "field slim", "data-focus": "person", testid: "person-switch", onchange: (event) => become(event.target.value) },
    options,
  );
  select.value = ui.me;
  return h("label", { class: "person-switch" }, h("span", {}, "You are"), select);
}

function room({ key, name, sign, count, pings, chosen, testid, open, archived = false }) {
  const sig = JSON.stringify([name, count, pings, chosen, archived]);
  const facts = [name, archived && "archived", count && `${count} unread`, pings && `${pings} mentions`].filter(Boolean);
  const build = () =>
    h(
      "button",
      {
        type: "button",
        class: `room ${count ? "unread" : ""} ${archived ? "quiet" : ""}`,
        "aria-current": chosen ? "page" : null,
        "aria-label": facts.join(", "),
        "data-focus": "room",
        testid,
        onclick: open,
      },
      sign,
      h("span", { class: "room-name" }, name),
      pings > 0 ? h("span", { class: "badge", testid: "room-pings" }, String(pings)) : count > 0 && h("span", { class: "dot", testid: "room-unread" }),
    );
  return { key, sig, build };
}

function roomRow(channel) {
  return room({
    key: channel.id,
    name: channel.name,
    sign: channel.archived ? icon("archive") : channel.kind === "group" ? icon("lock") : h("span", { class: "hash", "aria-hidden": "true" }, "#"),
    count: unreadIn(channel) + repliesIn(channel),
    pings: pingsIn(channel),
    chosen: ui.channel === channel.id,
    archived: channel.archived,
    testid: `channel-${channel.name}`,
    open: () => openChannel(channel.id),
  });
}

function appRow(channel) {
  return room({
    key: "app",
    name: store.bot.name,
    sign: icon("dm"),
    count: channel ? unreadIn(channel) : 0,
    pings: channel ? pingsIn(channel) : 0,
    chosen: ui.channel === APP_PAGE || ui.channel === channel?.id,
    testid: "channel-app",
    open: openApp,
  });
}

// The open channel

function drawChannel(channel) {
  const direct = ui.channel === APP_PAGE || channel?.kind === "im";
  const home = direct ? me().home : null;
  const title = direct ? store.bot.name : channel?.name || "";
  channelPane.draw({
    channel,
    direct,
    home: home && homeTab ? homeBlocks(home) : null,
    head: {
      key: "head",
      sig: JSON.stringify([title, channel?.members, channel?.archived, ui.me, Boolean(home), homeTab, store.shortcuts]),
      build: () => channelHead(channel, direct, title, home),
    },
    name: direct ? title : `#${title}`,
  });
}

function channelHead(channel, direct, title, home) {
  const humans = (channel?.members || []).filter((id) => store.people.has(id));
  const tabs = home && h("div", { class: "segments", role: "group", "aria-label": "Part of the app’s page" }, segment("Home", true), segment("Messages", false));
  return h(
    "div",
    { class: "pane-head" },
    h("h2", { testid: "channel-name" }, direct ? "" : channel?.kind === "group" ? icon("lock") : "#", ` ${title}`),
    channel?.archived && h("span", { class: "tag" }, "Archived"),
    tabs,
    !direct && h("span", { class: "faces", title: humans.map(nameOf).join(", ") }, humans.slice(0, 4).map((id) => avatar(nameOf(id))), h("span", { class: "quiet" }, `${humans.length}`), h("span", { class: "unseen" }, "members")),
    shortcutsButton(),
  );
}

function segment(label, isHome) {
  const choose = () => {
    homeTab = isHome;
    act("slack/home", { person: ui.me, tab: isHome ? "home" : "messages" }, "The app’s page could not be opened");
    changed();
  };
  return h("button", { type: "button", class: "button", "aria-pressed": String(homeTab === isHome), "data-focus": label, onclick: choose }, label);
}

function shortcutsButton() {
  const known = store.shortcuts.filter((one) => one.type === "global");
  if (!known.length) return null;
  const run = (shortcut) => act("slack/shortcut", { person: ui.me, callback_id: shortcut.callback_id }, "The shortcut did not run");
  const node = iconButton("bolt", "Shortcuts", {
    "aria-haspopup": "menu",
    "data-focus": "shortcuts",
    testid: "global-shortcuts",
    onclick: () => openMenu(node, "Shortcuts", known.map((one) => ({ label: one.name || one.callback_id, run: () => run(one), testid: `shortcut-${one.callback_id}` }))),
  });
  return node;
}

// The open thread

function drawThread(channel) {
  const pane = document.getElementById("thread");
  const root = channel?.messages.get(ui.thread) || null;
  const open = Boolean(root);
  if (pane.hidden === open) {
    pane.hidden = !open;
    document.getElementById("desk").classList.toggle("with-thread", open);
  }
  if (!open) return threadPane.draw({ channel: null });
  const who = authorOf(root);
  return threadPane.draw({
    channel,
    root,
    head: {
      key: "head",
      sig: JSON.stringify([channel.name, who.name]),
      build: () =>
        h(
          "div",
          { class: "pane-head" },
          h("h2", {}, "Thread ", h("span", { class: "quiet" }, channel.kind === "im" ? channel.name : `#${channel.name}`)),
          iconButton("close", "Close the thread", { onclick: closeThread, "data-focus": "close", testid: "thread-close" }),
        ),
    },
    name: "the thread",
    status: channel.statuses[root.ts],
  });
}
