// Slack's two ways of writing text, mrkdwn and rich text, as elements.

import { h } from "./dom.js";
import { shownEmoji } from "./emoji.js";
import { nameOf, store, ui } from "./store.js";
import { filled, fullTime } from "./time.js";

const SAFE = /^(https?:|mailto:|tel:)/i;
const STYLES = { "*": "strong", _: "em", "~": "s" };
const INLINE = new RegExp(
  [
    "```(?<pre>[\\s\\S]+?)```",
    "`(?<code>[^`\\n]+)`",
    "<(?<entity>[^<>\\n]+)>",
    ":(?<emoji>[a-z0-9_+'-]+(?:::skin-tone-[2-6])?):",
    "(?<![\\w*_~])(?<mark>[*_~])(?=\\S)(?<styled>[^\\n]+?)(?<=\\S)\\k<mark>(?!\\w)",
  ].join("|"),
  "g",
);

export function unescape(text) {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

/** A link that leaves the page. Where its words hide where it leads, the address is in its title. */
export function link(url, label) {
  if (!SAFE.test(url)) return label || url;
  return h("a", { href: url, target: "_blank", rel: "noopener noreferrer", title: url }, label || url);
}

function mention(kind, id, words) {
  const mine = id === ui.me || kind === "broadcast";
  return h("span", { class: `mention ${mine ? "mine" : ""}` }, words);
}

function user(id) {
  return mention("user", id, `@${nameOf(id)}`);
}

function usergroup(id) {
  const group = store.usergroups.find((one) => one.id === id);
  return mention("group", id, `@${group ? group.handle : id}`);
}

function channel(id, label) {
  const found = store.channels.get(id);
  return h("span", { class: "mention" }, `#${found ? found.name : label || id}`);
}

/** An instant in the reader's zone (Slack: date formatting). */
export function instant(seconds, format, fallback, url) {
  const words = filled(seconds, format) ?? fallback;
  const made = h("time", { datetime: new Date(seconds * 1000).toISOString(), title: fullTime(seconds) }, words);
  return url ? link(url, made) : made;
}

function entity(inside) {
  const [head, ...tail] = inside.split("|");
  const label = tail.join("|");
  if (/^@[UW]/.test(head)) return user(head.slice(1));
  if (/^#[CGD]/.test(head)) return channel(head.slice(1), unescape(label));
  if (head.startsWith("!subteam^")) return usergroup(head.slice(9));
  if (/^!(here|channel|everyone)$/.test(head)) return mention("broadcast", "", `@${head.slice(1)}`);
  const date = /^!date\^(-?\d+)\^([^^]*)(?:\^(.*))?$/.exec(head);
  if (date) return instant(Number(date[1]), unescape(date[2]), unescape(label), date[3] && unescape(date[3]));
  if (SAFE.test(head)) return link(unescape(head), unescape(label));
  return unescape(`<${inside}>`);
}

function inline(text) {
  const made = [];
  let at = 0;
  for (const found of text.matchAll(INLINE)) {
    if (found.index > at) made.push(unescape(text.slice(at, found.index)));
    at = found.index + found[0].length;
    const { pre, code, entity: inside, emoji, mark, styled } = found.groups;
    if (pre) made.push(h("pre", {}, unescape(pre.replace(/^\n/, ""))));
    else if (code) made.push(h("code", {}, unescape(code)));
    else if (inside) made.push(entity(inside));
    else if (emoji) made.push(shownEmoji(emoji));
    else made.push(h(STYLES[mark], {}, inline(styled)));
  }
  made.push(unescape(text.slice(at)));
  return made;
}

function runsOf(lines) {
  const runs = [];
  for (const line of lines) {
    const quote = /^(?:&gt;|>) ?(.*)$/.exec(line);
    const last = runs.at(-1);
    if (last && last.quoted === Boolean(quote)) last.lines.push(quote ? quote[1] : line);
    else runs.push({ quoted: Boolean(quote), lines: [quote ? quote[1] : line] });
  }
  return runs;
}

/** Nodes of a mrkdwn text. */
export function mrkdwn(text) {
  return text.split(/(```[\s\S]+?```)/).flatMap((piece) => {
    if (piece.startsWith("```")) return inline(piece);
    return runsOf(piece.split("\n")).flatMap(({ quoted, lines }) => {
      const made = inline(lines.join("\n"));
      return quoted ? [h("blockquote", {}, made)] : made;
    });
  });
}

/** Nodes of a text object, `mrkdwn` or `plain_text` (whose emoji names show as emoji unless it says no). */
export function textObject(object) {
  if (!object) return [];
  if (object.type === "mrkdwn") return mrkdwn(object.text);
  if (object.emoji === false) return [object.text];
  return [object.text.replace(/:([a-z0-9_+'-]+(?:::skin-tone-[2-6])?):/g, (_, name) => shownEmoji(name))];
}

// Rich text

function styled(node, style = {}) {
  let made = node;
  for (const [name, tag] of [["code", "code"], ["bold", "strong"], ["italic", "em"], ["strike", "s"], ["underline", "u"]]) {
    if (style[name]) made = h(tag, {}, made);
  }
  return made;
}

const RICH = {
  text: (element) => element.text,
  link: (element) => link(element.url, element.text),
  user: (element) => user(element.user_id),
  usergroup: (element) => usergroup(element.usergroup_id),
  channel: (element) => channel(element.channel_id),
  broadcast: (element) => mention("broadcast", "", `@${element.range}`),
  emoji: (element) => shownEmoji(element.skin_tone ? `${element.name}::skin-tone-${element.skin_tone}` : element.name),
  date: (element) => instant(element.timestamp, element.format, element.fallback || "", element.url),
  color: (element) => element.value,
};

function richInline(elements) {
  return elements.map((element) => styled(RICH[element.type]?.(element) ?? `[${element.type}]`, element.style));
}

function richBlock(element) {
  if (element.type === "rich_text_preformatted") return h("pre", {}, richInline(element.elements));
  if (element.type === "rich_text_quote") return h("blockquote", {}, richInline(element.elements));
  if (element.type === "rich_text_list") {
    const items = element.elements.map((item) => h("li", {}, richInline(item.elements)));
    const depth = Math.min(element.indent || 0, 6);
    return h(element.style === "ordered" ? "ol" : "ul", { class: `indent-${depth}` }, items);
  }
  return h("p", { class: "rich" }, richInline(element.elements));
}

/** Nodes of a `rich_text` block. */
export function richText(block) {
  return block.elements.map(richBlock);
}
