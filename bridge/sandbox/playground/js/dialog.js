// Dialogs of the page itself: a question with two answers, and a text to change.

import { h, iconButton } from "./dom.js";

let numbers = 0;

/** Notices show inside an open dialog, since all else is inert; they outlive it. */
function returnNotices(node) {
  const notices = document.getElementById("toasts");
  if (node.contains(notices)) document.body.append(notices);
}

/** A modal frame: title, body, buttons. Esc and the cross call `dismiss`; the keyboard returns where it was. */
export function frame(title, { dismiss, testid = "dialog", class: extra = "" }) {
  const id = `dialog-${++numbers}`;
  const back = document.activeElement;
  const heading = h("h2", { id: `${id}-title` }, title);
  const body = h("div", { class: "dialog-body" });
  const foot = h("footer", { class: "dialog-foot" });
  const form = h(
    "form",
    { method: "dialog", novalidate: true },
    h("header", { class: "dialog-head" }, heading, iconButton("close", "Close", { onclick: () => dismiss() })),
    body,
    foot,
  );
  const node = h("dialog", { class: `dialog ${extra}`, "aria-labelledby": `${id}-title`, testid }, form);
  node.addEventListener("cancel", (event) => {
    event.preventDefault();
    dismiss();
  });
  document.body.append(node);
  const close = () => {
    node.close();
    returnNotices(node);
    node.remove();
    if (back?.isConnected) back.focus({ preventScroll: true });
  };
  return { node, form, heading, body, foot, close };
}

/** Ask; true when the person agrees. `words` may be nodes. */
export function confirm({ title, words, yes, no = "Cancel", danger = false }) {
  return new Promise((resolve) => {
    const answer = (value) => {
      made.close();
      resolve(value);
    };
    const made = frame(title, { dismiss: () => answer(false), testid: "confirm", class: "small" });
    made.body.append(h("div", { class: "dialog-words" }, words));
    const agree = h("button", { type: "submit", class: danger ? "button danger" : "button primary", testid: "confirm-yes" }, yes);
    made.foot.append(h("button", { type: "button", class: "button", testid: "confirm-no", onclick: () => answer(false) }, no), agree);
    made.form.addEventListener("submit", (event) => {
      event.preventDefault();
      answer(true);
    });
    made.node.showModal();
    agree.focus();
  });
}

/** Let a person change a text; null when they leave it. */
export function editText(title, text) {
  return new Promise((resolve) => {
    const answer = (value) => {
      made.close();
      resolve(value);
    };
    const made = frame(title, { dismiss: () => answer(null), testid: "edit-dialog", class: "small" });
    const area = h("textarea", { class: "field", rows: "5", "aria-label": title, value: text, testid: "edit-text" });
    made.body.append(area);
    made.foot.append(
      h("button", { type: "button", class: "button", onclick: () => answer(null) }, "Cancel"),
      h("button", { type: "submit", class: "button primary", testid: "edit-save" }, "Save"),
    );
    made.form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (area.value.trim()) answer(area.value.trim());
      else area.focus();
    });
    made.node.showModal();
    area.focus();
  });
}

/** A labelled input with a place for its error. */
export function labelled(label, input, { hint = "", error = "", optional = false, key = "" } = {}) {
  const id = `field-${++numbers}`;
  input.id = id;
  if (hint || error) input.setAttribute("aria-describedby", `${id}-note`);
  if (error) input.setAttribute("aria-invalid", "true");
  const note = error || hint;
  return h(
    "div",
    { class: `labelled ${error ? "wrong" : ""}`, "data-block": key },
    h("label", { for: id }, label, optional && h("span", { class: "optional" }, " (optional)")),
    input,
    note && h("p", { class: "note", id: `${id}-note`, role: error ? "alert" : undefined }, note),
  );
}
