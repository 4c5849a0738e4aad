// What a customer can do with a message on their phone: react, quote, edit, take back; and share where they are.

import { act } from "./api.js";
import { editText } from "./dialog.js";
import { iconButton } from "./dom.js";
import { openMenu } from "./popup.js";

const SIGNS = ["👍", "❤️", "😂", "🙏"];
/** Where pretended customers are: a square in Berlin. */
const PLACE = { latitude: 52.5219, longitude: 13.4132, name: "Alexanderplatz", address: "10178 Berlin" };

const to = (customer, verb) => `whatsapp/customers/${encodeURIComponent(customer)}/${verb}`;

/** Share a place; `quote` is the message that it answers. */
export function sharePlace(customer, number, quote = "") {
  const body = { type: "location", content: PLACE, number_id: number, ...(quote ? { reply_to: quote } : {}) };
  return act(to(customer, "messages"), body, "The place was not sent");
}

/** The button that opens the menu of a bubble; `given` is the customer's reaction to it so far, `quote` begins an answer. */
export function bubbleMenu(message, customer, given, quote, title) {
  const react = (emoji) => act(to(customer.id, "react"), { message_id: message.id, emoji, number_id: message.number_id }, "The reaction was not sent");
  const change = async () => {
    const text = await editText("Edit the message", message.text);
    if (text !== null && text !== message.text) await act(to(customer.id, "edit"), { message_id: message.id, text }, "The message was not changed");
  };
  const takeBack = () => act(to(customer.id, "delete"), { message_id: message.id }, "The message was not deleted");
  const own = !message.from_business && !isDeleted(message);
  const items = [
    { label: "Reply", icon: "reply", testid: "bubble-reply", run: quote },
    ...SIGNS.filter((sign) => sign !== given).map((sign) => ({ label: `React with ${sign}`, testid: "bubble-react", run: () => react(sign) })),
    given && { label: `Take ${given} back`, testid: "bubble-unreact", run: () => react(null) },
    own && message.type === "text" && { label: "Edit…", testid: "bubble-edit", run: change },
    own && { label: "Delete for everyone", testid: "bubble-delete", danger: true, run: takeBack },
  ].filter(Boolean);
  const node = iconButton("more", title, { class: "bubble-more", testid: "bubble-more", "aria-haspopup": "menu", onclick: () => openMenu(node, title, items) });
  return node;
}

/** What its author took back has nothing left. */
export function isDeleted({ from_business, content }) {
  return !from_business && content !== null && Object.keys(content).length === 0;
}
