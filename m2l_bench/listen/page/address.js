"use strict";
/* The part of the address after # remembers what is looked at, so that a link leads there. */

const Address = {
  /** What a page without a word in its address shows: the worst clips of the first system. */
  plain() {
    return {
      view: "compare", clip: "", system: ORIGINAL, sort: DATA.metrics.at(-1)?.name ?? "set", of: DATA.systems[0].name,
      order: "worst", find: "", least: "", most: "",
    };
  },

  /** The state that the address asks for; names that are not on this page are passed over. */
  read() {
    const state = this.plain();
    for (const [name, value] of new URLSearchParams(location.hash.slice(1))) if (name in state) state[name] = value;
    const systems = new Set(DATA.systems.map((system) => system.name));
    const plain = this.plain();
    if (state.system !== ORIGINAL && !systems.has(state.system)) state.system = ORIGINAL;
    if (!systems.has(state.of)) state.of = plain.of;
    if (!["set", "name", ...DATA.metrics.map((metric) => metric.name)].includes(state.sort)) state.sort = plain.sort;
    if (state.order !== "best") state.order = "worst";
    for (const limit of ["least", "most"]) if (Number.isNaN(Number(state[limit]))) state[limit] = "";
    return state;
  },

  /** The address of a state: only what is not plain stands in it. */
  of(state) {
    const plain = this.plain();
    return "#" + new URLSearchParams(Object.entries(state).filter(([name, value]) => value !== plain[name]));
  },

  /** Puts a state into the address without a new entry in the history. */
  write(state) {
    history.replaceState(null, "", this.of(state));
  },
};
