// Where a person at the desk types: words, `!commands`, slash commands, with completion.

import { inWords, post } from "./api.js";
import { makeCompletion } from "./completion.js";
import { h, iconButton } from "./dom.js";
import { bringFiles } from "./files.js";
import { changed, store, ui } from "./store.js";
import { grow, onEnter } from "./typing.js";

const SLASH = /^(\/[a-z][\w-]*)(?:\s+([\s\S]*))?$/;
const drafts = new Map();

export function makeComposer({ thread }) {
  const area = h("textarea", { class: "field", rows: "1", enterkeyhint: "send", testid: thread ? "thread-text" : "channel-text" });
  const notice = h("div", { class: "slack-notice", role: "alert", hidden: true, testid: thread ? "thread-notice" : "channel-notice" });
  const also = h("input", { type: "checkbox", testid: "broadcast" });
  const alsoName = h("span", {});
  const broadcast = h("label", { class: "choice also", hidden: true }, also, alsoName);
  const sendButton = iconButton("send", "Send", { type: "submit", class: "primary", testid: thread ? "thread-send" : "channel-send" });
  const input = h("input", { type: "file", multiple: true, hidden: true, "aria-label": "Files to attach", testid: thread ? "thread-files" : "channel-files" });
  const clip = iconButton("clip", "Attach files", { testid: thread ? "thread-attach" : "channel-attach", onclick: () => input.click() });
  const row = h("div", { class: "composer-row" }, input, clip, area, sendButton);
  const node = h("form", { class: "composer" }, notice, row, broadcast);
  const completion = makeCompletion(area, { thread });
  let place = "";
  let target = {};
  let busy = false;

  const say = (words) => {
    notice.hidden = !words;
    notice.replaceChildren(...(words ? [h("strong", {}, "Only visible to you"), h("p", {}, words)] : []));
  };

  input.addEventListener("change", () => {
    const chosen = [...input.files];
    input.value = "";
    send(chosen);
  });

  async function send(chosen = []) {
    const text = area.value.trim();
    if (!(text || chosen.length) || busy) return;
    say("");
    completion.close();
    busy = true;
    node.classList.add("busy");
    try {
      const answer = await dispatch(text, target, also.checked, chosen);
      if (answer.ok) {
        area.value = "";
        also.checked = false;
        area.dispatchEvent(new Event("input"));
      } else say(inWords(answer.error));
    } catch (error) {
      say(error.message);
    } finally {
      busy = false;
      node.classList.remove("busy");
    }
  }

  onEnter(area, () => send());
  grow(area);
  area.addEventListener("input", () => drafts.set(place, area.value));
  area.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !notice.hidden && !event.defaultPrevented) {
      event.preventDefault();
      say("");
    }
  });
  node.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
    area.focus();
  });

  function restart(next) {
    if (next === place) return;
    place = next;
    say("");
    completion.close();
    area.value = drafts.get(place) || "";
    area.style.height = "auto";
  }

  function draw({ channel, root, direct, name, hidden }) {
    target = { channel: channel?.id, root: root?.ts, direct };
    node.hidden = hidden;
    const archived = Boolean(channel?.archived);
    area.disabled = archived;
    sendButton.disabled = archived;
    // The client's direct messages to the app have no files here.
    clip.hidden = Boolean(direct && !root);
    clip.disabled = archived;
    const words = archived ? "This channel is archived" : root ? "Reply, or type ! for commands" : `Message ${name}`;
    if (area.placeholder !== words) {
      area.placeholder = words;
      area.setAttribute("aria-label", root ? "Reply in the thread" : `Message ${name}`);
    }
    broadcast.hidden = !root || channel.kind === "im";
    alsoName.textContent = root ? `Also send to #${channel.name}` : "";
  }

  return { node, draw, restart, focus: () => area.focus() };
}

/** Send what was typed the way a client would: a slash command to the app, all else as a message. */
async function dispatch(text, { channel, root, direct }, broadcast, chosen) {
  if (chosen.length) {
    const files = await bringFiles(ui.me, chosen);
    return post("slack/messages", { person: ui.me, channel, text, files, ...(root ? { thread_ts: root } : {}) });
  }
  const slash = SLASH.exec(text);
  if (slash && channel) {
    const body = { person: ui.me, command: slash[1], text: slash[2] || "", channel };
    return post("slack/slash", root ? { ...body, thread_ts: root } : body);
  }
  const body = { person: ui.me, text };
  if (channel && !(direct && !root)) body.channel = channel;
  if (root) Object.assign(body, { thread_ts: root, broadcast });
  const answer = await post("slack/messages", body);
  if (answer.ok && direct && !store.channels.has(ui.channel)) changed();
  return answer;
}
