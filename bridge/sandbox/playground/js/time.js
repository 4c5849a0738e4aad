// Instants as people read them, in this browser's zone and language.

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const SECONDS = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit", second: "2-digit" });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const NUMERIC = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "2-digit", day: "2-digit" });
const SHORT = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric" });
const LONG = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "long", day: "numeric" });
const LONGEST = new Intl.DateTimeFormat(undefined, { weekday: "long", year: "numeric", month: "long", day: "numeric" });
const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

export function clockTime(seconds) {
  return CLOCK.format(new Date(seconds * 1000));
}

export function fullTime(seconds) {
  return FULL.format(new Date(seconds * 1000));
}

export function dayOf(seconds) {
  return new Date(seconds * 1000).toDateString();
}

function daysFromToday(date) {
  const midnight = (of) => new Date(of.getFullYear(), of.getMonth(), of.getDate());
  return Math.round((midnight(date) - midnight(new Date())) / 86_400_000);
}

function pretty(date, format) {
  const days = daysFromToday(date);
  return Math.abs(days) <= 1 ? RELATIVE.format(days, "day") : format.format(date);
}

/** "Today", "Yesterday" or the date, to stand above a day's messages. */
export function dayName(seconds) {
  const words = pretty(new Date(seconds * 1000), LONGEST);
  return words.charAt(0).toLocaleUpperCase() + words.slice(1);
}

function ago(date) {
  const seconds = Math.round((date - Date.now()) / 1000);
  for (const [unit, size] of [["day", 86_400], ["hour", 3_600], ["minute", 60]]) {
    if (Math.abs(seconds) >= size) return RELATIVE.format(Math.round(seconds / size), unit);
  }
  return RELATIVE.format(seconds, "second");
}

const TOKENS = {
  date_num: (date) => NUMERIC.format(date),
  date: (date) => LONG.format(date),
  date_short: (date) => SHORT.format(date),
  date_long: (date) => LONGEST.format(date),
  date_pretty: (date) => pretty(date, LONG),
  date_short_pretty: (date) => pretty(date, SHORT),
  date_long_pretty: (date) => pretty(date, LONGEST),
  time: (date) => CLOCK.format(date),
  time_secs: (date) => SECONDS.format(date),
  ago,
};

/** A date format of Slack's (`{date_short_pretty} {time}`) filled in; null when it has a token that there is not. */
export function filled(seconds, format) {
  const date = new Date(seconds * 1000);
  let known = true;
  const text = format.replace(/\{(\w+)\}/g, (_, token) => {
    if (token in TOKENS) return TOKENS[token](date);
    known = false;
    return "";
  });
  return known ? text : null;
}

/** A stretch of time: `12 ms`, `1.4 s`. */
export function stretch(seconds) {
  const ms = Math.max(0, seconds * 1000);
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
