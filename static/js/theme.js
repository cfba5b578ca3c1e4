// @ts-check
// Light, dark or as the system says: read before the first paint, so that no page flashes. Loaded in the head, not deferred.
"use strict";

(() => {
  const root = document.documentElement;
  const known = ["light", "dark"];

  /** @param {string | null} theme */
  const show = (theme) => {
    if (theme && known.includes(theme)) root.dataset.theme = theme;
    else delete root.dataset.theme;
  };
  /** @returns {string | null} */
  const kept = () => {
    try { return localStorage.getItem("theme"); } catch { return null; }
  };

  show(kept());
  window.addEventListener("storage", (event) => {
    if (event.key === "theme") show(event.newValue);
  });
  document.addEventListener("change", (event) => {
    const input = event.target;
    if (!(input instanceof HTMLInputElement) || input.name !== "theme" || !input.closest(".theme-switch")) return;
    show(input.value);
    try { localStorage.setItem("theme", input.value); } catch { /* private window: this page only */ }
  });
  document.addEventListener("DOMContentLoaded", () => {
    const wanted = kept() ?? "system";
    for (const input of document.querySelectorAll(".theme-switch input")) {
      if (input instanceof HTMLInputElement) input.checked = input.value === wanted;
    }
  });
})();
