"use strict";
/* The open view: overview, list, clip, keys. */

const SEEK_SECONDS = 1;

/** Shows the view in `root`; `app` is the one of main.js. Returns a function to call after a change of state. */
function compareView(app, root, signal) {
  const keys = [ORIGINAL, ...DATA.systems.map((system) => system.name)];
  app.keys = new Map(keys.slice(0, 10).map((key, number) => [key, String(number)]));
  const systems = overview(app, signal);
  const list = clipList(app);
  const place = element("div", { class: "place" });
  const help = helpDialog();
  const blind = DATA.reference.corresponds ? element("a", { class: "primary" }, "Blind test") : null;
  root.replaceChildren(
    element("header", { class: "top" },
      element("h1", {}, DATA.title),
      element("nav", { "aria-label": "Views" },
        element("button", { type: "button", onclick: () => help.dialog.showModal() }, "About this page"),
        blind)),
    element("div", { class: "columns" }, systems.element, list.element, place),
    help.dialog);

  let shown = null;
  let clip = null;
  let leaveClip = new AbortController();
  signal.addEventListener("abort", () => leaveClip.abort());

  function show() {
    list.show();
    if (blind) blind.href = Address.of({ ...app.state, view: "blind" });
    const audible = app.clip.made[app.state.system] ? app.state.system : ORIGINAL;
    if (app.clip !== shown) {
      const chosen = shown !== null;
      shown = app.clip;
      leaveClip.abort();
      leaveClip = new AbortController();
      app.player.show(pieces(shown), shown.seconds, shown.headroom, audible);
      clip = clipView(app, leaveClip.signal);
      place.replaceChildren(clip.element);
      if (chosen && getComputedStyle(place.parentElement).display === "block") place.scrollIntoView(); // a phone
    } else if (audible !== app.player.selected) {
      app.player.select(audible);
    }
    clip.showState();
    systems.show();
  }
  const move = (by) => () => {
    const next = app.listed[app.listed.indexOf(app.clip) + by];
    if (next) app.update({ clip: next.id });
  };
  const other = (by) => () => {
    const present = keys.filter((key) => key === ORIGINAL || app.clip.made[key]);
    app.update({ system: present[(present.indexOf(app.player.selected) + by + present.length) % present.length] });
  };
  const seek = (by) => () => app.player.seek(app.player.position + by);
  const actions = {
    " ": () => app.player.toggle(),
    ArrowLeft: seek(-SEEK_SECONDS), ArrowRight: seek(SEEK_SECONDS), ArrowUp: other(-1), ArrowDown: other(1),
    p: move(-1), n: move(1),
    l: () => app.player.setLooping(!app.player.looping),
    m: () => app.player.setMatching(!app.player.matching),
    "[": () => loopFrom(app.player), "]": () => loopTo(app.player), Escape: () => app.player.loopSection(null),
    "/": () => list.find.focus(), "?": () => help.dialog.showModal(),
  };
  for (const [key, digit] of app.keys) actions[digit] = () => app.clip.made[key] || key === ORIGINAL ? app.update({ system: key }) : null;
  listenToKeys(actions, () => help.keysOn(), signal);
  return show;
}

function pieces(clip) {
  return [{ key: ORIGINAL, ...clip.original }, ...Object.entries(clip.made).map(([key, piece]) => ({ key, ...piece }))];
}

function loopFrom(player) {
  const to = player.section?.[1] ?? player.seconds;
  if (player.position < to - 0.05) player.loopSection([player.position, to]);
}

function loopTo(player) {
  const from = player.section?.[0] ?? 0;
  if (player.position > from + 0.05) player.loopSection([from, player.position]);
}

function helpDialog() {
  const on = element("input", { type: "checkbox", checked: true });
  const keys = [
    ["0", DATA.reference.title.toLowerCase()], ["1 to 9", WORDS.systems.toLowerCase()], ["↑ ↓", `other ${WORDS.system.toLowerCase()}`], ["space", "play, pause"],
    ["← →", "one second back, on"], ["[ ]", "loop from here, to here"], ["Esc", "loop all of it"],
    ["L", "loop"], ["M", "match loudness"], ["P N", "previous, next clip"], ["/", "find"], ["?", "this help"],
  ];
  const dialog = element("dialog", { "aria-labelledby": "help-title" },
    element("form", { method: "dialog" },
      element("div", { class: "keys-only" },
        element("h2", {}, "Keys"),
        element("dl", { class: "keys" }, ...keys.flatMap(([key, text]) => [
          element("dt", {}, element("kbd", {}, key)), element("dd", {}, text)])),
        element("label", { class: "switch" }, on, "Single keys are on")),
      element("h2", { id: "help-title" }, WORDS.systems),
      element("dl", { class: "systems" }, ...DATA.systems.flatMap(describe)),
      element("h2", {}, "What is heard"),
      element("p", {}, `${WORDS.heard} (ITU-R BS.1770 integrated loudness, gains within 20 dB) and no true peak is above ` +
        "−1 dB of full scale. On an iPhone the ring switch mutes such a page."),
      element("button", { class: "primary" }, "Close")));
  return { dialog, keysOn: () => on.checked };
}

function describe(system) {
  const address = /^https?:\/\//.test(system.source) ? system.source : null;
  return [
    element("dt", {}, mark(system.name), " ", system.title),
    element("dd", {}, [system.description, system.citation].filter(Boolean).join(" "), " ",
      address ? element("a", { href: address, rel: "noopener" }, address) : null),
  ];
}
