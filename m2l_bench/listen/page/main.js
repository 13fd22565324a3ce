"use strict";
/* Puts the views together: one state, which is also the address, and one player. */

const app = {
  player: new Player(),
  state: null,
  asked: "", // what was asked of the list
  listed: [], // clips in its order, another array when that changes; the filters may have removed the shown clip
  clip: null,

  go(state) {
    const asked = JSON.stringify([state.find, state.sort, state.of, state.order, state.least, state.most]);
    if (asked !== this.asked) this.listed = arrange(state);
    Object.assign(this, { state, asked });
    const clips = [DATA.clips.find((clip) => clip.id === state.clip), this.listed.find((clip) => clip.id === DATA.median)];
    this.clip = clips[0] ?? clips[1] ?? this.listed[0] ?? DATA.clips[0];
    show();
  },
  /** The shown clip stays when the list around it changes. */
  update(changes) {
    const state = { ...this.state, clip: this.clip.id, ...changes };
    Address.write(state);
    this.go(state);
  },
};

// They are for previews of links; in a blind test they would tell names.
for (const meta of document.querySelectorAll("meta[property], meta[name=description]")) meta.remove();

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
