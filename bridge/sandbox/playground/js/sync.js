// Keeps the store true: the whole state at first and after every break, then the feed's entries one by one.

import { get } from "./api.js";
import { changed, store, takeSlack, takeWhatsApp } from "./store.js";

const RETRY_FIRST_MS = 500;
const RETRY_MOST_MS = 5_000;
const TOGETHER_MS = 15;
const MOST_AT_ONCE = 60;
const TYPING_S = 25;
const KEPT_PER_CHAT = 1_000;

const followers = new Set();
const dirty = new Map();
const dirtyPeople = new Set();
const dirtyCustomers = new Set();
let wholeSlack = false;
let missed = false;
let timer = null;
let busy = Promise.resolve();

/** Call with every feed entry, in order, after the store has taken it. */
export function follow(listener) {
  followers.add(listener);
}

/** Load everything and stay in touch; never ends. */
export async function keepInTouch() {
  let wait = RETRY_FIRST_MS;
  for (;;) {
    try {
      await loadAll();
      await listen(() => {
        wait = RETRY_FIRST_MS;
        connected(true);
      });
    } catch {
      // The banner tells; the next round tries again.
    }
    connected(false);
    await new Promise((resolve) => setTimeout(resolve, wait));
    wait = Math.min(wait * 2, RETRY_MOST_MS);
  }
}

async function loadAll() {
  const [state, bridge] = await Promise.all([get("state"), get("bridge")]);
  store.last = state.last;
  store.scale = state.scale;
  store.bridge = bridge;
  takeWhatsApp(state.whatsapp);
  takeSlack(state.slack);
  changed();
}

function connected(now) {
  store.connected = now;
  changed();
}

/** Follow the feed until it breaks. A fresh source each time: after a restart the numbers begin anew. */
function listen(opened) {
  return new Promise((_, reject) => {
    const source = new EventSource(`/control/feed?since=${store.last}`);
    source.onopen = opened;
    source.onmessage = (event) => take(JSON.parse(event.data));
    source.onerror = () => {
      source.close();
      reject(new Error("the feed broke off"));
    };
  });
}

function take(entry) {
  if (entry.n <= store.last) return;
  // The feed keeps a bounded number of entries: a reader that fell behind has missed some.
  if (entry.n > store.last + 1) soon(() => (missed = true));
  store.last = entry.n;
  const handler = HANDLERS[entry.kind] || (entry.kind.startsWith("slack.") && REFRESHING.test(entry.kind) && refreshSlack);
  if (handler) handler(entry);
  for (const follower of followers) follower(entry);
  changed();
}

const REFRESHING = /^slack\.(member|channel|usergroup|tokens_revoked|app_uninstalled|socket)/;

const HANDLERS = {
  bridge: ({ url, commands }) => {
    store.bridge = { url, commands };
  },
  "whatsapp.wrote": ({ message }) => addToChat(message),
  "whatsapp.received": ({ message }) => addToChat(message),
  "whatsapp.ticked": (entry) => setStatus(entry, "delivered"),
  "whatsapp.status": (entry) => setStatus(entry, entry.status),
  "whatsapp.accepted": ({ message }) => setTyping(message.customer, message.number_id, false),
  "whatsapp.marked_read": markRead,
  "whatsapp.customer": ({ customer }) => soon(() => dirtyCustomers.add(customer)),
  "slack.message": touchMessage,
  "slack.message.changed": touchMessage,
  "slack.message.deleted": touchMessage,
  "slack.reaction_added": touchMessage,
  "slack.reaction_removed": touchMessage,
  "slack.ephemeral": ({ user }) => soon(() => dirtyPeople.add(user)),
  "slack.ephemeral.deleted": ({ user }) => soon(() => dirtyPeople.add(user)),
  "slack.ping": ({ person }) => soon(() => dirtyPeople.add(person)),
  "slack.view.opened": ({ user }) => soon(() => dirtyPeople.add(user)),
  "slack.view.pushed": ({ user }) => soon(() => dirtyPeople.add(user)),
  "slack.view.updated": ({ user }) => soon(() => dirtyPeople.add(user)),
  "slack.view.closed": ({ user }) => soon(() => dirtyPeople.add(user)),
  "slack.home": ({ user }) => soon(() => dirtyPeople.add(user)),
  "slack.status": setThreadStatus,
};

