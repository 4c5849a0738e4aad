// One customer's chat with a business number: bubbles, ticks, quotes, and the words they type.

import { bubbleMenu, isDeleted, sharePlace } from "./acts.js";
import { act, post, toast } from "./api.js";
import { announce, arrowKeys, avatar, h, icon, iconButton, reconcile } from "./dom.js";
import { fileOfMessage, sendFiles, sendVoice } from "./files.js";
import { footOf, headOf, offersOf } from "./offers.js";
import { onEnter, grow } from "./typing.js";
import { keepBottom } from "./scroll.js";
import { changed, chatOf, numberOf, store, ui } from "./store.js";
import { clockTime, dayName, dayOf, fullTime } from "./time.js";
import { seeChat } from "./unread.js";

let box;
let shown = null;
let parts = null;
let newest = null;

export function setUpChat(element) {
  box = element;
}

export function drawChat() {
  const customer = store.customers.get(ui.customer);
  if (!customer) {
    if (shown !== "") box.replaceChildren(nobody());
    shown = "";
    return;
  }
  if (shown !== customer.id) build(customer);
  const chat = chatOf(customer);
  drawHead(customer);
  parts.scroll.keep(() => reconcile(parts.list, rows(chat, customer)));
  parts.typing.hidden = !chat.typing;
  parts.empty.hidden = chat.messages.length > 0;
  parts.off.hidden = customer.online;
  drawQuote(customer, chat);
  tellNew(chat, customer);
  if (ui.phoneShown && customer.online) seeChat(customer.id, chat.messages);
}

function nobody() {
  return h(
    "div",
    { class: "empty", testid: "phone-empty" },
    icon("phone"),
    h("p", { class: "empty-title" }, "Write as a customer to begin"),
    h("p", {}, "Choose somebody on the left and send a message. It reaches the team’s desk as a thread."),
  );
}

function build(customer) {
  shown = customer.id;
  newest = null;
  const list = h("div", { class: "bubbles", role: "list", "aria-label": `Chat of ${customer.name}`, testid: "chat-messages" });
  arrowKeys(list, () => [...list.querySelectorAll(".bubble-row")]);
  const area = h("textarea", {
    id: "chat-text",
    class: "field",
    rows: "1",
    maxlength: "4096",
    placeholder: "Message",
    "aria-label": `Message as ${customer.name}`,
    enterkeyhint: "send",
    testid: "chat-text",
  });
  const head = h("header", { class: "chat-head" });
  const empty = h("div", { class: "empty" }, icon("dm"), h("p", { class: "empty-title" }, "Nothing said yet"), h("p", {}, "Type a message below, as this customer."));
  const typing = h("p", { class: "typing-note", hidden: true, testid: "typing" }, "typing…");
  const off = h("p", { class: "off-note", hidden: true }, "This phone is off: answers wait until it is on again.");
  const quote = h("div", { class: "quote-bar", hidden: true, testid: "quote-bar" });
  const view = h("div", { class: "chat-scroll" }, empty, list, typing);
  const files = h("input", { type: "file", multiple: true, hidden: true, "aria-label": "Files to attach", testid: "chat-files" });
  files.addEventListener("change", () => attach(customer.id, area, files));
  const clip = iconButton("clip", "Attach files", { testid: "chat-attach", onclick: () => files.click() });
  const voice = iconButton("mic", "Send a voice message (a stub)", { testid: "chat-voice", onclick: () => sendVoice(customer.id, taken(customer.id)) });
  const place = iconButton("pin", "Share where you are", {
    testid: "chat-place",
    onclick: () => {
      const { number, quote: about } = taken(customer.id);
      sharePlace(customer.id, number, about);
    },
  });
  const form = h("form", { class: "chat-form" }, files, clip, place, area, voice, iconButton("send", "Send", { type: "submit", class: "round primary", testid: "chat-send" }));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(customer.id, area);
  });
  onEnter(area, () => send(customer.id, area));
  grow(area);
  area.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && ui.quote) {
      ui.quote = null;
      changed();
    }
  });
  box.replaceChildren(head, view, off, quote, form);
  parts = { head, list, empty, typing, off, quote, area, scroll: keepBottom(view) };
}

function drawHead(customer) {
  const number = numberOf(customer.id);
  const row = {
    key: "head",
    sig: JSON.stringify([customer.name, customer.wa_id, customer.username, customer.online, customer.hide_phone]),
    build: () =>
      h(
        "div",
        { class: "chat-head-row" },
        avatar(customer.name, { round: true }),
        h("div", { class: "chat-who" }, h("h2", { testid: "chat-name" }, customer.name), h("p", { class: "quiet", testid: "chat-reach" }, reach(customer))),
        h(
          "button",
          {
            type: "button",
            class: "icon-button power",
            "aria-pressed": String(!customer.online),
            "aria-label": "Phone off",
            title: customer.online ? "Switch the phone off" : "Switch the phone on",
            "data-focus": "power",
            testid: "phone-power",
            onclick: () => act(`whatsapp/customers/${encodeURIComponent(customer.id)}/${customer.online ? "offline" : "online"}`, {}, "The phone could not be switched"),
          },
          icon("power"),
        ),
      ),
  };
  const to = { key: "number", sig: `${customer.id} ${number}`, build: () => numberPicker(customer, number) };
  reconcile(parts.head, store.numbers.length > 1 ? [row, to] : [row]);
}

function reach(customer) {
  const known = customer.username ? `@${customer.username}` : "";
  if (customer.hide_phone) return `${known} · number hidden`;
  return [`+${customer.wa_id}`, known].filter(Boolean).join(" · ");
}

