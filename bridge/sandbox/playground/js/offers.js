// What stands below or in place of the words of a business's message: answers to tap, links, places, contact cards.

import { sharePlace } from "./acts.js";
import { act } from "./api.js";
import { h, icon } from "./dom.js";

/** The parts of a message that are no words; null when it has none. */
export function offersOf(message, customer) {
  const { type, content } = message;
  if (type === "location") return place(content);
  if (type === "contacts") return h("ul", { class: "cards", testid: "cards" }, content.map(card));
  if (type !== "interactive" || !message.from_business) return null;
  const below = {
    button: () => content.action.buttons.map((one) => answer(message, one.reply.title, customer)),
    list: () => list(message, customer),
    cta_url: () => h("a", { class: "offer", href: content.action.parameters.url, target: "_blank", rel: "noopener noreferrer", testid: "offer" }, icon("link"), content.action.parameters.display_text),
    location_request_message: () => h("button", { type: "button", class: "offer", testid: "offer", onclick: () => sharePlace(customer.id, message.number_id, message.id) }, icon("pin"), "Send location"),
  }[content.type];
  return below ? h("div", { class: "offers", testid: "offers" }, below()) : null;
}

/** The line above and below the words of a question. */
export function headOf({ type, content }) {
  const words = type === "interactive" && content.header?.text;
  return words ? h("strong", { class: "offer-head" }, words) : null;
}

export function footOf({ type, content }) {
  const words = type === "interactive" && content.footer?.text;
  return words ? h("p", { class: "quiet small" }, words) : null;
}

function list(message, customer) {
  const { button, sections } = message.content.action;
  const rows = sections.map((section) => [section.title && h("li", { class: "offer-section small quiet" }, section.title), ...section.rows.map((row) => h("li", {}, answer(message, row.title, customer, row.description)))]);
  return h("details", { class: "offer-list", testid: "offer-list" }, h("summary", { class: "offer" }, icon("rows"), button), h("ul", {}, rows));
}

function answer(message, title, customer, description) {
  const tap = () => act(`whatsapp/customers/${encodeURIComponent(customer.id)}/tap`, { message_id: message.id, title }, "The answer was not sent");
  return h("button", { type: "button", class: "offer", testid: "offer", onclick: tap }, h("span", {}, title), description && h("span", { class: "quiet small" }, description));
}

function place({ latitude, longitude, name, address }) {
  const url = `https://www.openstreetmap.org/?mlat=${latitude}&mlon=${longitude}#map=16/${latitude}/${longitude}`;
  return h(
    "a",
    { class: "file-card", href: url, target: "_blank", rel: "noopener noreferrer", testid: "place" },
    icon("pin"),
    h("span", { class: "file-name" }, name || `${latitude}, ${longitude}`),
    address && h("span", { class: "quiet small" }, address),
  );
}

function card(one) {
  const lines = [...(one.phones || []).map((each) => each.phone), ...(one.emails || []).map((each) => each.email)];
  return h("li", { class: "file-card" }, icon("person"), h("span", { class: "file-name" }, one.name?.formatted_name || "No name"), h("span", { class: "quiet small" }, lines.join(" · ")));
}