// WhatsApp: the feed's entries say all there is to know

function chatFor(customerId, numberId) {
  const customer = store.customers.get(customerId);
  if (!customer) return null;
  customer.chats[numberId] ||= { typing: false, messages: [] };
  return customer.chats[numberId];
}

function addToChat(message) {
  const chat = chatFor(message.customer, message.number_id);
  if (!chat) return;
  const known = chat.messages.findIndex((one) => one.id === message.id);
  if (known >= 0) chat.messages[known] = message;
  else chat.messages.push(message);
  if (chat.messages.length > KEPT_PER_CHAT) chat.messages.shift();
  if (message.from_business) chat.typing = false;
}

function findMessage(entry) {
  const customer = store.customers.get(entry.customer);
  for (const chat of Object.values(customer?.chats || {})) {
    const found = chat.messages.find((message) => message.id === entry.message);
    if (found) return { chat, found };
  }
  return null;
}

function setStatus(entry, status) {
  const place = findMessage(entry);
  if (place) place.found.status = status;
}

function markRead(entry) {
  const place = findMessage(entry);
  if (!place) return;
  for (const message of place.chat.messages) {
    if (!message.from_business && message.at <= place.found.at) message.status = "read";
  }
  if (entry.typing) setTyping(entry.customer, place.found.number_id, true);
}

function setTyping(customerId, numberId, typing) {
  const chat = chatFor(customerId, numberId);
  if (!chat) return;
  chat.typing = typing;
  clearTimeout(chat.typingTimer);
  if (!typing) return;
  const stop = () => {
    chat.typing = false;
    changed();
  };
  chat.typingTimer = setTimeout(stop, (TYPING_S / store.scale) * 1000);
}

// Slack: the entries name what to look at again

function touchMessage({ channel, ts, thread_ts: thread, bot }) {
  const known = store.channels.get(channel);
  if (!known) return refreshSlack();
  const root = thread || known.messages.get(ts)?.thread_ts;
  if (bot && thread) delete known.statuses[thread];
  return soon(() => {
    if (!dirty.has(channel)) dirty.set(channel, new Set());
    dirty.get(channel).add(ts);
    if (root) dirty.get(channel).add(root);
  });
}

function setThreadStatus({ channel, thread_ts: thread, status }) {
  const known = store.channels.get(channel);
  if (known && status) known.statuses[thread] = status;
  else if (known) delete known.statuses[thread];
}

function refreshSlack() {
  soon(() => {
    wholeSlack = true;
  });
}

/** Note what is to be fetched; entries of one moment are fetched together, and fetches never overtake each other. */
function soon(note) {
  note();
  if (timer !== null) return;
  timer = setTimeout(() => {
    timer = null;
    busy = busy.then(fetchDirty).catch(() => undefined);
  }, TOGETHER_MS);
}

async function fetchDirty() {
  if (missed) {
    missed = false;
    await loadAll();
  }
  const channels = [...dirty];
  const people = [...dirtyPeople];
  const customers = [...dirtyCustomers];
  const whole = wholeSlack || channels.some(([, stamps]) => stamps.size > MOST_AT_ONCE);
  dirty.clear();
  dirtyPeople.clear();
  dirtyCustomers.clear();
  wholeSlack = false;
  const work = customers.map(fetchCustomer);
  if (whole) work.push(get("slack").then(takeSlack));
  else work.push(...channels.map(fetchMessages), ...people.map(fetchPerson));
  await Promise.all(work);
  changed();
}

async function fetchMessages([id, stamps]) {
  const query = new URLSearchParams([["channel", id], ...[...stamps].map((ts) => ["ts", ts])]);
  const { messages } = await get(`slack/messages?${query}`);
  const channel = store.channels.get(id);
  if (!channel) return;
  for (const ts of stamps) channel.messages.delete(ts);
  for (const message of messages) channel.messages.set(message.ts, message);
}

async function fetchPerson(id) {
  const { person } = await get(`slack/person?${new URLSearchParams({ person: id })}`);
  store.people.set(person.id, person);
}

async function fetchCustomer(id) {
  const { customer } = await get(`whatsapp/customers/${encodeURIComponent(id)}`);
  store.customers.set(customer.id, customer);
}
