"use strict";
/* A spectrogram that shows where the player is: click to go there, drag to loop a section. */

const DRAG_PIXELS = 6; // less is a click

/** Makes a picture that follows the player's time; calls `onpick(seconds)` after a click. */
function timeline(player, source, description, onpick) {
  const image = element("img", { src: source, alt: description, width: 720, height: 96, draggable: "false" });
  const box = element("div", { class: "timeline" }, image,
    element("span", { class: "section", "aria-hidden": "true" }), element("span", { class: "playhead", "aria-hidden": "true" }));
  let began = null;

  function timeAt(event) {
    const { left, width } = box.getBoundingClientRect();
    return (Math.min(Math.max(event.clientX - left, 0), width) / width) * player.seconds;
  }
  box.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    began = { x: event.clientX, time: timeAt(event) };
    box.setPointerCapture(event.pointerId);
  });
  box.addEventListener("pointermove", (event) => {
    if (began && Math.abs(event.clientX - began.x) >= DRAG_PIXELS) {
      const times = [began.time, timeAt(event)].sort((first, second) => first - second);
      if (times[1] - times[0] >= 0.05) player.loopSection(times);
    }
  });
  box.addEventListener("pointerup", (event) => {
    if (began && Math.abs(event.clientX - began.x) < DRAG_PIXELS) onpick(timeAt(event));
    began = null;
  });
  box.addEventListener("pointercancel", () => (began = null));
  return box;
}

/** Puts the player's position and section into the style of an element that holds timelines. */
function followPlayer(holder, player, signal) {
  function position() {
    holder.style.setProperty("--position", player.seconds ? player.position / player.seconds : 0);
  }
  function show() {
    const [from, to] = player.section ?? [0, 0];
    holder.style.setProperty("--from", from / player.seconds);
    holder.style.setProperty("--to", to / player.seconds);
    holder.classList.toggle("has-section", player.section !== null);
    position();
  }
  player.addEventListener("change", show, { signal });
  whilePlaying(player, signal, position);
  show();
}

/** Positions of frequencies on the pictures' axis: 30 Hz to 20 kHz on the mel scale, as picture.py draws them. */
function frequencyLabels() {
  const mel = (hertz) => (hertz < 1000 ? (3 * hertz) / 200 : 15 + (27 * Math.log(hertz / 1000)) / Math.log(6.4));
  const height = (hertz) => (mel(hertz) - mel(30)) / (mel(20000) - mel(30));
  return element("span", { class: "frequencies", "aria-hidden": "true" },
    ...[[1000, "1"], [4000, "4"], [10000, "10 kHz"]].map(([hertz, text]) =>
      element("span", { style: `bottom: ${100 * height(hertz)}%` }, text)));
}

/** Labels in seconds above the timelines, with a step that gives four to ten labels. */
function timeAxis(seconds) {
  const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60].find((candidate) => seconds / candidate <= 10) ?? 120;
  const axis = element("div", { class: "axis", "aria-hidden": "true" });
  for (let time = 0; time < seconds - step / 3; time += step) {
    const text = String(Number(time.toFixed(1)));
    axis.append(element("span", { style: `left: ${(100 * time) / seconds}%` }, time === 0 ? "0 s" : text));
  }
  return axis;
}