function numberPicker(customer, number) {
  const options = store.numbers.map((one) => h("option", { value: one.phone_number_id }, one.verified_name));
  const node = h(
    "select",
    {
      class: "field slim",
      "data-focus": "number",
      testid: "chat-number",
      onchange: (event) => {
        ui.number.set(customer.id, event.target.value);
        ui.quote = null;
        changed();
      },
    },
    options,
  );
  node.value = number;
  return h("label", { class: "chat-number" }, "Writes to", node);
}

function rows(chat, customer) {
  const made = [];
  let day = null;
  for (const message of chat.messages) {
    if (NEWS.has(message.type)) continue;
    if (dayOf(message.at) !== day) {
      day = dayOf(message.at);
      made.push({ key: `day ${day}`, sig: dayName(message.at), build: () => h("div", { class: "day", role: "presentation" }, h("span", {}, dayName(message.at))) });
    }
    const quoted = message.quoted_id && chat.messages.find((one) => one.id === message.quoted_id);
    const reactions = chat.messages.filter((one) => one.type === "reaction" && one.content.message_id === message.id);
    const latest = new Map(reactions.map((one) => [one.from_business, one.content.emoji]));
    const signs = [...latest.values()].filter(Boolean);
    const sig = JSON.stringify([message.status, message.text, isDeleted(message), quoted?.text, signs, message.error]);
    made.push({ key: message.id, sig, build: () => bubble(message, quoted, signs, customer, latest.get(false) || "") });
  }
  return made;
}

const TICKS = {
  sent: ["clock", "Sent, not yet taken by the business"],
  delivered: ["double", "Received by the business"],
  read: ["double read", "Read by the business"],
  failed: ["failed", "Failed"],
};

function ticks(message) {
  const [look, words] = TICKS[message.status] || TICKS.sent;
  return h("span", { class: `ticks ${look}`, title: words, role: "img", "aria-label": words, "data-status": message.status, testid: "ticks" });
}

/** News of other messages, which show it themselves; and how the business hears of an edit where it hears of none. */
const NEWS = new Set(["reaction", "edit", "revoke", "unsupported"]);

function words(message) {
  if (isDeleted(message)) return "Deleted";
  return message.text || `[${message.type}]`;
}

function bubble(message, quoted, signs, customer, given) {
  const own = !message.from_business;
  const business = store.numbers.find((one) => one.phone_number_id === message.number_id)?.verified_name || "Business";
  const who = own ? customer.name : business;
  const gone = isDeleted(message);
  const file = gone ? null : fileOfMessage(message);
  const offers = gone ? null : offersOf(message, customer);
  return h(
    "div",
    {
      role: "listitem",
      class: `bubble-row ${own ? "own" : "theirs"}`,
      tabindex: "-1",
      "data-message-id": message.id,
      "data-status": message.status,
      testid: own ? "bubble-own" : "bubble-business",
    },
    h(
      "div",
      { class: "bubble" },
      h("span", { class: "unseen" }, `${who}: `),
      quoted && h("div", { class: "quoted" }, h("strong", {}, quoted.from_business ? business : "You"), h("span", {}, words(quoted))),
      message.quoted_id && !quoted && h("div", { class: "quoted" }, h("span", {}, "An older message")),
      file,
      headOf(message),
      (message.text || !(file || offers)) && h("div", { class: `bubble-words ${message.text ? "" : "quiet"}` }, words(message)),
      footOf(message),
      offers,
      h("div", { class: "bubble-foot" }, h("time", { title: fullTime(message.at) }, clockTime(message.at)), own && ticks(message)),
      signs.length > 0 && h("div", { class: "bubble-signs", testid: "bubble-reactions" }, signs.join(" ")),
    ),
    bubbleMenu(message, customer, given, () => {
      ui.quote = message.id;
      changed();
      parts.area.focus();
    }, `About “${words(message).slice(0, 40)}”`),
  );
}

function drawQuote(customer, chat) {
  const quoted = ui.quote && chat.messages.find((message) => message.id === ui.quote);
  parts.quote.hidden = !quoted;
  const drop = () => {
    ui.quote = null;
    changed();
    parts.area.focus();
  };
  const row = quoted && {
    key: quoted.id,
    sig: "",
    build: () => h("div", { class: "quote-row" }, h("div", { class: "quoted" }, h("strong", {}, quoted.from_business ? "Business" : "You"), h("span", {}, words(quoted))), iconButton("close", "Do not quote", { onclick: drop })),
  };
  reconcile(parts.quote, row ? [row] : []);
}

function tellNew(chat, customer) {
  const last = chat.messages.at(-1);
  if (last && newest && last.id !== newest && last.from_business) announce(`To ${customer.name}: ${words(last)}`);
  newest = last?.id || "none";
}

/** Where the next message goes and what it answers; the quote is used up. */
function taken(customerId) {
  const found = { number: numberOf(customerId), quote: ui.quote || "" };
  ui.quote = null;
  changed();
  return found;
}

async function attach(customerId, area, input) {
  const chosen = [...input.files];
  const caption = area.value.trim();
  input.value = "";
  area.value = "";
  area.dispatchEvent(new Event("input"));
  const sent = await sendFiles(customerId, chosen, { caption, ...taken(customerId) });
  if (!sent && !area.value) area.value = caption;
}

async function send(customerId, area) {
  const text = area.value.trim();
  if (!text) return;
  const body = { type: "text", text, number_id: numberOf(customerId), ...(ui.quote ? { reply_to: ui.quote } : {}) };
  area.value = "";
  area.dispatchEvent(new Event("input"));
  ui.quote = null;
  changed();
  try {
    await post(`whatsapp/customers/${encodeURIComponent(customerId)}/messages`, body);
  } catch (error) {
    toast("The message was not sent", error.message);
    if (!area.value) area.value = text;
  }
}
