"use strict";

// Sorting and filters of the table. Their state is in the address, so that a view can be linked to.
const table = document.querySelector("table.board");
const body = table.tBodies[0];
const rows = [...body.rows];
const form = document.querySelector(".filters");
const state = new URLSearchParams(location.search);

function lowerIsBetter(head) {
  return head.textContent.includes("↓");
}

function value(row, index) {
  const text = row.cells[index].dataset.value;
  return text === undefined ? null : Number(text.replace("inf", "Infinity"));
}

function sort(head, descending) {
  const index = head.cellIndex;
  const zero = head.textContent.includes("→0");
  const merit = (number) => (zero ? Math.abs(number) : number);
  const order = [...rows].sort((a, b) => {
    const anchors = a.classList.contains("anchor") - b.classList.contains("anchor");
    const [first, second] = [value(a, index), value(b, index)];
    if (anchors || first === null || second === null) return anchors || (first === null) - (second === null);
    return descending ? merit(second) - merit(first) : merit(first) - merit(second);
  });
  body.append(...order);
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", descending ? "descending" : "ascending");
}

function filter() {
  const chosen = new FormData(form);
  const rate = Number(chosen.get("rate")) || Infinity;
  const words = (chosen.get("find") || "").toLowerCase();
  let shown = 0;
  for (const row of rows) {
    const { kilobits, channels, latents, commercial, system } = row.dataset;
    const anchor = row.classList.contains("anchor");
    const kept =
      (anchor || rate === Infinity || (kilobits !== "" && Number(kilobits) <= rate)) &&
      (anchor || !chosen.get("channels") || channels === chosen.get("channels")) &&
      (anchor || !chosen.get("latents") || latents === chosen.get("latents")) &&
      (!chosen.get("commercial") || commercial === "yes") &&
      (!anchor || !form.elements.anchors || chosen.get("anchors")) &&
      `${system} ${row.cells[0].textContent}`.toLowerCase().includes(words);
    row.hidden = !kept;
    shown += kept;
  }
  form.querySelector("output").textContent = shown === rows.length ? "" : `${shown} of ${rows.length} rows`;
}

function remember() {
  const address = state.toString();
  history.replaceState(null, "", (address ? `?${address}` : location.pathname) + location.hash);
}

for (const head of table.tHead.rows[0].querySelectorAll("[data-column]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => {
    const before = head.getAttribute("aria-sort");
    const bestFirst = !(lowerIsBetter(head) || head.textContent.includes("→0") || head.dataset.column === "kilobits_per_second");
    const descending = before ? before === "ascending" : bestFirst;
    sort(head, descending);
    state.set("sort", head.dataset.column);
    state.set("order", descending ? "down" : "up");
    remember();
  });
}

for (const control of form.elements) {
  if (!control.name) continue;
  const usual = control.type === "checkbox" ? control.checked : control.value;
  if (state.has(control.name)) {
    if (control.type === "checkbox") control.checked = state.get(control.name) === "on";
    else control.value = state.get(control.name);
  }
  control.addEventListener("input", () => {
    const now = control.type === "checkbox" ? control.checked : control.value;
    if (now === usual) state.delete(control.name);
    else state.set(control.name, now === true ? "on" : now === false ? "off" : now);
    filter();
    remember();
  });
}
form.addEventListener("submit", (event) => event.preventDefault());
form.hidden = false;
const sorted = [...table.tHead.rows[0].cells].find((head) => head.dataset.column && head.dataset.column === state.get("sort"));
if (sorted) sort(sorted, state.get("order") === "down");
filter();
