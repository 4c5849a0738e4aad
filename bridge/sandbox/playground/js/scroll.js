// Lists that stay at their newest entry unless somebody has scrolled up to read.

import { h, icon } from "./dom.js";

const NEAR_PX = 48;

/** `keep(draw)` draws and stays at the bottom if it was there; else a button offers the way down when there is news. */
export function keepBottom(view) {
  const jump = h(
    "button",
    { type: "button", class: "jump", hidden: true, testid: "jump", onclick: () => toBottom() },
    icon("down"),
    "New messages",
  );
  view.append(jump);
  let stuck = true;
  const away = () => view.scrollHeight - view.scrollTop - view.clientHeight;
  const toBottom = () => {
    stuck = true;
    jump.hidden = true;
    view.scrollTop = view.scrollHeight;
  };
  view.addEventListener(
    "scroll",
    () => {
      stuck = away() < NEAR_PX;
      if (stuck) jump.hidden = true;
    },
    { passive: true },
  );
  new ResizeObserver(() => {
    if (stuck) view.scrollTop = view.scrollHeight;
  }).observe(view);
  const keep = (draw) => {
    const height = view.scrollHeight;
    draw();
    if (stuck) view.scrollTop = view.scrollHeight;
    else if (view.scrollHeight > height) jump.hidden = false;
  };
  return { keep, toBottom };
}
