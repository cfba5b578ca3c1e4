// @ts-check
// The steps of a question that asks for an order: two buttons for each step take the place of its select, which still carries
// the place into the form. Without a script the selects are what is used.

class Ordering extends HTMLElement {
  connectedCallback() {
    const typed = this.rows.filter((row) => selectOf(row).selectedIndex > 0);
    const places = new Set(typed.map((row) => selectOf(row).selectedIndex));
    // Who has begun with the selects, before the script was here, goes on with them.
    if (this.querySelector("button") || (typed.length && places.size < this.rows.length)) return;
    typed.sort((one, other) => selectOf(one).selectedIndex - selectOf(other).selectedIndex);
    this.querySelector("ol")?.append(...typed);
    for (const row of this.rows) {
      const select = selectOf(row);
      select.hidden = true;
      const place = document.createElement("b");
      place.className = "place";
      row.prepend(place);
      const buttons = document.createElement("span");
      buttons.className = "up-or-down";
      buttons.append(this.button(row, -1), this.button(row, 1));
      row.append(buttons);
    }
    this.count();
  }

  /** @returns {HTMLElement[]} the steps in the order in which they stand */
  get rows() {
    return [...this.querySelectorAll("li")];
  }

  /** @param {HTMLElement} row @param {-1 | 1} by @returns {HTMLButtonElement} */
  button(row, by) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button small";
    button.textContent = by < 0 ? "↑" : "↓";
    button.setAttribute("aria-label", `${by < 0 ? "Up" : "Down"}: ${textOf(row)}`);
    button.addEventListener("click", () => this.move(row, by));
    return button;
  }

  /** @param {HTMLElement} row @param {-1 | 1} by */
  move(row, by) {
    const other = by < 0 ? row.previousElementSibling : row.nextElementSibling;
    // The other step moves: the button that was pressed stays in the page, and keeps the focus.
    if (by < 0) row.after(/** @type {Node} */ (other));
    else row.before(/** @type {Node} */ (other));
    const place = this.count(row);
    const status = this.querySelector("[role=status]");
    if (status) status.textContent = `${textOf(row)} ${place}`;
  }

  /** Write into each select, and before each step, at which place it stands. @param {HTMLElement} [moved] @returns {string} its place */
  count(moved) {
    const rows = this.rows;
    let said = "";
    rows.forEach((row, at) => {
      const select = selectOf(row);
      select.selectedIndex = at + 1; // the first option is none
      const place = row.querySelector(".place");
      if (place) place.textContent = select.selectedOptions[0].text;
      const [up, down] = row.querySelectorAll("button");
      const focused = document.activeElement;
      up.disabled = at === 0;
      down.disabled = at === rows.length - 1;
      if (focused === up && up.disabled) down.focus();
      if (focused === down && down.disabled) up.focus();
      if (row === moved) said = select.selectedOptions[0].text;
    });
    return said;
  }
}

/** @param {HTMLElement} row @returns {HTMLSelectElement} */
const selectOf = (row) => /** @type {HTMLSelectElement} */ (row.querySelector("select"));

/** @param {HTMLElement} row @returns {string} */
const textOf = (row) => row.querySelector("label")?.textContent?.trim() ?? "";

customElements.define("cg-ordering", Ordering);
