"use strict";
/* One clip: what it is, its controls, and one row per piece with key, name, spectrogram, gain and metrics. */

/** `app` has `clip`, `player`, `keys` and `update`. Follows the player until the signal aborts. Returns the element and
    `showState`, to be called when the list or the state has changed. */
function clipView(app, signal) {
  const { clip, player } = app;
  const previous = element("a", { class: "step" }, "← Previous");
  const next = element("a", { class: "step" }, "Next →");
  function showState() {
    pictures.value = app.state.picture;
    scale.replaceChildren(...pictureScale(app.state.picture));
    for (const row of rows.values()) row.showPicture(app.state.picture);
    const place = app.listed.indexOf(clip);
    for (const [link, target] of [[previous, app.listed[place - 1]], [next, app.listed[place + 1]]]) {
      if (target) link.href = Address.of({ ...app.state, clip: target.id });
      else link.removeAttribute("href");
    }
  }
  const matching = element("input", {
    type: "checkbox", onchange: () => player.setMatching(matching.checked),
  });
  const pictures = choice([["levels", "Spectrograms"], ["difference", "Differences from the original"]], app.state.picture,
    { onchange: () => app.update({ picture: pictures.value }) });
  const scale = element("span", { class: "picture-scale" });
  const problem = element("p", { class: "problem", role: "alert" });
  const controls = transport(player, signal);
  controls.append(element("label", { class: "switch", title: "ITU-R BS.1770" }, matching, "Match loudness"));
  const rows = new Map([ORIGINAL, ...DATA.systems.map((system) => system.name)]
    .filter((key) => key === ORIGINAL || clip.made[key])
    .map((key) => [key, pieceRow(app, key)]));
  const head = element("div", { class: "piece head" },
    element("span", {}, WORDS.system), timeAxis(clip.seconds),
    element("div", { class: "figures" }, ...[explained("Gain, dB", WORDS.gain), ...DATA.metrics.map(metricHead)].map((name) => element("span", {}, name))));
  const pieces = element("div", { class: DATA.reference.corresponds ? "pieces" : "pieces of-sets", style: `--columns: ${DATA.metrics.length + 1}` },
    head, ...[...rows.values()].map((row) => row.element));

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
      element("h2", { id: "clip-name", tabindex: "-1" }, clip.id),
      element("nav", { class: "steps", "aria-label": "Neighbouring clips" }, previous, next)),
    clip.caption ? element("p", { class: "caption" }, clip.caption) : null,
    controls, problem,
    WORDS.note ? element("p", { class: "note" }, WORDS.note) : null,
    element("div", { class: "pictures" }, DATA.reference.corresponds ? labelled("Pictures", pictures) : null, scale),
    pieces, hint(clip));
  return { element: whole, showState };
}

function pieceRow(app, key) {
  const { clip, player, keys } = app;
  const piece = key === ORIGINAL ? clip.original : clip.made[key];
  const title = titleOf(key);
  const shortcut = keys.get(key);
  const state = element("span", { class: "state" });
  const gain = element("span", {}, "");
  const button = element("button", { type: "button", class: "pick", onclick: () => app.update({ system: key }) },
    element("kbd", { class: "keys-only", "aria-hidden": "true" }, shortcut ?? ""), mark(key), element("span", { class: "title" }, title), state);
  const figures = element("div", { class: "figures" }, named("Gain, dB", gain));
  for (const [index, value] of (piece.values ?? []).entries()) {
    const { title, decimals } = DATA.metrics[index];
    figures.append(named(title, element("span", {}, figure(value, decimals))));
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
    gain.lastChild.textContent = !player.matching ? "off" : piece.gain === null ? "–" : signed(piece.gain + clip.headroom);
  }
  function showPicture(kind) {
    const difference = kind === "difference" && piece.difference;
    const source = `pictures/${difference ? piece.difference : piece.audio}.webp`;
    const image = spectrogram.querySelector("img");
    if (image.getAttribute("src") === source) return;
    image.src = source;
    image.alt = difference ? `Difference of ${title} from the original` : `Spectrogram of ${title}`;
  }
  return { element: row, show, showPicture };
}

/** Puts the name of a figure before it for those who do not see the head of its column. */
function named(name, figure) {
  figure.prepend(element("span", { class: "hidden" }, `${name}: `));
  return figure;
}

/** What the colours mean. */
function pictureScale(kind) {
  const [low, high] = kind === "difference" ? ["20 dB softer", "20 dB louder than the original"] : ["soft", "loud"];
  return [low, element("span", { class: "gradient", style: `background: ${DATA.scales[kind]}`, "aria-hidden": "true" }), high];
}

function hint(clip) {
  const parts = ["Click a spectrogram to go there, drag to loop a section."];
  if (clip.headroom < 0) parts.push(`All gains include ${signed(clip.headroom)} dB, so that no piece clips.`);
  return element("p", { class: "hint" }, parts.join(" "));
}
