// Calls to the control API, and the notices for what goes wrong.

import { h, iconButton } from "./dom.js";

const LONGEST_S = 30;

export class Refused extends Error {}

async function call(path, options) {
  let answer;
  try {
    answer = await fetch(`/control/${path}`, { ...options, signal: AbortSignal.timeout(LONGEST_S * 1000) });
  } catch {
    throw new Refused("The sandbox did not answer. Is it still running? Try again in a moment.");
  }
  let body;
  try {
    body = await answer.json();
  } catch {
    throw new Refused(`The sandbox answered ${answer.status} without saying why. Its log may tell more.`);
  }
  if (!answer.ok) throw new Refused(body.error || `The sandbox answered ${answer.status}.`);
  return body;
}

export function get(path) {
  return call(path, {});
}

/** The text of a page that is no JSON; throws `Refused` when it is not there. */
export async function text(path) {
  try {
    const answer = await fetch(`/control/${path}`, { signal: AbortSignal.timeout(5000) });
    if (answer.ok) return await answer.text();
  } catch {
    // Told below, like an answer that is no success.
  }
  throw new Refused(`${path} did not answer`);
}

export function post(path, body = {}) {
  const headers = { "Content-Type": "application/json" };
  return call(path, { method: "POST", headers, body: JSON.stringify(body) });
}

/** Send the bytes of a file. */
export function upload(path, body, type) {
  const headers = { "Content-Type": type || "application/octet-stream" };
  return call(path, { method: "POST", headers, body });
}

const ADVICE = {
  dispatch_failed: "No app is connected to this workspace. Start the bridge (threadline demo does) and try again.",
  operation_timeout: "The app did not answer within three seconds. It may be busy; look at its log and try again.",
  expired_trigger_id: "The app was too slow to open a dialog. Press again.",
};

export function inWords(error) {
  return ADVICE[error] || error;
}

/** Post; a refusal is shown as a notice. Gives the answer, or null when it was refused. */
export async function act(path, body, what) {
  try {
    const answer = await post(path, body);
    if (answer.ok === false && answer.error) {
      toast(what, inWords(answer.error));
      return null;
    }
    return answer;
  } catch (error) {
    toast(what, error.message);
    return null;
  }
}

/** A notice in the corner: what failed, and what to do. */
export function toast(title, words) {
  const place = document.getElementById("toasts");
  const remove = () => note.remove();
  const note = h(
    "div",
    { class: "toast", testid: "toast" },
    h("div", {}, h("strong", {}, title), h("p", {}, words)),
    iconButton("close", "Dismiss", { onclick: remove }),
  );
  const home = [...document.querySelectorAll("dialog[open]")].at(-1) || document.body;
  if (place.parentElement !== home) home.append(place);
  while (place.childElementCount > 3) place.firstElementChild.remove();
  place.append(note);
  setTimeout(() => {
    if (!note.matches(":hover, :focus-within")) remove();
  }, 12_000);
}
