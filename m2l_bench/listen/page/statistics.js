"use strict";
/* What a listener is told at the end; `m2l-bench listen --results` computes the same for many. */

/** Returns the probability of at least `right` of `trials` by guessing: the one-sided binomial test with p = 1/2. */
function binomialP(right, trials) {
  let term = 0.5 ** trials; // probability of exactly k right answers
  let sum = 0;
  for (let k = 0; k <= trials; k++) {
    if (k >= right) sum += term;
    term *= (trials - k) / (k + 1);
  }
  return Math.min(1, sum);
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
