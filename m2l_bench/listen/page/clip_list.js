"use strict";
/* The list of clips: search, sort, limits; each clip is a link that remembers everything else. */

/** List of clips. `app` has `state` and `update(changes)`. Returns the element and `show`; call it after a change. */
function clipList(app) {
  const set = (name) => (event) => app.update({ [name]: event.target.value });
  const find = element("input", { type: "search", placeholder: "name or caption", oninput: set("find") });
  const metrics = DATA.metrics.map((metric) => [metric.name, metric.title]);
  const sort = choice([...metrics, ["name", "Name"], ["set", "Order of the set"]], app.state.sort, { onchange: set("sort") });
  const of = choice(DATA.systems.map((system) => [system.name, system.title]), app.state.of, { onchange: set("of") });
  const order = choice([["worst", "Worst first"], ["best", "Best first"]], app.state.order, { onchange: set("order") });
  const least = element("input", { type: "number", step: "any", onchange: set("least") });
  const most = element("input", { type: "number", step: "any", onchange: set("most") });
  const byMetric = element("div", { class: "by-metric" },
    labelled("Of system", of), labelled("Order", order), labelled("At least", least), labelled("At most", most));
  const count = element("p", { class: "count", role: "status" });
  const list = element("ol", { class: "clips" });
  const whole = element("nav", { class: "browse", "aria-label": "Clips" },
    element("details", { open: matchMedia("(min-width: 60rem)").matches },
      element("summary", {}, "Find and sort"),
      element("div", { class: "filters" }, labelled("Find", find), labelled("Sort by", sort), byMetric)),
    count, list);

  let shown = "";

  function entry(clip, ends) {
    const metric = DATA.metrics.find(({ name }) => name === app.state.sort);
    const value = metric ? valueOf(clip, metric.name, app.state.of) : null;
    return element("li", {},
      element("a", {},
        element("span", { class: "name" }, clip.id),
        metric ? element("span", { class: "value" }, figure(value, metric.decimals)) : null,
        clip.caption ? element("span", { class: "caption" }, clip.caption) : null,
        metric && Number.isFinite(value) ? bar(value, ends) : null));
  }
  function bar(value, [low, high]) {
    const share = high > low ? (value - low) / (high - low) : 1;
    return element("span", { class: "bar", style: `--share: ${share}`, "aria-hidden": "true" });
  }
  function show() {
    const state = app.state;
    for (const [control, name] of [[find, "find"], [sort, "sort"], [of, "of"], [order, "order"], [least, "least"], [most, "most"]]) {
      if (control !== document.activeElement || control.tagName === "SELECT") control.value = state[name];
    }
    const ends = extent(state.sort, state.of);
    for (const [control, end] of [[least, ends[0]], [most, ends[1]]]) control.placeholder = Number(end.toFixed(2));
    byMetric.hidden = !DATA.metrics.some((metric) => metric.name === state.sort);
    const { listed } = app;
    const all = DATA.clips.length;
    count.textContent = listed.length === all ? `${all} clips` : `${listed.length} of ${all} clips`;
    const asked = JSON.stringify([state.find, state.sort, state.of, state.order, state.least, state.most]);
    if (asked !== shown) list.replaceChildren(...listed.map((clip) => entry(clip, ends)));
    shown = asked;
    for (const [index, clip] of listed.entries()) {
      const link = list.children[index].firstChild;
      link.href = Address.of({ ...state, clip: clip.id });
      if (clip !== app.clip) link.removeAttribute("aria-current");
      else if (!link.hasAttribute("aria-current")) {
        link.setAttribute("aria-current", "true");
        scrollTo(link);
      }
    }
  }
  /** Scrolls only the list itself; the page does not move. */
  function scrollTo(link) {
    if (list.scrollHeight <= list.clientHeight) return;
    const top = link.offsetTop - list.offsetTop;
    if (top < list.scrollTop || top + link.offsetHeight > list.scrollTop + list.clientHeight) {
      list.scrollTop = top - list.clientHeight / 3;
    }
  }
  return { element: whole, show, find };
}
