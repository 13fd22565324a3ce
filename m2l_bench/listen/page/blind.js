"use strict";
/* Blind tests: the choice of a test, the test, and its answers. While a test runs, no name is anywhere in the page, its title or its
   address; audio files are named by their content. */

const ABX_TRIALS = 16;
const MUSHRA_CLIPS = 8;
const MOST_CONDITIONS = 11; // beside the hidden reference: BS.1534 has at most twelve in all

/** Shows the form that starts a test in `root`; `app` is the one of main.js. */
function blindView(app, root, signal) {
  const { player } = app;
  const clips = app.listed.length ? app.listed : DATA.clips;
  const kind = (value, text) => element("label", { class: "switch" },
    element("input", { type: "radio", name: "test", value, checked: value === "abx", onchange: showKind }), text);
  const listener = element("input", { required: true, pattern: ".*\\S.*", autocomplete: "off", maxlength: 60 });
  const seed = element("input", { type: "number", min: 0, max: 2 ** 32 - 1, step: 1, required: true, value: randomSeed() });
  const names = [[ORIGINAL, "Original"], ...DATA.systems.map((system) => [system.name, system.title])];
  const a = choice(names, ORIGINAL);
  const b = choice(names, DATA.systems[0].name);
  const trials = element("input", { type: "number", min: 5, max: 100, value: ABX_TRIALS, required: true });
  const boxes = DATA.systems.map((system, index) =>
    element("input", { type: "checkbox", value: system.name, checked: index < MOST_CONDITIONS }));
  const count = element("input", { type: "number", min: 1, max: clips.length, value: Math.min(MUSHRA_CLIPS, clips.length), required: true });
  const anchors = DATA.systems.some((system) => system.kind === "anchor");
  const forAbx = element("fieldset", {}, element("legend", {}, "ABX: can you tell X?"),
    element("p", { class: "hint" }, "You hear A, B and X, which is one of the two, and say which one. Each trial draws X anew.",
      element("br"), "At the end a binomial test says how likely so many right answers are by guessing."),
    labelled("A", a), labelled("B", b), labelled("Trials", trials));
  const forMushra = element("fieldset", {}, element("legend", {}, "MUSHRA: how good is each?"),
    element("p", { class: "hint" }, "You rate nameless versions of a clip against the original, from 0 (bad) to 100 (excellent).",
      element("br"), "One of them is the original itself: those who do not recognise it are not counted."),
    element("div", { class: "boxes" }, ...boxes.map((box, index) =>
      element("label", { class: "switch" }, box, DATA.systems[index].title))),
    labelled("Clips", count),
    anchors ? null : element("p", { class: "hint" },
      "BS.1534 requires low-pass anchors at 3.5 and 7 kHz, which this page does not have. Their runs are lowpass-3.5k and lowpass-7k."));
  const repeat = element("details", {}, element("summary", {}, "Repeat an earlier order"), labelled("Seed", seed));
  seed.addEventListener("invalid", () => (repeat.open = true));
  const problem = element("p", { class: "problem", role: "alert" });
  const form = element("form", { onsubmit: start },
    element("fieldset", {}, element("legend", {}, "Test"), kind("abx", "ABX"), kind("mushra", "MUSHRA")),
    forAbx, forMushra,
    element("fieldset", {}, element("legend", {}, "Session"),
      labelled("Your name", listener),
      repeat),
    element("p", { class: "hint" }, element("span", { class: "required" }, "*"), " has to be filled in."),
    element("p", { class: "hint" }, `The test draws from the ${counted(clips.length, "clip")} in the list. Use headphones in a quiet room. ` +
      "Loudness is matched. Answers stay in this browser until you download them."),
    problem,
    element("button", { class: "primary" }, "Start"));
  root.replaceChildren(element("main", { class: "test" },
    element("h1", {}, "Blind test"),
    element("p", {}, element("a", { href: Address.of({ ...app.state, view: "compare" }) }, "← Back to comparing")), form));
  showKind();

  function showKind() {
    const test = form.elements.test.value;
    for (const [part, name] of [[forAbx, "abx"], [forMushra, "mushra"]]) {
      part.hidden = test !== name;
      part.disabled = part.hidden;
    }
  }

  async function start(event) {
    event.preventDefault();
    const test = form.elements.test.value;
    const systems = boxes.filter((box) => box.checked).map((box) => box.value);
    const needed = test === "abx" ? [a.value, b.value] : systems;
    const usable = clips.filter((clip) => needed.every((system) => system === ORIGINAL || clip.made[system]));
    problem.textContent =
      test === "abx" && a.value === b.value ? "A and B must differ." :
      test === "mushra" && !systems.length ? "Choose at least one system." :
      test === "mushra" && systems.length > MOST_CONDITIONS ? `Choose at most ${MOST_CONDITIONS} systems.` :
      usable.length ? "" : "No clip in the list has all of these.";
    if (problem.textContent) return;
    const random = new Random(Number(seed.value));
    const session = {
      test, page: DATA.title, listener: listener.value.trim(), seed: seed.value, started: new Date().toISOString(),
    };
    const wasMatching = player.matching;
    player.setMatching(true);
    history.replaceState(null, "", "#view=blind");
    const plan = { player, random, pair: [a.value, b.value], trials: Number(trials.value), systems };
    plan.clips = test === "abx" ? usable : random.shuffled(usable).slice(0, Number(count.value));
    const warn = (leaving) => leaving.preventDefault();
    addEventListener("beforeunload", warn);
    const rows = await (test === "abx" ? runAbx : runMushra)(root, plan, session, signal);
    removeEventListener("beforeunload", warn);
    player.pause();
    player.setMatching(wasMatching);
    if (!signal.aborted) showAnswers(root, app, rows, session, () => blindView(app, root, signal));
  }
}

