"use strict";
/* MUSHRA (ITU-R BS.1534): the systems, the hidden reference and the anchors of a clip side by side, each on a scale of 0 to
   100, in random order, with the reference to compare with. */

const SCALE = ["Bad", "Poor", "Fair", "Good", "Excellent"]; // twenty points each

/** Runs the test in `root`. `plan` has systems, clips, random, player. Resolves with rows of ratings. */
async function runMushra(root, plan, session, signal) {
  const { player, random } = plan;
  const rows = [];
  const clips = random.shuffled(plan.clips);
  for (const [index, clip] of clips.entries()) {
    const conditions = random.shuffled([ORIGINAL, ...plan.systems.filter((system) => clip.made[system])]);
    const parts = conditions.map((system, place) => {
      const { audio, gain } = system === ORIGINAL ? clip.original : clip.made[system];
      return { key: String(place + 1), audio, gain };
    });
    const reference = { key: "reference", audio: clip.original.audio, gain: clip.original.gain };
    player.pause();
    player.show([reference, ...parts], clip.seconds, clip.headroom, "reference");
    const began = performance.now();
    const scores = await askMushra(root, player, index + 1, clips.length, parts.map((part) => part.key), signal);
    if (scores === null) break;
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    for (const [place, system] of conditions.entries()) {
      rows.push({
        ...session, trial: index + 1, trials: clips.length, clip: clip.id, position: place + 1, system,
        role: roleOf(system), score: scores.get(String(place + 1)), seconds,
      });
    }
  }
  return rows;
}

function roleOf(system) {
  if (system === ORIGINAL) return "hidden reference";
  return DATA.systems.find(({ name }) => name === system).kind === "anchor" ? "anchor" : "system";
}

/** Rates one clip. Resolves with scores by key, or null to stop. */
function askMushra(root, player, trial, trials, keys, signal) {
  return ask(signal, (done, over) => {
    const scores = new Map();
    const heard = new Set();
    const next = element("button", { type: "button", class: "primary", disabled: true, onclick: done(scores) },
      trial < trials ? "Next clip" : "Finish");
    const waiting = element("p", { class: "hint", role: "status" });
    const check = () => {
      const open = keys.filter((key) => !heard.has(key) || !scores.has(key));
      next.disabled = open.length > 0;
      waiting.textContent = open.length ? `Still to be heard and rated: ${open.join(", ")}` : "";
    };
    const picks = blindPicks(player, [["reference", "Reference"], ...keys.map((key) => [key, key])], over, (key) => {
      heard.add(key);
      check();
    });
    for (const key of keys) {
      const output = element("output", {}, "–");
      const rate = () => {
        scores.set(key, Number(slider.value));
        output.textContent = slider.value;
        slider.classList.remove("unrated");
        slider.setAttribute("aria-valuetext", `${slider.value}, ${SCALE[Math.min(4, Math.floor(slider.value / 20))]}`);
        check();
      };
      const slider = element("input", {
        type: "range", min: 0, max: 100, step: 1, value: 50, class: "unrated", "aria-label": `Score of ${key}`,
        oninput: rate, onclick: rate, // a click that does not move the slider is an answer too
      });
      picks.querySelector(`[data-key="${key}"]`).append(element("div", { class: "ruler" }, slider), output);
    }
    picks.classList.add("rated");
    picks.prepend(element("div", { class: "scale", "aria-hidden": "true" }, element("div", {},
      ...SCALE.map((word, index) => element("span", { class: "word", style: `--at: ${20 * index + 10}` }, word)),
      ...[0, 20, 40, 60, 80, 100].map((score) => element("span", { class: "tick", style: `--at: ${score}` }, String(score))))));
    const heading = element("h1", { tabindex: "-1" }, `Clip ${trial} of ${trials}`);
    root.replaceChildren(element("main", { class: "test" },
      heading,
      element("p", {}, "Rate how good each sounds against the reference. One of them is the reference itself, which deserves 100.",
        element("span", { class: "keys-only" }, " Keys: 0 to 9 and space.")),
      transport(player, over), picks, waiting, next,
      element("button", { type: "button", class: "quiet", onclick: done(null) }, "Stop here")));
    check();
    heading.focus();
  });
}
