// Block Kit's interactive elements. `scene` says where they are and what becomes of what a person enters:
// {channel, ts} or {view}, `send(block, element, value)`, and for inputs `entered(block, element)` and `enter(block, element, value)`.

import { inWords, post, toast } from "./api.js";
import { confirm } from "./dialog.js";
import { h, icon } from "./dom.js";
import { textObject } from "./mrkdwn.js";
import { openMenu, openPicker } from "./popup.js";
import { nameOf, store, ui } from "./store.js";

const SEARCH_AFTER_MS = 200;
const TYPED_AFTER_MS = 120;

function agreed(element, words) {
  if (!words) return Promise.resolve(true);
  return confirm({
    title: words.title.text,
    words: textObject(words.text),
    yes: words.confirm.text,
    no: words.deny.text,
    danger: words.style === "danger" || element.style === "danger",
  });
}

/** Send a value once it is confirmed; the control shows that it is at work. */
async function send(scene, control, block, element, value) {
  if (!(await agreed(element, element.confirm))) return;
  control.classList.add("busy");
  control.setAttribute("aria-busy", "true");
  try {
    await scene.send(block, element, value);
  } finally {
    control.classList.remove("busy");
    control.removeAttribute("aria-busy");
  }
}

function words(object) {
  return textObject(object).join("");
}

function button(element, scene, block) {
  const style = { primary: "primary", danger: "danger" }[element.style] || "";
  const node = h(
    "button",
    {
      type: "button",
      class: `button ${style}`,
      "data-focus": `${block.block_id} ${element.action_id}`,
      "data-action-id": element.action_id,
      "aria-label": element.accessibility_label,
      testid: "action",
      onclick: () => send(scene, node, block, element, element.value ?? null),
    },
    textObject(element.text),
  );
  return node;
}

function overflow(element, scene, block) {
  const node = h(
    "button",
    {
      type: "button",
      class: "button square",
      "aria-label": "More actions",
      "aria-haspopup": "menu",
      "aria-expanded": "false",
      title: "More actions",
      "data-focus": `${block.block_id} ${element.action_id}`,
      "data-action-id": element.action_id,
      testid: "overflow",
      onclick: () => {
        const items = element.options.map((option) => ({
          label: words(option.text),
          testid: "overflow-option",
          run: () => send(scene, node, block, element, option.value),
        }));
        openMenu(node, "More actions", items);
      },
    },
    icon("more"),
  );
  return node;
}

// Selects

function fixedRows(element) {
  const groups = element.option_groups || [{ options: element.options || [] }];
  return groups.flatMap((group) =>
    group.options.map((option) => ({
      value: option.value,
      label: words(option.text),
      hint: option.description ? words(option.description) : "",
      group: group.label ? words(group.label) : "",
    })),
  );
}

function peopleRows() {
  return [...store.people.values()].map((person) => ({
    value: person.id,
    label: person.real_name || person.name,
    hint: `@${person.name}${person.id === ui.me ? " (you)" : ""}`,
  }));
}

function channelRows() {
  const all = [...store.channels.values()].filter((channel) => channel.kind !== "im");
  return all.map((channel) => ({ value: channel.id, label: `#${channel.name}` }));
}

async function suggested(element, scene, block, query) {
  const where = scene.view ? { view_id: scene.view } : { channel: scene.channel, ts: scene.ts };
  try {
    const asked = { person: ui.me, block_id: block.block_id, action_id: element.action_id, query };
    const answer = await post("slack/search", { ...asked, ...where });
    if (!answer.ok) throw new Error(inWords(answer.error));
    return answer.options.map((option) => ({ value: option.value, label: words(option.text) }));
  } catch (error) {
    toast("The options could not be loaded", error.message);
    return [];
  }
}

function finder(element, scene, block) {
  const kind = element.type.replace("multi_", "");
  if (kind === "external_select") {
    const least = element.min_query_length ?? 3;
    let turn = 0;
    return async (query) => {
      const mine = ++turn;
      if (query.length < least) return [];
      await new Promise((resolve) => setTimeout(resolve, SEARCH_AFTER_MS));
      return mine === turn ? suggested(element, scene, block, query) : [];
    };
  }
  const rows = { static_select: () => fixedRows(element), users_select: peopleRows }[kind] || channelRows;
  return (query) => {
    const asked = query.toLowerCase();
    return rows().filter((row) => `${row.label} ${row.hint || ""}`.toLowerCase().includes(asked));
  };
}

function chosenLabel(element, value) {
  if (value === null || value === undefined || value === "") return null;
  if (typeof value === "object") return words(value.text);
  const kind = element.type.replace("multi_", "");
  if (kind === "users_select") return nameOf(value);
  if (kind === "static_select") return fixedRows(element).find((row) => row.value === value)?.label ?? value;
  return store.channels.has(value) ? `#${store.channels.get(value).name}` : value;
}

