"use strict";
/* Which clips are listed, and in which order. Pure functions on DATA. */

const ORIGINAL = "original";

function titleOf(system) {
  return system === ORIGINAL ? DATA.reference.title : DATA.systems.find(({ name }) => name === system).title;
}

/** Converts a value of a metric to a number that is higher for better values. */
function merit(value, metric) {
  if (metric.zeroIsBest) return -Math.abs(value);
  return metric.higherIsBetter ? value : -value;
}

/** Returns a metric of a system on a clip; null where it was not measured. */
function valueOf(clip, metric, system) {
  const index = DATA.metrics.findIndex(({ name }) => name === metric);
  return clip.made[system]?.values[index] ?? null;
}

/** Returns the clips that match the text and the limits, sorted; clips without the metric come last. */
function arrange(state) {
  const words = state.find.toLowerCase().split(/\s+/).filter(Boolean);
  const metric = DATA.metrics.find(({ name }) => name === state.sort);
  const least = state.least === "" ? -Infinity : Number(state.least);
  const most = state.most === "" ? Infinity : Number(state.most);
  const limited = metric && (state.least !== "" || state.most !== "");
  const values = metric ? valuesOf(metric.name, state.of) : [];
  const found = [];
  for (const [index, clip] of DATA.clips.entries()) {
    const value = values[index] ?? null;
    if (limited && (value === null || value < least || value > most)) continue;
    if (words.length) {
      const text = `${clip.id} ${clip.caption}`.toLowerCase();
      if (!words.every((word) => text.includes(word))) continue;
    }
    found.push({ clip, value });
  }
  if (state.sort === "name") {
    const { compare } = new Intl.Collator(); // as localeCompare, many times faster
    found.sort((first, second) => compare(first.clip.id, second.clip.id));
  }
  if (!metric) return found.map(({ clip }) => clip);
  const sign = state.order === "worst" ? 1 : -1;
  const measured = found.filter(({ value }) => value !== null);
  measured.sort((first, second) => sign * (merit(first.value, metric) - merit(second.value, metric))); // of two infinities: NaN, which sorts as 0
  return [...measured, ...found.filter(({ value }) => value === null)].map(({ clip }) => clip);
}

/** Returns a metric of a system on all clips, in the order of the set; null where it was not measured. */
function valuesOf(metric, system) {
  const index = DATA.metrics.findIndex(({ name }) => name === metric);
  return DATA.clips.map((clip) => clip.made[system]?.values[index] ?? null);
}

/** Returns the smallest and largest finite value of a metric and system over all clips: the range of the bars. */
function extent(metric, system) {
  const values = valuesOf(metric, system).filter(Number.isFinite);
  return values.length ? [Math.min(...values), Math.max(...values)] : [0, 1];
}
