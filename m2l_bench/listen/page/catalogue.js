"use strict";
/* Which clips are listed, and in which order. Pure functions on DATA. */

const ORIGINAL = "original";

function titleOf(system) {
  return system === ORIGINAL ? "Original" : DATA.systems.find(({ name }) => name === system).title;
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
  const value = (clip) => (metric ? valueOf(clip, metric.name, state.of) : null);
  const least = state.least === "" ? -Infinity : Number(state.least);
  const most = state.most === "" ? Infinity : Number(state.most);
  const limited = metric && (state.least !== "" || state.most !== "");
  const clips = DATA.clips.filter((clip) => {
    const text = `${clip.id} ${clip.caption}`.toLowerCase();
    if (!words.every((word) => text.includes(word))) return false;
    return !limited || (value(clip) !== null && value(clip) >= least && value(clip) <= most);
  });
  if (state.sort === "name") return clips.sort((first, second) => first.id.localeCompare(second.id));
  if (!metric) return clips;
  const upwards = (state.order === "worst") === metric.higherIsBetter;
  return clips.sort((first, second) => {
    const [a, b] = [value(first), value(second)];
    if (a === null || b === null) return (a === null) - (b === null);
    return a === b ? 0 : (upwards ? 1 : -1) * (a < b ? -1 : 1);
  });
}

/** Returns the smallest and largest finite value of a metric and system over all clips: the range of the bars. */
function extent(metric, system) {
  const values = DATA.clips.map((clip) => valueOf(clip, metric, system)).filter(Number.isFinite);
  return values.length ? [Math.min(...values), Math.max(...values)] : [0, 1];
}
