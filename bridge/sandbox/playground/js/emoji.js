// Slack's emoji names and their characters, as the sandbox knows them.

import { get } from "./api.js";
import { changed } from "./store.js";

let characters = new Map();
let custom = [];

const TONES = { 2: "\u{1F3FB}", 3: "\u{1F3FC}", 4: "\u{1F3FD}", 5: "\u{1F3FE}", 6: "\u{1F3FF}" };
const FIRST = ["+1", "white_check_mark", "eyes", "raising_hand", "heart", "tada", "pray", "joy", "rotating_light", "thumbsdown"];

export async function loadEmoji() {
  const answer = await get("slack/emoji");
  characters = new Map(Object.entries(answer.emoji));
  custom = answer.custom;
  changed();
}

/** The character of a name such as `+1` or `wave::skin-tone-3`; null for names without one. */
export function glyph(name) {
  const [base, tone] = name.split("::skin-tone-");
  const found = characters.get(base);
  return found ? found + (TONES[tone] || "") : null;
}

/** The character, or `:name:` for a name without one. */
export function shownEmoji(name) {
  return glyph(name) || `:${name}:`;
}

/** Up to `most` names that hold the query, those that begin with it first; a few common ones without a query. */
export function searchEmoji(query, most = 60) {
  const asked = query.toLowerCase().replaceAll(":", "");
  const names = [...custom, ...characters.keys()];
  const found = asked ? names.filter((name) => name.includes(asked)) : [...FIRST, ...names.filter((name) => !FIRST.includes(name))];
  if (asked) found.sort((one, other) => Number(other.startsWith(asked)) - Number(one.startsWith(asked)));
  return found.slice(0, most);
}
