// The app's modals and its Home tab.

import { act, inWords, post } from "./api.js";
import { blocks } from "./blocks.js";
import { frame } from "./dialog.js";
import { h, reconcile } from "./dom.js";
import { initialValue } from "./elements.js";
import { textObject } from "./mrkdwn.js";
import { me, ui } from "./store.js";

let open = null;

/** Show the top modal of the person at the desk, or none. */
export function drawViews() {
  const view = me()?.views.at(-1) || null;
  if (open && (!view || open.view.id !== view.id || open.person !== ui.me)) {
    open.made.close();
    open = null;
  }
  if (!view) return;
  if (!open) open = start(view);
  else if (open.view.hash !== view.hash) {
    open.view = view;
    fill(open);
  }
}

function start(view) {
  const shown = { view, person: ui.me, entered: new Map(), labels: new Map(), errors: {}, busy: false };
  const leave = () => act("slack/close", { person: shown.person, view_id: shown.view.id }, "The dialog could not be closed");
  shown.made = frame("", { dismiss: leave, testid: "modal" });
  shown.leave = leave;
  shown.made.form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit(shown);
  });
  fill(shown);
  shown.made.node.showModal();
  const first = shown.made.body.querySelector("input, textarea, button, [tabindex='0']");
  (first || shown.made.foot.querySelector("button"))?.focus();
  return shown;
}

const slot = (block, element) => `${block.block_id}\u0000${element.action_id}`;

function sceneOf(shown) {
  return {
    view: shown.view.id,
    errors: shown.errors,
    labels: shown.labels,
    entered: (block, element) => (shown.entered.has(slot(block, element)) ? shown.entered.get(slot(block, element)) : initialValue(element)),
    enter: (block, element, value) => {
      shown.entered.set(slot(block, element), value);
      forgive(shown, block.block_id);
    },
    send: (block, element, value) => {
      const body = { person: shown.person, view_id: shown.view.id, block_id: block.block_id, action_id: element.action_id, value };
      return act("slack/press", body, "The app did not take it");
    },
  };
}

/** What was wrong with a field is no longer true once it is changed. */
function forgive(shown, blockId) {
  if (!shown.errors[blockId]) return;
  delete shown.errors[blockId];
  const field = shown.made.body.querySelector(`[data-block="${CSS.escape(blockId)}"]`);
  field?.classList.remove("wrong");
  field?.querySelector(".note")?.remove();
  field?.querySelector("[aria-invalid]")?.removeAttribute("aria-invalid");
}

function fill(shown, trouble = "") {
  const { view, made } = shown;
  made.heading.replaceChildren(...textObject(view.title));
  const problem = trouble && h("p", { class: "problem", role: "alert", testid: "modal-problem" }, trouble);
  const scene = sceneOf(shown);
  // A field that is the same as before is left alone, with the caret in it: somebody may be typing.
  const rows = view.blocks.map((block, at) => ({
    key: block.block_id || String(at),
    sig: JSON.stringify([block, shown.errors[block.block_id]]),
    build: () => blocks([block], scene)[0],
  }));
  if (problem) rows.unshift({ key: " problem", sig: trouble, build: () => problem });
  reconcile(made.body, rows);
  const close = h("button", { type: "button", class: "button", testid: "modal-close", onclick: shown.leave }, view.close ? textObject(view.close) : "Cancel");
  const go = view.submit && h("button", { type: "submit", class: "button primary", disabled: shown.busy, testid: "modal-submit" }, textObject(view.submit));
  made.foot.replaceChildren(...[close, go].filter(Boolean));
}

/** `{block_id: {action_id: value}}` of what was entered in the inputs that are there now. */
function values(shown) {
  const found = {};
  for (const block of shown.view.blocks) {
    if (block.type !== "input") continue;
    const key = slot(block, block.element);
    if (!shown.entered.has(key)) continue;
    const value = shown.entered.get(key);
    found[block.block_id] = { [block.element.action_id]: value === "" ? null : value };
  }
  return found;
}

async function submit(shown) {
  if (shown.busy || !shown.view.submit) return;
  shown.busy = true;
  shown.made.form.setAttribute("aria-busy", "true");
  let trouble = "";
  shown.errors = {};
  try {
    const answer = await post("slack/submit", { person: shown.person, view_id: shown.view.id, values: values(shown) });
    if (!answer.ok) {
      shown.errors = answer.errors || {};
      trouble = answer.error ? inWords(answer.error) : "";
    }
  } catch (error) {
    trouble = error.message;
  }
  shown.busy = false;
  shown.made.form.removeAttribute("aria-busy");
  const wrong = Object.keys(shown.errors);
  if (open === shown && (trouble || wrong.length)) {
    fill(shown, trouble);
    const at = wrong.length ? shown.made.body.querySelector(`[data-block="${CSS.escape(wrong[0])}"]`) : null;
    at?.querySelector("input, textarea, button")?.focus();
  }
}

/** The Home tab as a row for `reconcile`. */
export function homeBlocks(home) {
  const shown = { view: home, person: ui.me, entered: new Map(), errors: {} };
  return {
    key: "home",
    sig: home.hash + ui.me,
    build: () => h("div", { class: "home-view" }, blocks(home.blocks, sceneOf(shown))),
  };
}
