"use strict";
/* Play, position, loop and volume of a player: the same in every view. */

/** Makes controls for a player; they follow it until the signal aborts. */
function transport(player, signal) {
  const play = element("button", { type: "button", class: "play", onclick: () => player.toggle() });
  const slider = element("input", {
    type: "range", min: 0, step: "any", "aria-label": "Position", class: "position",
    oninput: () => player.seek(Number(slider.value)),
  });
  const time = element("output", { class: "time" });
  const loop = element("input", { type: "checkbox", onchange: () => player.setLooping(loop.checked) });
  const volume = element("input", {
    type: "range", min: 0, max: 1, step: 0.01, value: player.volume, class: "volume",
    oninput: () => player.setVolume(Number(volume.value)),
  });

  function showPosition() {
    const position = player.position;
    slider.value = position;
    slider.setAttribute("aria-valuetext", `${position.toFixed(1)} of ${player.seconds.toFixed(1)} seconds`);
    time.textContent = `${clock(position)} / ${clock(player.seconds)}`;
  }
  function show() {
    const label = player.playing ? "Pause" : "Play";
    play.replaceChildren(element("span", { class: player.playing ? "icon-pause" : "icon-play", "aria-hidden": "true" }));
    play.setAttribute("aria-label", label);
    play.title = `${label} (space)`;
    slider.max = player.seconds;
    loop.checked = player.looping;
    showPosition();
  }
  player.addEventListener("change", show, { signal });
  whilePlaying(player, signal, showPosition);
  show();
  return element("div", { class: "transport" },
    play, slider, time,
    element("label", { class: "switch" }, loop, "Loop"),
    labelled("Volume", volume, { class: "field volume-label" }));
}

/** Calls `draw` once per frame while the player plays. */
function whilePlaying(player, signal, draw) {
  let asked = false;
  function frame() {
    asked = false;
    if (signal.aborted) return;
    draw();
    ask();
  }
  function ask() {
    if (!player.playing || asked) return;
    asked = true;
    requestAnimationFrame(frame);
  }
  player.addEventListener("change", ask, { signal });
  ask();
}
