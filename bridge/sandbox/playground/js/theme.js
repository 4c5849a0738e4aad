// Runs before the first paint, so that a chosen theme does not flash in late. Not a module for that reason.
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem("threadline.theme");
  } catch {
    // Storage may be forbidden; the system's theme then stays.
  }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
