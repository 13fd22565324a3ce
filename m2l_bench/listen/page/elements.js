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

/** Makes the mark of a system: its colour and shape, as in the figures. The original has none. */
function mark(system) {
  const { colour, mark } = DATA.systems.find(({ name }) => name === system) ?? {};
  const shape = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [name, value] of [["class", "mark"], ["viewBox", "-11 -11 22 22"], ["aria-hidden", "true"]]) shape.setAttribute(name, value);
  if (mark) {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", mark);
    path.setAttribute("fill", colour);
    shape.append(path);
  }
  return shape;
}

/** Writes a number with its noun: 1 clip, 2 clips. */
function counted(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** Makes a form control with its label, which marks what has to be filled in. */
function labelled(text, control, attributes = {}) {
  labelled.count = (labelled.count ?? 0) + 1;
  control.id = `field-${labelled.count}`;
  const star = control.required ? element("span", { class: "required", "aria-hidden": "true" }, " *") : null;
  return element("div", { class: "field", ...attributes }, element("label", { for: control.id }, text, star), control);
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
