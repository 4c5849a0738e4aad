// Puts the page together.

import { toast } from "./api.js";
import { setUpDesk } from "./desk.js";
import { h, icon, narrow, reconcile } from "./dom.js";
import { loadEmoji } from "./emoji.js";
import { setUpPhone } from "./phone.js";
import { changed, onChange, store, ui } from "./store.js";
import { setUpStrip } from "./strip.js";
import { keepInTouch } from "./sync.js";

const SIDES = ["phone", "desk"];

function setUpTheme() {
  const button = document.getElementById("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme || (dark.matches ? "dark" : "light")) === "dark";
  const draw = () => {
    const words = isDark() ? "Switch to the light theme" : "Switch to the dark theme";
    button.setAttribute("aria-label", words);
    button.title = words;
    button.replaceChildren(icon(isDark() ? "sun" : "moon"));
  };
  button.addEventListener("click", () => {
    const next = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    try {
      localStorage.setItem("threadline.theme", next);
    } catch {
      // The choice then lasts as long as the page.
    }
    draw();
  });
  dark.addEventListener("change", draw);
  draw();
}

function showTab(side) {
  ui.tab = side;
  changed();
}

function drawTabs() {
  document.body.dataset.tab = ui.tab;
  for (const side of SIDES) {
    const tab = document.getElementById(`tab-${side}`);
    const panel = document.getElementById(side);
    tab.setAttribute("aria-selected", String(ui.tab === side));
    tab.tabIndex = ui.tab === side ? 0 : -1;
    if (narrow.matches) {
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", tab.id);
    } else {
      panel.removeAttribute("role");
      panel.removeAttribute("aria-labelledby");
    }
  }
}

function setUpTabs() {
  const tabs = SIDES.map((side) => document.getElementById(`tab-${side}`));
  tabs.forEach((tab, at) => {
    tab.addEventListener("click", () => showTab(SIDES[at]));
    tab.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
      event.preventDefault();
      const other = 1 - at;
      showTab(SIDES[other]);
      tabs[other].focus();
    });
  });
  for (const skip of document.querySelectorAll(".skips a[data-tab]")) {
    skip.addEventListener("click", () => showTab(skip.dataset.tab));
  }
  narrow.addEventListener("change", changed);
  onChange(drawTabs);
}

function drawConnection() {
  const banner = document.getElementById("banner");
  const lost = store.loaded && !store.connected;
  if (store.connected) store.loaded = true;
  banner.hidden = !lost;
  banner.textContent = lost ? "Connection lost. What you see may be old; trying to reconnect…" : "";
  const words = store.connected ? "Live" : lost ? "Offline" : "Connecting…";
  const place = document.getElementById("link-state");
  place.dataset.state = store.connected ? "live" : "lost";
  reconcile(place, [{ key: "words", sig: words, build: () => h("span", {}, words) }]);
}

setUpTheme();
setUpTabs();
setUpPhone();
setUpDesk();
setUpStrip();
onChange(drawConnection);
document.addEventListener("visibilitychange", changed);
loadEmoji().catch((error) => toast("Emoji names could not be loaded", error.message));
changed();
keepInTouch();