function select(element, scene, block) {
  const many = element.type.startsWith("multi_");
  const label = h("span", { class: "select-label" });
  const node = h(
    "button",
    {
      type: "button",
      class: "select",
      role: "combobox",
      "aria-haspopup": "listbox",
      "aria-expanded": "false",
      "data-focus": `${block.block_id} ${element.action_id}`,
      "data-action-id": element.action_id,
      testid: "select",
      onclick: () => openPicker(node, { label: ask, find: finder(element, scene, block), pick, empty }),
    },
    label,
    icon("chevron"),
  );
  const ask = element.placeholder ? words(element.placeholder) : "Choose";
  const name = block.type === "input" ? words(block.label) : ask;
  const least = element.min_query_length ?? 3;
  const empty = (query) =>
    element.type.endsWith("external_select") && query.length < least ? `Type at least ${least} characters.` : "Nothing matches.";
  const known = scene.labels || new Map();
  const draw = () => {
    const value = scene.entered?.(block, element);
    const shown = many
      ? (value || []).map((one) => known.get(one) || chosenLabel(element, one)).join(", ")
      : known.get(value) || chosenLabel(element, value);
    label.textContent = shown || ask;
    node.setAttribute("aria-label", shown ? `${name}: ${shown}` : name);
    node.classList.toggle("unset", !shown);
  };
  const pick = async (row) => {
    known.set(row.value, row.label);
    if (many) {
      const before = scene.entered?.(block, element) || [];
      const next = before.includes(row.value) ? before.filter((one) => one !== row.value) : [...before, row.value];
      scene.enter?.(block, element, next);
      if (!scene.enter || block.type !== "input" || block.dispatch_action) await send(scene, node, block, element, next);
    } else {
      scene.enter?.(block, element, row.value);
      if (!scene.enter || block.type !== "input" || block.dispatch_action) await send(scene, node, block, element, row.value);
    }
    draw();
  };
  draw();
  return node;
}

// Inputs

const NATIVE = {
  number_input: "number",
  email_text_input: "email",
  url_text_input: "url",
  datepicker: "date",
  timepicker: "time",
};

function typed(element, scene, block) {
  const props = {
    class: "field",
    maxlength: element.max_length,
    placeholder: element.placeholder ? words(element.placeholder) : null,
    value: scene.entered?.(block, element) ?? "",
    "data-focus": `${block.block_id} ${element.action_id}`,
    "data-action-id": element.action_id,
    testid: "input",
  };
  const node = element.multiline
    ? h("textarea", { rows: "4", ...props })
    : h("input", { type: NATIVE[element.type] || "text", ...props });
  const told = block.type !== "input" || block.dispatch_action;
  const each = told && element.dispatch_action_config?.trigger_actions_on?.includes("on_character_entered");
  let soon = 0;
  node.addEventListener("input", () => {
    scene.enter?.(block, element, node.value);
    if (!each) return;
    clearTimeout(soon);
    soon = setTimeout(() => scene.send(block, element, node.value), TYPED_AFTER_MS);
  });
  node.addEventListener("change", () => {
    if (told && !each) send(scene, node, block, element, node.value);
  });
  return node;
}

function choices(element, scene, block) {
  const single = element.type === "radio_buttons";
  const name = `${block.block_id}-${element.action_id}`;
  const given = scene.entered?.(block, element);
  const chosen = new Set(single ? [given] : given || []);
  const rows = element.options.map((option) => {
    const box = h("input", { type: single ? "radio" : "checkbox", name, checked: chosen.has(option.value) });
    box.addEventListener("change", () => {
      if (single) chosen.clear();
      if (box.checked) chosen.add(option.value);
      else chosen.delete(option.value);
      const value = single ? option.value : [...chosen];
      scene.enter?.(block, element, value);
      if (!scene.enter || block.type !== "input" || block.dispatch_action) send(scene, box, block, element, value);
    });
    const more = option.description && h("span", { class: "option-hint" }, textObject(option.description));
    return h("label", { class: "choice" }, box, h("span", {}, textObject(option.text), more));
  });
  return h("div", { class: "choices", role: single ? "radiogroup" : "group", tabindex: "-1" }, rows);
}

const KINDS = { button, workflow_button: button, overflow, radio_buttons: choices, checkboxes: choices };

/** The control for an element; one that this page cannot show says so. */
export function control(element, scene, block) {
  if (KINDS[element.type]) return KINDS[element.type](element, scene, block);
  if (/_select$/.test(element.type)) return select(element, scene, block);
  if (element.type === "plain_text_input" || NATIVE[element.type]) return typed(element, scene, block);
  return h("span", { class: "unshown" }, `[${element.type} is not shown here]`);
}

/** The element's first value, as the app asked for it. */
export function initialValue(element) {
  const option = element.initial_option;
  if (option) return option.value;
  if (element.initial_options) return element.initial_options.map((one) => one.value);
  const keys = ["user", "users", "conversation", "conversations", "channel", "channels", "value", "date", "time"];
  for (const key of keys) if (element[`initial_${key}`] !== undefined) return element[`initial_${key}`];
  return undefined;
}

