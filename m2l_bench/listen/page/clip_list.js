"use strict";
/* The list of clips: search, sort, limits; each clip is a link that remembers everything else. Of a long list the document
   holds only the rows in sight, each at its place in the whole height. */

const ROWS_BEYOND = 8; // above and below those in sight

/** List of clips. `app` has `clip`, `listed`, `state` and `update(changes)`. Returns the element and `show`; call it after
    a change. */
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
  const list = element("ol", { class: "clips", onscroll: draw, onfocusin: draw });
  const whole = element("nav", { class: "browse", "aria-label": "Clips" },
    element("a", { class: "skip", href: "#clip-name", onclick: skip }, "Skip the list"),
    element("details", { open: matchMedia("(min-width: 60rem)").matches },
      element("summary", {}, "Find and sort"),
      element("div", { class: "filters" }, labelled("Find", find), labelled("Sort by", sort), byMetric)),
    count, list);
  new ResizeObserver(draw).observe(list);
  function skip(event) {
    event.preventDefault(); // the address holds the state
    document.getElementById("clip-name").focus();
  }

  const captions = DATA.clips.some((clip) => clip.caption);
  const rows = new Map(); // place in the list -> row in the document
  let listed = [];
  let selected = null;
  let ends = [0, 1];

  /** Returns a row. All have one height, whether or not their clip has a caption and a value. */
  function entry(place) {
    const clip = listed[place];
    const metric = DATA.metrics.find(({ name }) => name === app.state.sort);
    const value = metric ? valueOf(clip, metric.name, app.state.of) : null;
    return element("li", { "aria-setsize": listed.length, "aria-posinset": place + 1, style: `--place: ${place}` },
      element("a", {},
        element("span", { class: "name" }, clip.id),
        metric ? element("span", { class: "value" }, figure(value, metric.decimals)) : null,
        captions ? element("span", { class: "caption" }, clip.caption || "\u00a0") : null,
        metric ? bar(value, ends) : null));
  }
  function bar(value, [low, high]) {
    const share = high > low ? (value - low) / (high - low) : 1;
    const style = Number.isFinite(value) ? `--share: ${share}` : "visibility: hidden";
    return element("span", { class: "bar", style, "aria-hidden": "true" });
  }
  function show() {
    const state = app.state;
    for (const [control, name] of [[find, "find"], [sort, "sort"], [of, "of"], [order, "order"], [least, "least"], [most, "most"]]) {
      if (control !== document.activeElement || control.tagName === "SELECT") control.value = state[name];
    }
    const another = app.listed !== listed;
    if (another) showListed();
    if (another || app.clip !== selected) scrollTo(listed.indexOf(app.clip));
    selected = app.clip;
    draw();
  }
  function showListed() {
    listed = app.listed;
    ends = extent(app.state.sort, app.state.of);
    for (const [control, end] of [[least, ends[0]], [most, ends[1]]]) control.placeholder = Number(end.toFixed(2));
    byMetric.hidden = !DATA.metrics.some((metric) => metric.name === app.state.sort);
    const all = DATA.clips.length;
    count.textContent = listed.length === all ? counted(all, "clip") : `${listed.length} of ${counted(all, "clip")}`;
    list.style.setProperty("--rows", listed.length);
    list.replaceChildren();
    rows.clear();
  }
  /** Returns the height of a row in pixels, which a reader's own fonts decide; 0 while the list is not shown. */
  function rowHeight() {
    if (!rows.size) {
      rows.set(0, entry(0));
      list.append(rows.get(0));
    }
    const { height } = list.firstElementChild.getBoundingClientRect();
    list.style.setProperty("--row", `${height}px`);
    return height;
  }
  /** Scrolls only the list itself; the page does not move. */
  function scrollTo(place) {
    if (place < 0) {
      list.scrollTop = 0;
      return;
    }
    const height = rowHeight();
    const top = place * height;
    if (top < list.scrollTop || top + height > list.scrollTop + list.clientHeight) {
      list.scrollTop = top - list.clientHeight / 3;
    }
  }
  /** Puts the rows in sight into the document and takes others out. The row with the focus stays, between its neighbours:
      they are where the Tab key goes next. */
  function draw() {
    const height = listed.length && rowHeight();
    if (!height) return;
    const wanted = new Set();
    const want = (from, to) => {
      for (let place = Math.max(0, from); place <= Math.min(to, listed.length - 1); place++) wanted.add(place);
    };
    const first = Math.floor(list.scrollTop / height);
    want(first - ROWS_BEYOND, first + Math.ceil(list.clientHeight / height) + ROWS_BEYOND);
    for (const [place, row] of rows) if (row.contains(document.activeElement)) want(place - 1, place + 1);
    for (const [place, row] of rows) {
      if (wanted.has(place)) continue;
      row.remove();
      rows.delete(place);
    }
    let before = null; // a row that is there is not moved: it would lose the focus
    for (const place of [...wanted].sort((first, second) => first - second)) {
      const row = rows.get(place) ?? entry(place);
      if (!rows.has(place)) list.insertBefore(row, before ? before.nextSibling : list.firstChild);
      rows.set(place, row);
      before = row;
      const link = row.firstChild;
      link.href = Address.of({ ...app.state, clip: listed[place].id });
      if (listed[place] === app.clip) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }
  return { element: whole, show, find };
}
