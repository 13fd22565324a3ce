"use strict";
/* What a listener is told at the end; `m2l-bench listen --results` computes and writes the same for many. */

/** Returns the probability of at least `right` of `trials` by guessing: the one-sided binomial test with p = 1/2, in whole
    numbers as statistics.py does, so that both give the same number. */
function binomialP(right, trials) {
  let ways = 1n; // to have exactly k right answers
  let sum = 0n;
  for (let k = 0; k <= trials; k++) {
    if (k >= right) sum += ways;
    ways = (ways * BigInt(trials - k)) / BigInt(k + 1);
  }
  return Number(sum) / 2 ** trials;
}

/** Writes a p value, as `p_text` in text.py does. */
function pText(p) {
  return p < 0.001 ? "< 0.001" : p.toFixed(3);
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
