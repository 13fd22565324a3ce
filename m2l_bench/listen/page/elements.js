"use strict";
/* Makes elements. Names and captions go in as text: nothing from the data is ever read as HTML. */

/** Makes an element with attributes (false and null: left out; on...: a listener) and children (nodes or text). */
function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Makes a form control with its label. */
function labelled(text, control, attributes = {}) {
  labelled.count = (labelled.count ?? 0) + 1;
  control.id = `field-${labelled.count}`;
  return element("div", { class: "field", ...attributes }, element("label", { for: control.id }, text), control);
}

/** Makes a list to choose from; `options` are [value, text]. */
function choice(options, selected, attributes = {}) {
  const node = element("select", attributes);
  for (const [value, text] of options) node.append(element("option", { value, selected: value === selected }, text));
  return node;
}

/** Formats a time, such as 0:03.2. */
function clock(seconds) {
  const tenths = Math.floor(seconds * 10 + 1e-6);
  const minutes = Math.floor(tenths / 600);
  return `${minutes}:${String(Math.floor((tenths % 600) / 10)).padStart(2, "0")}.${tenths % 10}`;
}

/** Formats a number with a real minus sign; infinity for an exact copy. */
function figure(value, decimals) {
  if (value === null || value === undefined) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  return value.toFixed(decimals).replace("-", "−");
}

/** Formats a gain in decibels with its sign. */
function signed(gain) {
  const text = Math.abs(gain).toFixed(1);
  return text === "0.0" ? text : (gain < 0 ? "−" : "+") + text;
}
