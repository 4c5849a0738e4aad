// What is known of both platforms, what the page shows of it, and who wants to hear of changes.

export const store = {
  connected: false,
  last: 0,
  scale: 1,
  numbers: [],
  customers: new Map(),
  team: { name: "" },
  bot: { user_id: "", name: "" },
  people: new Map(),
  channels: new Map(),
  usergroups: [],
  commands: [],
  shortcuts: [],
  bridge: { url: null, commands: [] },
};

/** What this page is looking at. */
export const ui = {
  tab: "phone",
  customer: null,
  number: new Map(),
  me: null,
  channel: null,
  thread: null,
  quote: null,
  hidden: new Set(),
};

const listeners = new Set();
let scheduled = false;

export function onChange(listener) {
  listeners.add(listener);
}

/** Draw again, once for all changes of this moment. A hidden page draws too: its title counts what is unread. */
export function changed() {
  if (scheduled) return;
  scheduled = true;
  const draw = () => {
    scheduled = false;
    for (const listener of listeners) listener();
  };
  if (document.hidden) setTimeout(draw, 50);
  else requestAnimationFrame(draw);
}

export function takeWhatsApp(state) {
  store.numbers = state.numbers;
  store.customers = new Map(state.customers.map((customer) => [customer.id, customer]));
}

export function takeSlack(state) {
  const { team, bot, people, channels, usergroups, commands, shortcuts } = state;
  Object.assign(store, { team, bot, usergroups, commands, shortcuts });
  store.people = new Map(people.map((person) => [person.id, person]));
  store.channels = new Map(channels.map((channel) => [channel.id, indexed(channel)]));
}

function indexed(channel) {
  const messages = new Map(channel.messages.map((message) => [message.ts, message]));
  return { ...channel, messages };
}

/** The business number that a customer's chat shows. */
export function numberOf(customerId) {
  return ui.number.get(customerId) || store.numbers[0]?.phone_number_id;
}

export function chatOf(customer) {
  return customer.chats[numberOf(customer.id)] || { typing: false, messages: [] };
}

export function me() {
  return store.people.get(ui.me);
}

export function nameOf(userId) {
  if (userId === store.bot.user_id) return store.bot.name;
  const person = store.people.get(userId);
  return person ? person.real_name || person.name : userId || "Somebody";
}

/** Who a message is from, as a reader sees it. */
export function authorOf(message) {
  if (message.bot_id) {
    const glyph = message.icons?.emoji || "";
    return { name: message.username || store.bot.name, app: true, glyph };
  }
  if (message.user === "USLACKBOT") return { name: "Slackbot", app: true, glyph: "" };
  return { name: nameOf(message.user), app: false, glyph: "" };
}

export function myChannels() {
  return [...store.channels.values()].filter((channel) => channel.members.includes(ui.me));
}

/** The direct message with the bot; undefined until somebody has written in it. */
export function botChannel() {
  return myChannels().find((channel) => channel.kind === "im");
}

/** Messages in the order of their `ts`: a channel's own (with what was also sent to it) or one thread's replies. */
export function timeline(channel, thread = null) {
  const found = [...channel.messages.values()].filter((message) => {
    const reply = message.thread_ts && message.thread_ts !== message.ts;
    return thread ? reply && message.thread_ts === thread : !reply || message.subtype === "thread_broadcast";
  });
  return found.sort((one, other) => (one.ts < other.ts ? -1 : 1));
}

export function myEphemerals(channelId, thread = null) {
  const all = me()?.ephemerals || [];
  return all.filter(
    (item) => item.visible && item.channel === channelId && (item.thread_ts || null) === thread && !ui.hidden.has(item.ts),
  );
}
