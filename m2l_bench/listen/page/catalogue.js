"use strict";
/* Which clips are listed, and in which order. Pure functions on DATA. */

const ORIGINAL = "original";

function titleOf(system) {
  return system === ORIGINAL ? "Original" : DATA.systems.find((one) => one.name === system).title;
}

/** A metric of a system on a clip; null where it was not measured. */
function valueOf(clip, metric, system) {
  const index = DATA.metrics.findIndex((one) => one.name === metric);
  return clip.made[system]?.values[index] ?? null;
}

/** The clips that match the text and the limits, sorted; clips without the metric come last. */
function arrange(wanted) {
  const words = wanted.find.toLowerCase().split(/\s+/).filter(Boolean);
  const metric = DATA.metrics.find((one) => one.name === wanted.sort);
  const value = (clip) => (metric ? valueOf(clip, metric.name, wanted.of) : null);
  const least = wanted.least === "" ? -Infinity : Number(wanted.least);
  const most = wanted.most === "" ? Infinity : Number(wanted.most);
  const limited = metric && (wanted.least !== "" || wanted.most !== "");
  const found = DATA.clips.filter((clip) => {
    const text = `${clip.id} ${clip.caption}`.toLowerCase();
    if (!words.every((word) => text.includes(word))) return false;
    return !limited || (value(clip) !== null && value(clip) >= least && value(clip) <= most);
  });
  if (wanted.sort === "name") return found.sort((one, other) => one.id.localeCompare(other.id));
  if (!metric) return found;
  const upwards = (wanted.order === "worst") === metric.higherIsBetter;
  return found.sort((one, other) => {
    const [a, b] = [value(one), value(other)];
    if (a === null || b === null) return (a === null) - (b === null);
    return a === b ? 0 : (upwards ? 1 : -1) * (a < b ? -1 : 1);
  });
}

/** Smallest and largest finite value of a metric and system over all clips: the ends of the bars beside values. */
function extent(metric, system) {
  const values = DATA.clips.map((clip) => valueOf(clip, metric, system)).filter(Number.isFinite);
  return values.length ? [Math.min(...values), Math.max(...values)] : [0, 1];
}
