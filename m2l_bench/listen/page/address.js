"use strict";
/* The part of the address after # holds what the page shows, so that a link leads there. */

const Address = {
  /** What a page without a state in its address shows: the median clip, in the list the worst of the first system (but an anchor) first. */
  plain() {
    return {
      view: "compare", clip: "", system: ORIGINAL, sort: DATA.metrics.at(-1)?.name ?? "set", of: (DATA.systems.find((system) => system.kind !== "anchor") ?? DATA.systems[0]).name,
      order: "worst", find: "", least: "", most: "", picture: "levels",
    };
  },

  /** Returns the state in the address; names that are not on this page are ignored. */
  read() {
    const state = this.plain();
    for (const [name, value] of new URLSearchParams(location.hash.slice(1))) if (name in state) state[name] = value;
    const systems = new Set(DATA.systems.map((system) => system.name));
    const plain = this.plain();
    if (state.system !== ORIGINAL && !systems.has(state.system)) state.system = ORIGINAL;
    if (!systems.has(state.of)) state.of = plain.of;
    if (!["set", "name", ...DATA.metrics.map((metric) => metric.name)].includes(state.sort)) state.sort = plain.sort;
    if (state.order !== "best") state.order = "worst";
    if (!DATA.reference.corresponds) Object.assign(state, { view: plain.view, picture: plain.picture });
    if (state.picture !== "difference") state.picture = "levels";
    for (const limit of ["least", "most"]) if (Number.isNaN(Number(state[limit]))) state[limit] = "";
    return state;
  },

  /** Returns the address of a state; it contains only what differs from the default. */
  of(state) {
    const plain = this.plain();
    return "#" + new URLSearchParams(Object.entries(state).filter(([name, value]) => value !== plain[name]));
  },

  /** Puts a state into the address without a new entry in the history. */
  write(state) {
    history.replaceState(null, "", this.of(state));
  },
};
