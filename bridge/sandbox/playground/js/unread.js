// What each person has not seen yet. The sandbox's Slack keeps no read marks, so this page does, from when it opened.

import { numberOf, store, timeline, ui } from "./store.js";

const opened = (Date.now() / 1000).toFixed(6);
const seen = new Map();
const seenChats = new Map();

function mark(person, channel, thread) {
  return `${person}/${channel}/${thread || ""}`;
}

export function lastSeen(channel, thread = null) {
  return seen.get(mark(ui.me, channel, thread)) || opened;
}

/** Everything that a channel or thread holds now has been seen by the person at the desk; true when that is news. */
export function see(channel, thread = null) {
  const newest = timeline(channel, thread).at(-1)?.ts;
  if (!newest || newest <= lastSeen(channel.id, thread)) return false;
  seen.set(mark(ui.me, channel.id, thread), newest);
  return true;
}

function fresh(message, since) {
  return message.ts > since && message.user !== ui.me && message.subtype !== "tombstone";
}

export function unreadIn(channel) {
  const since = lastSeen(channel.id);
  return timeline(channel).filter((message) => fresh(message, since)).length;
}

export function unreadReplies(channel, root) {
  if (!root.latest_reply) return 0;
  const since = lastSeen(channel.id, root.ts);
  if (root.latest_reply <= since) return 0;
  return timeline(channel, root.ts).filter((message) => fresh(message, since)).length;
}

/** Notifications from mentions that the person has not looked at. */
export function pingsIn(channel) {
  const pings = store.people.get(ui.me)?.pings || [];
  return pings.filter(({ channel: where, ts }) => {
    if (where !== channel.id) return false;
    const root = channel.messages.get(ts)?.thread_ts;
    return ts > lastSeen(channel.id, root && root !== ts ? root : null);
  }).length;
}

// The phone: a customer without read receipts has read what the page has shown, whatever the status says

export function seeChat(customerId, messages) {
  const newest = messages.filter((message) => message.from_business).at(-1);
  if (newest) seenChats.set(`${customerId}/${newest.number_id}`, newest.at);
}

export function unreadOn(customer) {
  let count = 0;
  for (const [number, chat] of Object.entries(customer.chats)) {
    if (customer.id === ui.customer && number === numberOf(customer.id) && customer.online && ui.phoneShown) continue;
    const since = seenChats.get(`${customer.id}/${number}`) || 0;
    count += chat.messages.filter(
      (message) => message.from_business && message.type !== "reaction" && message.status === "delivered" && message.at > since,
    ).length;
  }
  return count;
}
