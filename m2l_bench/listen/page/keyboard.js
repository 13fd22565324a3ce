"use strict";
/* Single keys, where no control needs them itself. */

/** Calls `actions[key]` for keys pressed outside of text fields, until the signal aborts. `on()` returns whether keys are on. */
function listenToKeys(actions, on, signal) {
  document.addEventListener("keydown", (event) => {
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action || !on() || event.ctrlKey || event.metaKey || event.altKey || needsKey(event.target, event.key)) return;
    event.preventDefault();
    action(event);
  }, { signal });
  // A click must not leave the focus on a button: the space bar would press it again instead of playing.
  document.addEventListener("mousedown", (event) => {
    if (event.target.closest("button, .switch")) event.preventDefault();
  }, { signal });
}

function needsKey(target, key) {
  if (target.closest("dialog")) return true;
  if (target.matches("input[type=range]")) return key.startsWith("Arrow");
  if (target.matches("input[type=checkbox], button, summary")) return key === " ";
  return target.matches("input, select, textarea");
}
