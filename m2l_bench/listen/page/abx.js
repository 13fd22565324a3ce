"use strict";
/* ABX: A and B are known pieces, and X is one of them, chosen at random. The number of trials is fixed, without feedback. */

/** Runs the test in `root`. `plan` has pair, clips, trials, random, player. Resolves with rows of answers. */
async function runAbx(root, plan, session, signal) {
  const { player, random } = plan;
  const rows = [];
  // Every clip is used equally often, as far as the number of trials allows.
  const order = [];
  while (order.length < plan.trials) order.push(...random.shuffled(plan.clips));
  for (let trial = 1; trial <= plan.trials; trial++) {
    const clip = order[trial - 1];
    const x = random.next() < 0.5 ? "a" : "b";
    const [a, b] = plan.pair.map((system) => (system === ORIGINAL ? clip.original : clip.made[system]));
    player.pause();
    player.show(
      [{ key: "a", ...a }, { key: "b", ...b }, { key: "x", ...(x === "a" ? a : b) }].map(({ key, audio, gain }) => ({ key, audio, gain })),
      clip.seconds, clip.headroom, "x");
    const began = performance.now();
    const answer = await askAbx(root, player, trial, plan.trials, signal);
    if (answer === null) break;
    rows.push({
      ...session, trial, trials: plan.trials, clip: clip.id, a: plan.pair[0], b: plan.pair[1], x, answer,
      correct: Number(answer === x), seconds: ((performance.now() - began) / 1000).toFixed(1),
    });
  }
  return rows;
}

/** Runs one trial. Resolves with "a", "b", or null to stop. */
function askAbx(root, player, trial, trials, signal) {
  return ask(signal, (done, over) => {
    const answers = ["a", "b"].map((key) =>
      element("button", { type: "button", class: "primary", disabled: true, onclick: done(key) }, `X is ${key.toUpperCase()}`));
    const heard = new Set();
    const picks = blindPicks(player, [["a", "A"], ["b", "B"], ["x", "X"]], over, (key) => {
      heard.add(key);
      for (const button of answers) button.disabled = heard.size < 3;
    });
    const heading = element("h1", { tabindex: "-1" }, `Trial ${trial} of ${trials}`);
    root.replaceChildren(element("main", { class: "test" },
      heading,
      element("p", {}, "X is A or B. Listen to all three, switching while they play, then answer.",
        element("span", { class: "keys-only" }, " Keys: A, B, X and space.")),
      transport(player, over), picks,
      element("div", { class: "answers" }, ...answers),
      element("button", { type: "button", class: "quiet", onclick: done(null) }, "Stop here")));
    heading.focus();
  });
}
