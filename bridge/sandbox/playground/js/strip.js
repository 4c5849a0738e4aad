// The road of the last message, as far as it can be seen from outside the bridge.

import { text } from "./api.js";
import { h, icon, reconcile } from "./dom.js";
import { mrkdwn } from "./mrkdwn.js";
import { shownEmoji } from "./emoji.js";
import { follow } from "./sync.js";
import { changed, nameOf, onChange, store } from "./store.js";
import { stretch } from "./time.js";

const POLL_MS = 2_000;
const SOON_MS = 400;
const PATIENCE_MS = 6_000;
const WORDS_COMPARED = 60;

let trace = null;
let counts = null;
let health = "unknown";

export function setUpStrip() {
  follow(look);
  onChange(draw);
  const poll = async () => {
    await askBridge();
    setTimeout(poll, POLL_MS);
  };
  poll();
}

async function askBridge() {
  if (!store.bridge.url || document.hidden) return;
  const before = JSON.stringify([counts, health]);
  try {
    await text("bridge/healthz");
    counts = { arrived: 0, committed: 0, archived: 0, ...sums(await text("bridge/metrics")) };
    health = "ok";
  } catch {
    health = "down";
  }
  if (JSON.stringify([counts, health]) !== before) changed();
}

const NAMED = { events: "arrived", decided: "committed", archived: "archived" };

function sums(metrics) {
  const found = {};
  for (const line of metrics.split("\n")) {
    const row = /^threadline_(events|decided|archived)_total(?:\{[^}]*\})? ([\d.e+]+)/.exec(line);
    if (!row) continue;
    const name = NAMED[row[1]];
    found[name] = (found[name] || 0) + Number(row[2]);
  }
  return found;
}

// Following one message through the feed

const visible = (words) => h("p", {}, mrkdwn(words || "")).textContent;
/** Letters and digits alone: what stays the same however a platform writes marks and spaces. */
const letters = (words) => (words || "").replace(/[^\p{L}\p{N}]+/gu, "");

function begin(kind, about) {
  trace = { kind, arrive: null, act: null, later: [], committedBefore: counts?.committed ?? null, archivedBefore: counts?.archived ?? null, ...about };
  setTimeout(askBridge, SOON_MS);
  setTimeout(changed, PATIENCE_MS);
}

/** Whether something may still come of it soon; later the page stops pretending to know. */
function awaited() {
  return Date.now() / 1000 - trace.at < PATIENCE_MS / 1000;
}

function look(entry) {
  if (entry.kind === "whatsapp.wrote") {
    const { id, customer, text: words, type } = entry.message;
    const name = store.customers.get(customer)?.name || customer;
    begin("customer", { id, who: name, words: words || `[${type}]`, compared: letters(words), at: entry.at });
  } else if (entry.kind === "slack.message" && !entry.bot && entry.thread_ts && store.people.has(entry.user)) {
    begin("agent", { id: entry.ts, channel: entry.channel, who: nameOf(entry.user), words: visible(entry.text), compared: letters(visible(entry.text)), at: entry.at });
  } else if (trace?.kind === "customer") lookForCustomer(entry);
  else if (trace?.kind === "agent") lookForAgent(entry);
}

function lookForCustomer(entry) {
  if (entry.kind === "whatsapp.webhook.attempt" && entry.subjects.includes(trace.id)) {
    const ok = entry.status === 200;
    if (trace.arrive?.ok) return;
    const answer = entry.status === null ? entry.error : String(entry.status);
    const tries = entry.attempt > 1 ? `, try ${entry.attempt}` : "";
    trace.arrive = { ok, at: entry.at, words: ok ? `200 after ${stretch(entry.latency_ms / 1000)}${tries}` : `${answer}; will be tried again` };
  } else if (/^slack\.message(\.changed)?$/.test(entry.kind) && entry.bot && !trace.act && shows(entry)) {
    const channel = store.channels.get(entry.channel)?.name;
    trace.act = { at: entry.at, words: `Posted in #${channel || "?"}` };
    setTimeout(askBridge, SOON_MS);
  }
}

/** A post of the bot's shows the message when it has its words, or, without words, the customer's name. */
function shows(entry) {
  const asked = trace.compared.slice(0, WORDS_COMPARED);
  if (asked) return letters(visible(entry.text)).includes(asked);
  return Boolean(entry.username?.startsWith(trace.who.slice(0, 10)));
}

