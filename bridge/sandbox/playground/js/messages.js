// One message as a row: author, words or blocks, reactions, the way into its thread, and what can be done with it.

import { act } from "./api.js";
import { attachments, blocks, onlyYou } from "./blocks.js";
import { confirm, editText } from "./dialog.js";
import { avatar, h, iconButton } from "./dom.js";
import { glyph, searchEmoji, shownEmoji } from "./emoji.js";
import { filesOfPost } from "./files.js";
import { mrkdwn, unescape } from "./mrkdwn.js";
import { openMenu, openPicker } from "./popup.js";
import { authorOf, changed, me, nameOf, store, ui } from "./store.js";
import { clockTime, fullTime } from "./time.js";
import { unreadReplies } from "./unread.js";

/** What a person enters in a message's controls goes to the app at once. */
function sceneOf(channel, ts) {
  return {
    channel: channel.id,
    ts,
    send: (block, element, value) => {
      const body = { person: ui.me, channel: channel.id, ts, block_id: block.block_id, action_id: element.action_id, value };
      return act(element.type === "button" ? "slack/press" : "slack/select", body, "The app did not take it");
    },
  };
}

/** A row for `reconcile`. */
export function messageRow(message, channel, options) {
  const fresh = options.thread ? 0 : unreadReplies(channel, message);
  const { metadata: _, pings: __, links: ___, visible: ____, ...shown } = message;
  const known = Boolean(glyph("+1"));
  const sig = JSON.stringify([shown, fresh, options.grouped, options.first, ui.me, known, channel.archived, store.people.size]);
  return { key: `${message.ts}${options.first ? " root" : ""}`, sig, build: () => build(message, channel, options, fresh) };
}

function build(message, channel, { thread, openThread, grouped = false, first = false }, fresh) {
  const who = authorOf(message);
  const gone = message.subtype === "tombstone";
  const at = Number(message.ts);
  return h(
    "div",
    {
      role: "listitem",
      class: `message ${grouped ? "grouped" : ""} ${first ? "first" : ""} ${gone ? "gone" : ""}`,
      tabindex: "-1",
      "data-ts": message.ts,
      "data-author": who.name,
      testid: first ? "thread-root" : thread ? "reply" : "message",
    },
    h("div", { class: "gutter" }, grouped ? h("time", { class: "gutter-time", title: fullTime(at) }, clockTime(at)) : avatar(who.name, { glyph: face(who) })),
    h(
      "div",
      { class: "message-main" },
      h(
        "div",
        { class: grouped ? "unseen" : "byline" },
        h("strong", { class: "author", testid: "author" }, who.name),
        who.app && h("span", { class: "tag", testid: "app-tag" }, "App"),
        h("time", { class: "quiet", datetime: new Date(at * 1000).toISOString(), title: fullTime(at) }, clockTime(at)),
      ),
      message.subtype === "thread_broadcast" && !thread && h("p", { class: "quiet small" }, "replied to a thread"),
      h("div", { class: "message-body", testid: "message-body" }, body(message, channel), message.edited && !gone && !message.bot_id && h("span", { class: "quiet small" }, " (edited)")),
      reactions(message, channel),
      thread ? null : threadLink(message, openThread, fresh),
    ),
  );
}

function face(who) {
  if (!who.glyph) return "";
  return glyph(who.glyph.replaceAll(":", "")) || "";
}

function body(message, channel) {
  if (message.subtype === "tombstone") return h("p", { class: "quiet" }, "This message was deleted.");
  const scene = sceneOf(channel, message.ts);
  const words = message.blocks?.length ? blocks(message.blocks, scene) : h("div", { class: "words" }, mrkdwn(message.text || ""));
  if (message.files?.length) return [message.blocks?.length || message.text ? words : null, filesOfPost(message.files)];
  return [words, message.attachments ? attachments(message.attachments, scene) : null];
}

function threadLink(message, openThread, fresh) {
  const count = message.reply_count || 0;
  if (!count) return null;
  const faces = (message.reply_users || []).slice(0, 3);
  const root = authorOf(message).name;
  return h(
    "button",
    { type: "button", class: `thread-link ${fresh ? "unread" : ""}`, "data-focus": "thread", testid: "open-thread", "aria-label": `Open the thread of ${root}: ${count} ${count === 1 ? "reply" : "replies"}${fresh ? `, ${fresh} new` : ""}`, onclick: () => openThread(message.ts) },
    faces.map((id) => avatar(nameOf(id))),
    h("span", {}, `${count} ${count === 1 ? "reply" : "replies"}`),
    fresh > 0 && h("span", { class: "badge" }, `${fresh} new`),
    h("span", { class: "quiet" }, `last at ${clockTime(Number(message.latest_reply))}`),
  );
}

