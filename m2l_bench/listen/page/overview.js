"use strict";
/* All systems in one table: rate, means over all clips with intervals, and a button to hear each on the shown clip. The roles
   are written out because a phone lays the table out in another way, and browsers then forget that it is one. */

const RATED = DATA.reference.corresponds; // what a generator made was never transmitted
const RATE = "Kilobits that the system transmits for one second of audio, all channels together. Lower is better.";

/** `app` has `clip`, `player` and `update`. Follows the player until the signal aborts. Returns the element and `show`. */
function overview(app, signal) {
  const { player } = app;
  const best = DATA.figures.map(bestSystem);
  const rows = [row({ name: ORIGINAL, title: titleOf(ORIGINAL) }), ...DATA.systems.map(row)];
  const clip = element("span");
  const counts = [...new Set(DATA.systems.map((system) => system.clips))];
  const over = counts.length === 1 ? counted(counts[0], "clip") : "the clips that each was measured on";
  const intervals = DATA.systems.some((system) => system.figures.some((values) => values && values[1] !== null));
  const means = WORDS.figures(over) + (intervals ? ", 95 % intervals below them" : "");
  const whole = element("section", { class: "overview", "aria-labelledby": "overview-title" },
    element("h2", { id: "overview-title" }, WORDS.systems),
    element("p", { class: "hint" }, `${means}; bold: ${WORDS.best}. Buttons play `, clip, "."),
    element("div", { class: "scroll", role: "region", tabindex: "0", "aria-labelledby": "overview-title" },
      element("table", { role: "table", class: RATED ? null : "no-rate", style: `--columns: ${DATA.figures.length}` },
        element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, element("th", { role: "columnheader", scope: "col" }, WORDS.system),
          RATED ? element("th", { role: "columnheader", scope: "col" }, explained("kb/s\u00a0↓", RATE)) : null,
          ...DATA.figures.map((metric) => element("th", { role: "columnheader", scope: "col" }, metricHead(metric))))),
        element("tbody", { role: "rowgroup" }, ...rows.map((row) => row.element)))));

  function row(system) {
    const { name, title } = system;
    const button = element("button", { type: "button", class: "hear", onclick: () => {
      if (player.playing && player.selected === name) return player.pause();
      app.update({ system: name });
      player.play();
    } });
    const cells = DATA.figures.map((metric, index) => figureCell(system.figures?.[index], metric, best[index] === name));
    const node = element("tr", { role: "row", class: name === ORIGINAL ? "unmeasured" : null },
      element("th", { role: "rowheader", scope: "row" }, element("span", { class: "system" }, button, mark(name), title)),
      RATED ? element("td", { role: "cell" }, name === ORIGINAL ? "" : figure(system.kilobits, system.kilobits < 100 ? 1 : 0)) : null,
      ...cells);
    function show() {
      const playing = player.playing && player.selected === name;
      button.replaceChildren(element("span", { class: playing ? "icon-pause" : "icon-play", "aria-hidden": "true" }));
      button.setAttribute("aria-label", `${playing ? "Pause" : "Play"} ${title}`);
      button.disabled = name !== ORIGINAL && !app.clip.made[name];
      node.classList.toggle("selected", player.selected === name);
    }
    return { element: node, show };
  }
  function show() {
    clip.textContent = app.clip.id === DATA.median ? `${app.clip.id}, the median clip` : app.clip.id;
    for (const row of rows) row.show();
  }
  player.addEventListener("change", show, { signal });
  return { element: whole, show };
}

function figureCell(values, metric, isBest) {
  if (!values) return element("td", { role: "cell" }, "");
  const [value, low, high] = values;
  const interval = low === null ? "" : `${figure(low, metric.decimals)} to ${figure(high, metric.decimals)}`;
  return element("td", { role: "cell" }, element(isBest ? "strong" : "span", {}, figure(value, metric.decimals)),
    element("span", { class: "interval" }, interval));
}

/** Returns the name of the system with the best mean; anchors are a scale for the others, and do not count. */
function bestSystem(metric, index) {
  const ranked = DATA.systems.filter((system) => system.kind !== "anchor" && system.figures[index])
    .sort((first, second) => merit(second.figures[index][0], metric) - merit(first.figures[index][0], metric));
  return ranked[0]?.name;
}