/** Draws a question and waits for the answer, which is null if the view is left. `draw(done, over)` draws it:
    `done(answer)` returns an event listener that answers, and the signal `over` aborts after the answer. */
function ask(signal, draw) {
  return new Promise((resolve) => {
    const over = new AbortController();
    const done = (answer) => () => {
      over.abort();
      resolve(answer);
    };
    signal.addEventListener("abort", done(null));
    draw(done, over.signal);
  });
}

function randomSeed() {
  return crypto.getRandomValues(new Uint32Array(1))[0];
}

/** Buttons that play one of several nameless pieces, once all are loaded; calls `onheard(key)` for each that was heard. */
function blindPicks(player, labels, signal, onheard) {
  const rows = labels.map(([key, label]) => element("div", { class: "pick-row", "data-key": key },
    element("button", {
      type: "button", class: "pick", disabled: true, "aria-pressed": "false",
      onclick: () => {
        player.select(key);
        player.play();
      },
    }, label)));
  const state = element("p", { class: "hint", role: "status" }, "Loading…");
  const box = element("div", { class: "picks" }, state, ...rows);
  let ready = false;
  function show() {
    for (const row of rows) {
      const pressed = player.selected === row.dataset.key;
      row.firstChild.setAttribute("aria-pressed", pressed);
      if (ready && pressed && player.playing) onheard(row.dataset.key);
    }
  }
  player.addEventListener("change", show, { signal });
  listenToKeys(
    Object.fromEntries([[" ", () => player.toggle()], ...labels.map(([key]) => [
      key === "reference" ? "0" : key, () => {
        player.select(key);
        player.play();
      }])]),
    () => ready, signal);
  player.loadAll().then(() => {
    if (signal.aborted) return;
    ready = true;
    state.textContent = player.problem;
    for (const row of rows) row.firstChild.disabled = false;
    show();
  });
  return box;
}

function showAnswers(root, app, rows, session, again) {
  const heading = element("h1", { tabindex: "-1" }, rows.length ? "Thank you" : "Nothing was answered");
  const name = `${session.test}-${session.listener.replace(/[^\p{L}\p{N}]+/gu, "_") || "listener"}-${session.seed}.csv`;
  root.replaceChildren(element("main", { class: "test" }, heading,
    ...(rows.length ? [...(session.test === "abx" ? abxSummary(rows) : mushraSummary(rows)),
      element("p", {}, downloadLink(rows, name)),
      element("p", { class: "hint" }, "Nothing was sent anywhere: give the file to whoever asked you. `m2l-bench listen --results FILES` sums up many.")] : []),
    element("p", {},
      element("button", { type: "button", onclick: again }, "Another test"), " ",
      element("a", { href: Address.of({ ...app.state, view: "compare" }) }, "Compare openly"))));
  heading.focus();
}

function abxSummary(rows) {
  const right = rows.reduce((sum, row) => sum + row.correct, 0);
  const p = binomialP(right, rows.length);
  return [
    element("p", { class: "verdict" }, `${right} of ${rows.length} right, p ${p < 0.001 ? "" : "= "}${pText(p)}`),
    element("p", {}, `${titleOf(rows[0].a)} (A) against ${titleOf(rows[0].b)} (B). p is the chance of that many or more by guessing.`),
    rows.length < rows[0].trials ? element("p", {}, `Stopped before ${counted(rows[0].trials, "trial")} were over: p does not hold then.`) : null,
  ];
}

function mushraSummary(rows) {
  const systems = [...new Set(rows.map((row) => row.system))];
  const means = systems.map((system) => [system, mean(rows.filter((row) => row.system === system).map((row) => row.score))]);
  means.sort((first, second) => second[1] - first[1]);
  return [element("table", {},
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "System"), element("th", { scope: "col" }, "Your mean"))),
    element("tbody", {}, ...means.map(([system, score]) => element("tr", {},
      element("th", { scope: "row" }, system === ORIGINAL ? "Hidden reference" : titleOf(system)), element("td", {}, score.toFixed(1))))))];
}
