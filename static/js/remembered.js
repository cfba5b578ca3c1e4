// @ts-check
// What a page remembers in this browser; in a private window that allows nothing, only as long as the page is open.

/** @param {string} name @returns {string | null} */
export function remembered(name) {
  try { return localStorage.getItem(name); } catch { return null; }
}

/** @param {string} name @param {string | null} value null forgets it */
export function remember(name, value) {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, value);
  } catch { /* this page only */ }
}
