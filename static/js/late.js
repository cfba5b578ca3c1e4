// @ts-check
// Brings the scripts that a page can be read without, once it has loaded; that of a bench that is open at once.
"use strict";

(() => {
  /** @param {string} [list] addresses of modules */
  const bring = (list = "") => {
    for (const address of list.split(" ").filter(Boolean)) {
      const script = document.createElement("script");
      script.type = "module";
      script.src = address;
      document.head.append(script);
    }
  };
  const { late, bench } = /** @type {HTMLScriptElement} */ (document.currentScript).dataset;

  if (document.querySelector("cg-bench[data-sandbox], cg-bench[data-ask]")) bring(bench);
  else window.addEventListener("load", () => bring(bench), { once: true });
  window.addEventListener("load", () => bring(late), { once: true });
})();