/** What only the person at the desk sees. */
export function ephemeralRow(item, channel) {
  const sig = JSON.stringify([item, ui.me, Boolean(glyph("+1"))]);
  const scene = sceneOf(channel, item.ts);
  const dismiss = () => {
    ui.hidden.add(item.ts);
    changed();
  };
  const build = () =>
    h(
      "div",
      { role: "listitem", class: "message ephemeral", tabindex: "-1", "data-ts": item.ts, testid: "ephemeral" },
      h("div", { class: "gutter" }, avatar(store.bot.name)),
      h(
        "div",
        { class: "message-main" },
        onlyYou(),
        h("div", { class: "byline" }, h("strong", { class: "author" }, store.bot.name), h("span", { class: "tag" }, "App"), h("time", { class: "quiet" }, clockTime(Number(item.ts)))),
        h("div", { class: "message-body" }, item.blocks?.length ? blocks(item.blocks, scene) : h("div", { class: "words" }, mrkdwn(item.text)), item.attachments ? attachments(item.attachments, scene) : null),
        h("button", { type: "button", class: "text-button", "data-focus": "dismiss", testid: "ephemeral-dismiss", onclick: dismiss }, "Dismiss"),
      ),
    );
  return { key: `ephemeral ${item.ts}`, sig, build };
}

// Reactions

function toggle(message, channel, name, on) {
  return act(on ? "slack/react" : "slack/unreact", { person: ui.me, channel: channel.id, ts: message.ts, name }, "The reaction was not taken");
}

function reactions(message, channel) {
  if (!message.reactions?.length) return null;
  const chips = message.reactions.map(({ name, users, count }) => {
    const mine = users.includes(ui.me);
    const who = users.map(nameOf).join(", ");
    return h(
      "button",
      {
        type: "button",
        class: "reaction",
        "aria-pressed": String(mine),
        "aria-label": `${name}, ${count}: ${who}`,
        title: `:${name}: ${who}`,
        "data-focus": `reaction ${name}`,
        "data-name": name,
        testid: "reaction",
        onclick: () => toggle(message, channel, name, !mine),
      },
      h("span", {}, shownEmoji(name)),
      h("span", {}, String(count)),
    );
  });
  return h("div", { class: "reactions", role: "group", "aria-label": "Reactions" }, chips);
}

// What can be done with a message: one toolbar, which moves to the row under the pointer or the keyboard

export function attachToolbar(list, { thread, openThread }) {
  const bar = h("div", { class: "toolbar", role: "toolbar", "aria-label": "Message actions", testid: "toolbar" });
  const show = (target) => {
    const row = target.closest?.(".message");
    if (!row || !list.contains(row) || row.classList.contains("ephemeral") || bar.parentElement === row) return;
    const channel = store.channels.get(ui.channel);
    const message = channel?.messages.get(row.dataset.ts);
    if (!message || message.subtype === "tombstone") return bar.remove();
    bar.replaceChildren(...tools(message, channel, thread ? null : openThread));
    return row.append(bar);
  };
  list.addEventListener("focusin", (event) => {
    for (const row of list.querySelectorAll('.message[tabindex="0"]')) row.tabIndex = -1;
    const row = event.target.closest(".message");
    if (row) row.tabIndex = 0;
    show(event.target);
  });
  list.addEventListener("pointerover", (event) => {
    if (!bar.contains(document.activeElement) && !bar.querySelector('[aria-expanded="true"]')) show(event.target);
  });
}

function tools(message, channel, openThread) {
  const add = iconButton("smile", "Add a reaction", {
    "aria-haspopup": "listbox",
    testid: "message-react",
    onclick: () => pickReaction(add, message, channel),
  });
  const more = iconButton("more", "More actions", {
    "aria-haspopup": "menu",
    testid: "message-more",
    onclick: () => openMenu(more, "Message actions", entries(message, channel)),
  });
  const reply = openThread && iconButton("thread", "Reply in thread", { testid: "message-reply", onclick: () => openThread(message.ts) });
  return [add, reply, more].filter(Boolean);
}

function pickReaction(anchor, message, channel) {
  openPicker(anchor, {
    label: "Reaction",
    find: (query) => searchEmoji(query).map((name) => ({ value: name, label: `:${name}:`, glyph: shownEmoji(name) })),
    pick: (row) => toggle(message, channel, row.value, true),
  });
}

function entries(message, channel) {
  const where = { person: ui.me, channel: channel.id, ts: message.ts };
  const shortcuts = store.shortcuts
    .filter((one) => one.type === "message")
    .map((one) => ({
      label: one.name || one.callback_id,
      icon: "bolt",
      testid: `shortcut-${one.callback_id}`,
      run: () => act("slack/shortcut", { ...where, callback_id: one.callback_id }, "The shortcut did not run"),
    }));
  const mine = message.user === ui.me && !message.bot_id;
  const edit = {
    label: "Edit message",
    testid: "message-edit",
    run: async () => {
      const text = await editText("Edit message", unescape(message.text));
      if (text !== null) act("slack/edit", { ...where, text }, "The message was not changed");
    },
  };
  const remove = {
    label: "Delete message",
    danger: true,
    testid: "message-delete",
    run: async () => {
      const sure = await confirm({ title: "Delete message", words: "It cannot be brought back.", yes: "Delete", danger: true });
      if (sure) act("slack/delete", where, "The message was not deleted");
    },
  };
  const powerful = ["admin", "owner"].includes(me().role);
  const all = [...shortcuts, ...(mine ? [edit] : []), ...(mine || powerful ? [remove] : [])];
  return all.length ? all : [{ label: "Nothing can be done with it", run: () => undefined }];
}
