"use strict";
/* Names that explain themselves while the pointer is on them, or the focus. */

const tooltip = element("div", { class: "tooltip", role: "tooltip", id: "explanation", hidden: true });
document.body.append(tooltip);

/** Makes a name whose explanation appears on hover and focus. */
function explained(name, explanation) {
  const node = element("button", { type: "button", class: "explained", "aria-describedby": "explanation" }, name);
  function show() {
    tooltip.textContent = explanation;
    tooltip.hidden = false;
    const { left, right, bottom } = node.getBoundingClientRect();
    const edge = document.documentElement.clientWidth - tooltip.offsetWidth - 8;
    tooltip.style.left = `${Math.max(8, Math.min(left, right - tooltip.offsetWidth / 2, edge))}px`;
    tooltip.style.top = `${bottom + 6}px`;
  }
  for (const event of ["pointerenter", "focus"]) node.addEventListener(event, show);
  for (const event of ["pointerleave", "blur"]) node.addEventListener(event, hideExplanation);
  return node;
}

function hideExplanation() {
  tooltip.hidden = true;
}

addEventListener("scroll", hideExplanation, { capture: true, passive: true });
addEventListener("keydown", (event) => event.key === "Escape" && hideExplanation());

/** Makes the head of a metric's column: name, unit, and an arrow to the better values. */
function metricHead({ title, unit, higherIsBetter, zeroIsBest, explanation }) {
  return explained(`${title}${unit ? `, ${unit}` : ""}\u00a0${zeroIsBest ? "→0" : higherIsBetter ? "↑" : "↓"}`, explanation);
}
