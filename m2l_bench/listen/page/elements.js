"use strict";
/* Makes elements. Names and captions go in as text: nothing from the data is ever read as HTML. */

/** An element with attributes (false and null: left out; on...: a listener) and children (nodes or text). */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** A form control with its label. */
function labelled(text, control, attributes = {}) {
  labelled.count = (labelled.count ?? 0) + 1;
  control.id = `field-${labelled.count}`;
  return element("div", { class: "field", ...attributes }, element("label", { for: control.id }, text), control);
}

/** A list to choose from: options are [value, text]. */
function choice(options, chosen, attributes = {}) {
  const made = element("select", attributes);
  for (const [value, text] of options) made.append(element("option", { value, selected: value === chosen }, text));
  return made;
}

/** 0:03.2 */
function clock(seconds) {
  const tenths = Math.floor(seconds * 10 + 1e-6);
  const minutes = Math.floor(tenths / 600);
  return `${minutes}:${String(Math.floor((tenths % 600) / 10)).padStart(2, "0")}.${tenths % 10}`;
}

/** A number as it is shown: with a real minus sign; infinity for an exact copy. */
function figure(value, decimals) {
  if (value === null || value === undefined) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  return value.toFixed(decimals).replace("-", "−");
}

/** A gain in decibels, with its sign. */
function signed(gain) {
  const text = Math.abs(gain).toFixed(1);
  return text === "0.0" ? text : (gain < 0 ? "−" : "+") + text;
}
