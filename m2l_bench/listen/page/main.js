"use strict";
/* Puts the views together: one state, which is also the address, and one player. */

const app = {
  player: new Player(),
  state: null,
  listed: [], // clips in the order of the list; the filters may have removed the shown clip
  clip: null,

  go(state) {
    this.state = state;
    this.listed = arrange(state);
    this.clip = DATA.clips.find((clip) => clip.id === state.clip) ?? this.listed[0] ?? DATA.clips[0];
    show();
  },
  /** The shown clip stays when the list around it changes. */
  update(changes) {
    const state = { ...this.state, clip: this.clip.id, ...changes };
    Address.write(state);
    this.go(state);
  },
};

const root = document.getElementById("page");
let view = null;
let showView = null;
let leave = new AbortController();

function show() {
  if (app.state.view !== view) {
    leave.abort();
    leave = new AbortController();
    view = app.state.view;
    app.player.pause();
    showView = view === "blind" ? blindView(app, root, leave.signal) : compareView(app, root, leave.signal);
    document.title = view === "blind" ? "Listening test" : DATA.title;
  }
  showView?.();
}

addEventListener("hashchange", () => app.go(Address.read()));
app.go(Address.read());
