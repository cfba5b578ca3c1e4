// @ts-check
// Keys that are a letter or a sign: they do what they are for unless the reader types, or means a shortcut of the browser.

const FIELDS = "input:not([type=radio], [type=checkbox], [type=range]), textarea, select";

/** True if this key is one of ours. @param {KeyboardEvent} event */
export function isOurs(event) {
  const isTyped = event.target instanceof Element && event.target.matches(FIELDS);
  return !isTyped && !event.ctrlKey && !event.metaKey && !event.altKey;
}