function lookForAgent(entry) {
  const mine = entry.ts === trace.id && entry.channel === trace.channel;
  if (entry.kind === "slack.event.acked" && mine && !trace.arrive?.ok) {
    trace.arrive = { ok: true, at: entry.at, words: `Taken after ${stretch(entry.at - trace.at)}` };
  } else if (entry.kind === "slack.event.lost" && mine) {
    trace.arrive = { ok: false, at: entry.at, words: `Not taken: ${entry.reason}` };
  } else if (entry.kind === "whatsapp.accepted" && !trace.act) {
    const said = letters(entry.message.text);
    if (!said || !trace.compared.includes(said.slice(0, WORDS_COMPARED))) return;
    trace.act = { at: entry.at, words: "Accepted by WhatsApp", message: entry.message.id };
    setTimeout(askBridge, SOON_MS);
  } else if (entry.kind === "whatsapp.status" && trace.act?.message === entry.message) {
    trace.later = [entry.status];
  } else if (entry.kind === "slack.reaction_added" && mine && entry.user === store.bot.user_id && !trace.act?.message) {
    trace.act = { at: entry.at, words: `Marked ${shownEmoji(entry.name)}` };
  }
}

// Drawing

function inside() {
  if (!trace.act) {
    if (!trace.arrive?.ok) return ["", "Waits"];
    return awaited() ? ["doing", "Inside the bridge"] : ["", "Nothing came out"];
  }
  const since = trace.arrive?.ok ? trace.act.at - trace.arrive.at : trace.act.at - trace.at;
  return ["done", since >= 0 ? `Within ${stretch(since)}` : "Before the answer"];
}

function commit() {
  const more = counts && trace.committedBefore !== null ? counts.committed - trace.committedBefore : 0;
  if (more > 0) return ["done", `${more} ${more === 1 ? "event" : "events"} committed since`];
  if (trace.act) return ["done", "Seen by its effect"];
  return ["", "Waits"];
}

function remember(committed) {
  if (!committed) return ["", "Waits"];
  const more = counts && trace.archivedBefore !== null ? counts.archived - trace.archivedBefore : 0;
  if (more > 0) return ["done", `${more} ${more === 1 ? "fact" : "facts"} archived since`];
  return ["half", "In the journal"];
}

function verbs() {
  if (!trace) {
    const known = ["The webhook’s 200", "Seen by its effect", "Seen by its effect", "The post, or the send", "The archive"];
    return known.map((words) => ["", words]);
  }
  const arrive = !trace.arrive ? [awaited() ? "doing" : "", awaited() ? "On its way" : "No answer yet"] : [trace.arrive.ok ? "done" : "failed", trace.arrive.words];
  const act = trace.act ? [trace.later[0] === "failed" ? "failed" : "done", [trace.act.words, ...trace.later].join(", ")] : ["", trace.arrive?.ok ? "Nothing seen yet" : "Waits"];
  const saved = commit();
  return [arrive, inside(), saved, act, remember(saved[0] === "done")];
}

const NAMES = ["Arrive", "Decide", "Commit", "Act", "Remember"];
const HELP = [
  "The platform delivered the message and got its answer",
  "Cannot be seen from outside: known by what happened after it",
  "Counted by the bridge’s metrics, or known by what happened after it",
  "The desk shows the customer’s words, or WhatsApp took the agent’s",
  "The journal is written with the commit, and the archive from the journal soon after: counted by the bridge’s metrics",
];

function bridgeWords() {
  if (!store.bridge.url) return ["off", "No bridge connected"];
  if (health === "down") return ["off", `The bridge at ${store.bridge.url} does not answer`];
  if (!counts) return ["on", `Bridge at ${store.bridge.url}`];
  return ["on", `Bridge healthy · ${counts.arrived} ${counts.arrived === 1 ? "event" : "events"} arrived · ${counts.committed} committed`];
}

function draw() {
  const [state, words] = bridgeWords();
  const said = trace ? `${trace.who}: “${trace.words}”` : "Nobody has written yet";
  const steps = verbs();
  const at = trace ? steps.slice(0, 4).findLastIndex(([look]) => look) : -1;
  const latest = at >= 0 ? `${NAMES[at]}: ${steps[at][1]}` : "";
  reconcile(document.getElementById("strip"), [
    {
      key: "head",
      sig: said + words + latest,
      build: () =>
        h(
          "div",
          { class: "strip-head" },
          h("p", { class: "strip-message", testid: "strip-message" }, said),
          h("p", { class: "strip-latest", testid: "strip-latest" }, latest),
          h("p", { class: `strip-bridge ${state}`, testid: "strip-bridge" }, words),
        ),
    },
    {
      key: "verbs",
      sig: "",
      build: () => h("ol", { class: "verbs" }, NAMES.map((name, at) => h("li", { class: "verb", testid: `verb-${name.toLowerCase()}`, title: HELP[at] }))),
    },
  ]);
  const items = document.querySelectorAll("#strip .verb");
  steps.forEach(([look, note], at) => {
    items[at].className = `verb ${look}`;
    items[at].dataset.state = look || "waiting";
    reconcile(items[at], [
      {
        key: "inner",
        sig: look + note,
        build: () => h("div", { class: "verb-inner" }, h("span", { class: "lamp" }, look === "done" && icon("check")), h("div", {}, h("strong", {}, NAMES[at]), h("span", { class: "verb-note" }, note))),
      },
    ]);
  });
}
