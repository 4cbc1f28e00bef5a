// One formula, as in plogq: H(P, Q) = mass · log1p(R) + E_P[d], where nothing cancels. It draws the
// explorer; tests hold each function against plogq itself, in a browser.
(function () {
  "use strict";

  const sum = (x) => x.reduce((a, b) => a + b, 0);

  // The greatest score, its first place, and R = Σ exp(s - max) over the other classes.
  function peak(z) {
    const top = z.indexOf(Math.max(...z));
    const rest = sum(z.map((s, j) => (j === top ? 0 : Math.exp(s - z[top]))));
    return { top, rest };
  }

  // Exclusive classes: p are probabilities, z scores; in nats.
  function crossEntropy(p, z) {
    const { top, rest } = peak(z);
    return sum(p) * Math.log1p(rest) + sum(p.map((w, j) => (w ? w * (z[top] - z[j]) : 0)));
  }

  function softmax(z) {
    const { top, rest } = peak(z);
    return z.map((s) => Math.exp(s - z[top]) / (1 + rest));
  }

  // ∂H/∂z_j = mass · q_j - p_j.
  function gradient(p, z) {
    const q = softmax(z);
    return q.map((x, j) => sum(p) * x - p[j]);
  }

  // Exclusive classes, from probabilities q: never clipped.
  function ofProbabilities(p, q) {
    return sum(p.map((w, j) => (w ? -w * Math.log(q[j]) : 0)));
  }

  const sigmoid = (z) => (z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z)));

  // Independent outcomes: the mean over them of y · log(1 + e^-z) + (1 - y) · log(1 + e^z).
  function binaryCrossEntropy(y, z) {
    const each = z.map(
      (s, j) =>
        Math.log1p(Math.exp(-Math.abs(s))) +
        y[j] * Math.max(-s, 0) +
        (1 - y[j]) * Math.max(s, 0)
    );
    return sum(each) / each.length;
  }

  const binaryGradient = (y, z) => z.map((s, j) => (sigmoid(s) - y[j]) / z.length);

  function ofYesNo(y, q) {
    const term = (w, x) => (w ? -w * Math.log(x) : 0);
    return sum(y.map((w, j) => term(w, q[j]) + term(1 - w, 1 - q[j]))) / y.length;
  }

  // What Keras makes of anything handed over as probabilities: divided by its sum, then clipped.
  function asKerasClips(q) {
    const total = sum(q);
    return q.map((x) => Math.min(Math.max(x / total, 1e-7), 1 - 1e-7));
  }

  window.plogq = {
    asKerasClips,
    binaryCrossEntropy,
    binaryGradient,
    crossEntropy,
    gradient,
    ofProbabilities,
    ofYesNo,
    sigmoid,
    softmax,
  };
})();
