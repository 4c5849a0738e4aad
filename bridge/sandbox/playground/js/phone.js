// The customers, and whose phone is in hand.

import { act } from "./api.js";
import { arrowKeys, avatar, h, icon, narrow, reconcile } from "./dom.js";
import { drawChat, setUpChat } from "./chat.js";
import { askNewCustomer } from "./newcustomer.js";
import { changed, chatOf, numberOf, onChange, store, ui } from "./store.js";
import { unreadOn } from "./unread.js";

let told = { customer: null, number: null };
let queue = Promise.resolve();
let begun = false;

export function setUpPhone() {
  const list = document.getElementById("customers");
  arrowKeys(list, () => [...list.querySelectorAll("[role=option]")], { turned: true });
  list.addEventListener("focusin", (event) => {
    for (const option of list.children) option.tabIndex = option === event.target ? 0 : -1;
  });
  const add = document.getElementById("new-customer");
  add.append(icon("add"), h("span", {}, "New"));
  add.setAttribute("aria-label", "New customer");
  add.addEventListener("click", async () => {
    const made = await askNewCustomer();
    if (!made) return;
    store.customers.set(made.id, made);
    pickCustomer(made.id, { focus: true });
  });
  setUpChat(document.getElementById("chat"));
  onChange(draw);
  narrow.addEventListener("change", changed);
}

/** Take a customer's phone into the hand. */
export function pickCustomer(id, { focus = false } = {}) {
  if (ui.customer !== id) ui.quote = null;
  ui.customer = id;
  changed();
  if (focus) requestAnimationFrame(() => document.getElementById("chat-text")?.focus());
}

/** The chat counts as open while it can be seen: then what arrives is read at once. */
function tellWhoLooks() {
  ui.phoneShown = !narrow.matches || ui.tab === "phone";
  if (!store.connected) {
    told = { customer: null, number: null };
    return;
  }
  const customer = ui.phoneShown ? ui.customer : null;
  const number = customer && numberOf(customer);
  const before = told;
  if (before.customer === customer && before.number === number) return;
  told = { customer, number };
  queue = queue.then(async () => {
    if (before.customer && before.customer !== customer) await tell(before.customer, "leave");
    if (customer) await tell(customer, "open", { number_id: number });
  });
}

function tell(customer, verb, body = {}) {
  return act(`whatsapp/customers/${encodeURIComponent(customer)}/${verb}`, body, "The phone could not be handled");
}

function draw() {
  if (ui.customer && !store.customers.has(ui.customer)) ui.customer = null;
  if (!begun && store.connected) {
    begun = true;
    ui.customer ||= [...store.customers.values()].find((customer) => customer.chat_open)?.id || null;
  }
  tellWhoLooks();
  const list = document.getElementById("customers");
  const customers = [...store.customers.values()];
  reconcile(list, customers.map(row));
  if (!list.querySelector('[tabindex="0"]') && list.firstElementChild) list.firstElementChild.tabIndex = 0;
  const all = customers.reduce((sum, customer) => sum + unreadOn(customer), 0);
  const badge = document.getElementById("tab-phone-badge");
  badge.hidden = all === 0;
  badge.textContent = String(all);
  drawChat();
}

function row(customer) {
  const chosen = customer.id === ui.customer;
  const unread = unreadOn(customer);
  const typing = chatOf(customer).typing;
  const sig = [customer.name, customer.online, chosen, unread, typing].join("\u0000");
  return { key: customer.id, sig, build: () => buildRow(customer, chosen, unread, typing) };
}

function buildRow(customer, chosen, unread, typing) {
  const facts = [unread ? `${unread} unread` : "", customer.online ? "" : "phone is off", typing ? "is being answered" : ""];
  return h(
    "div",
    {
      role: "option",
      class: `customer ${customer.online ? "" : "off"}`,
      "aria-selected": String(chosen),
      "aria-label": [customer.name, ...facts].filter(Boolean).join(", "),
      title: customer.name,
      tabindex: chosen ? "0" : "-1",
      "data-customer": customer.id,
      testid: "customer",
      onclick: () => pickCustomer(customer.id, { focus: !narrow.matches }),
      onkeydown: (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        pickCustomer(customer.id, { focus: true });
      },
    },
    h("span", { class: "customer-face" }, avatar(customer.name, { round: true }), unread > 0 && h("span", { class: "badge", testid: "customer-unread" }, String(unread)), !customer.online && h("span", { class: "off-mark" }, icon("power"))),
    h("span", { class: "customer-name" }, customer.name),
  );
}
