"use strict";
/* One clip: what it is, its controls, and a row a piece with key, name, spectrogram, gain and metrics. */

/** `app` has `clip`, `player`, `keys` and `update`. Follows the player until the signal aborts. Returns the element and
    `showSteps`, to be called when the list or the state has changed. */
function clipView(app, signal) {
  const { clip, player } = app;
  const previous = element("a", { class: "step" }, "← Previous");
  const next = element("a", { class: "step" }, "Next →");
  function showSteps() {
    const place = app.listed.indexOf(clip);
    for (const [link, target] of [[previous, app.listed[place - 1]], [next, app.listed[place + 1]]]) {
      if (target) link.href = Address.of({ ...app.state, clip: target.id });
      else link.removeAttribute("href");
    }
  }
  const matching = element("input", {
    type: "checkbox", onchange: () => player.setMatching(matching.checked),
  });
  const problem = element("p", { class: "problem", role: "alert" });
  const controls = transport(player, signal);
  controls.append(element("label", { class: "switch", title: "ITU-R BS.1770" }, matching, "Match loudness"));
  const rows = new Map([ORIGINAL, ...DATA.systems.map((system) => system.name)]
    .filter((key) => key === ORIGINAL || clip.made[key])
    .map((key) => [key, pieceRow(app, key)]));
  const pieces = element("div", { class: "pieces", style: `--columns: ${DATA.metrics.length + 1}` }, timeAxis(clip.seconds), ...[...rows.values()].map((row) => row.element));

  function show() {
    matching.checked = player.matching;
    problem.textContent = player.problem;
    problem.hidden = !player.problem;
    for (const row of rows.values()) row.show();
  }
  player.addEventListener("change", show, { signal });
  followPlayer(pieces, player, signal);
  show();
  const whole = element("main", { class: "clip" },
    element("header", {},
      element("h2", { id: "clip-name" }, clip.id),
      element("nav", { class: "steps", "aria-label": "Neighbouring clips" }, previous, next)),
    clip.caption ? element("p", { class: "caption" }, clip.caption) : null,
    controls, problem, pieces, hint(clip));
  return { element: whole, showSteps };
}

function pieceRow(app, key) {
  const { clip, player, keys } = app;
  const piece = key === ORIGINAL ? clip.original : clip.made[key];
  const title = titleOf(key);
  const shortcut = keys.get(key);
  const state = element("span", { class: "state" });
  const gain = element("dd");
  const button = element("button", { type: "button", class: "pick", onclick: () => app.update({ system: key }) },
    element("kbd", { "aria-hidden": "true" }, shortcut ?? ""), element("span", { class: "title" }, title), state);
  const figures = element("dl", { class: "figures" }, element("div", {}, element("dt", {}, "Gain, dB"), gain));
  for (const [index, value] of (piece.values ?? []).entries()) {
    const { title, unit, decimals } = DATA.metrics[index];
    figures.append(element("div", {},
      element("dt", {}, unit ? `${title}, ${unit}` : title), element("dd", {}, figure(value, decimals))));
  }
  const spectrogram = timeline(player, `pictures/${piece.audio}.webp`, `Spectrogram of ${title}`, (seconds) => {
    app.update({ system: key });
    player.seek(seconds);
  });
  if (key === ORIGINAL) spectrogram.append(frequencyLabels());
  const row = element("div", { class: "piece" }, button, spectrogram, figures);

  function show() {
    const selected = player.selected === key;
    row.classList.toggle("selected", selected);
    button.setAttribute("aria-pressed", selected);
    const loading = selected && player.playing && player.stateOf(key) === "loading";
    state.textContent = player.stateOf(key) === "failed" ? "missing" : loading ? "loading" : "";
    gain.textContent = !player.matching ? "off" : piece.gain === null ? "–" : signed(piece.gain + clip.headroom);
  }
  return { element: row, show };
}

function hint(clip) {
  const parts = ["Click a spectrogram to go there, drag to loop a section."];
  if (clip.headroom < 0) parts.push(`All gains include ${signed(clip.headroom)} dB, so that no piece clips.`);
  return element("p", { class: "hint" }, parts.join(" "));
}
