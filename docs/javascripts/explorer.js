// The explorer: outcomes, P and Q by sliders; every helper's number and name, the gradient, the loss
// along one score, and what the wrong helper would say. No network, no library.
(function () {
  "use strict";

  const SVG = "http://www.w3.org/2000/svg";
  const NAMES = ["A", "B", "C", "D", "E"];

  function element(tag, text, parent, attributes) {
    const made = document.createElement(tag);
    if (text) made.textContent = text;
    for (const [name, value] of Object.entries(attributes || {})) made.setAttribute(name, value);
    if (parent) parent.append(made);
    return made;
  }

  function drawn(tag, parent, attributes) {
    const made = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    parent.append(made);
    return made;
  }

  const shown = (x) => (Number.isFinite(x) ? x.toFixed(4) : Number.isNaN(x) ? "no number" : "∞");

  function start(root) {
    const f = window.plogq;
    const answers = JSON.parse(document.getElementById("plogq-tree").textContent).answers;
    const state = {
      outcomes: "exclusive", hard: true, label: 0, along: 0,
      weights: [0.6, 0.4, 0, 0, 0], y: [1, 0, 1, 0, 0], z: [2, 0.5, -1, 0, 0], classes: 3,
    };

    // What is true, as probabilities of the classes, or of yes for each outcome.
    function target() {
      const k = state.classes;
      if (state.outcomes === "independent") {
        return state.y.slice(0, k).map((y) => (state.hard ? Math.round(y) : y));
      }
      if (state.hard) return NAMES.slice(0, k).map((_, j) => (j === state.label ? 1 : 0));
      const weights = state.weights.slice(0, k);
      const total = weights.reduce((a, b) => a + b, 0);
      return total ? weights.map((w) => w / total) : weights.map(() => 1 / k);
    }

    const controls = element("div", "", root, { class: "plogq-controls" });
    const results = element("div", "", root, { class: "plogq-results" });

    function choice(name, legend, options, value, set) {
      const field = element("fieldset", "", controls);
      element("legend", legend, field);
      for (const [key, text] of options) {
        const label = element("label", "", field);
        const radio = element("input", "", label, { type: "radio", name: `plogq-${name}`, value: key });
        radio.checked = String(value) === key;
        radio.addEventListener("change", () => { set(key); controlsAgain(); draw(); });
        label.append(text);
      }
    }

    function slider(field, name, text, value, least, most, step, set) {
      const label = element("label", "", field);
      element("span", text, label);
      const input = element("input", "", label, { type: "range", name, min: least, max: most, step });
      input.value = value;
      const number = element("output", String(value), label);
      input.addEventListener("input", () => {
        set(Number(input.value));
        number.textContent = input.value;
        draw();
      });
    }

    function controlsAgain() {
      controls.replaceChildren();
      const k = state.classes;
      const names = NAMES.slice(0, k);
      choice("outcomes", "Outcomes", [
        ["exclusive", "exclude one another (one softmax)"],
        ["independent", "each a yes or no of its own (a sigmoid each)"],
      ], state.outcomes, (v) => { state.outcomes = v; });
      choice("classes", "How many", [2, 3, 4, 5].map((n) => [String(n), String(n)]), k, (v) => {
        state.classes = Number(v);
        state.label = Math.min(state.label, state.classes - 1);
        state.along = Math.min(state.along, state.classes - 1);
      });
      choice("hard", "P, what is true", [["true", "hard"], ["false", "soft"]], state.hard, (v) => {
        state.hard = v === "true";
      });
      if (state.outcomes === "exclusive" && state.hard) {
        choice("label", "The class that it is", names.map((n, j) => [String(j), n]), state.label, (v) => {
          state.label = Number(v);
        });
      } else {
        const field = element("fieldset", "", controls);
        element("legend", state.outcomes === "exclusive" ? "Shares of P" : "P of yes", field);
        const held = state.outcomes === "exclusive" ? state.weights : state.y;
        names.forEach((n, j) => slider(field, `p${j}`, n, held[j], 0, 1, state.hard ? 1 : 0.05,
          (v) => { held[j] = v; }));
      }
      const field = element("fieldset", "", controls);
      element("legend", "Q, what is predicted: scores (logits)", field);
      names.forEach((n, j) => slider(field, `z${j}`, n, state.z[j], -10, 10, 0.1,
        (v) => { state.z[j] = v; }));
      choice("along", "The curve is along the score of", names.map((n, j) => [String(j), n]), state.along,
        (v) => { state.along = Number(v); });
    }

    function table(title, header, rows, id, code) {
      element("h3", title, results);
      const made = element("table", "", element("div", "", results, { class: "plogq-scroll" }), { id });
      const top = element("tr", "", element("thead", "", made));
      header.forEach((text) => element("th", text, top));
      const body = element("tbody", "", made);
      for (const row of rows) {
        const line = element("tr", "", body);
        row.forEach((text, n) => {
          const cell = element("td", "", line);
          if (code && n > 1) element("code", text, cell);
          else cell.textContent = text;
        });
      }
    }

    function helpers(p, z) {
      if (state.outcomes === "independent") {
        const labels = state.hard ? "several ones" : "probabilities";
        return [
          [f.binaryCrossEntropy(p, z), `independent/nothing/${labels}`],
          [f.ofYesNo(p, z.map(f.sigmoid)), `independent/sigmoid/${labels}`],
        ];
      }
      const found = [];
      for (const labels of state.hard ? ["index", "one-hot"] : ["probabilities"]) {
        found.push([f.crossEntropy(p, z), `exclusive/nothing/${labels}`]);
        found.push([f.ofProbabilities(p, f.softmax(z)), `exclusive/softmax/${labels}`]);
      }
      return found;
    }

    function mistakes(p, z) {
      const k = p.length;
      if (state.outcomes === "independent") {
        const q = z.map(f.sigmoid);
        return [
          ["the sigmoid is taken twice: sigmoid outputs as scores", f.binaryCrossEntropy(p, q)],
          ["a softmax over outcomes that do not exclude one another, P divided by its sum",
            f.crossEntropy(normalised(p), z)],
          ["P and Q swapped", f.ofYesNo(q, p)],
        ];
      }
      const q = f.softmax(z);
      const floor = Math.log(1 + (k - 1) / Math.E);
      return [
        [`the softmax is taken twice: softmax outputs as scores (never below ${shown(floor)})`,
          f.crossEntropy(p, q)],
        ["a sigmoid for each class: binary cross-entropy of one-hot rows", f.binaryCrossEntropy(p, z)],
        ["scores handed over as probabilities: Keras divides by the sum and clips, plogq refuses",
          f.ofProbabilities(p, f.asKerasClips(z))],
        ["P and Q swapped", f.ofProbabilities(q, p)],
      ];
    }

    function normalised(p) {
      const total = p.reduce((a, b) => a + b, 0);
      return p.map((x) => (total ? x / total : 1 / p.length));
    }

    function curve(loss, z) {
      element("h3", `The loss along the score of ${NAMES[state.along]}`, results);
      const svg = drawn("svg", element("div", "", results), {
        viewBox: "0 0 440 220", role: "img", class: "plogq-curve",
        "aria-label": "The loss against one score, with a mark where it is now",
      });
      const along = (x) => loss(z.map((s, j) => (j === state.along ? x : s)));
      const xs = Array.from({ length: 121 }, (_, i) => -10 + i / 6);
      const losses = xs.map(along);
      const most = Math.max(1, ...losses.filter(Number.isFinite));
      const px = (x) => 30 + ((x + 10) / 20) * 400;
      const py = (y) => 195 - (y / most) * 180;
      drawn("path", svg, { d: "M30 10V195H435", class: "plogq-axis" });
      const points = xs.map((x, i) => `${px(x).toFixed(1)} ${py(losses[i]).toFixed(1)}`);
      drawn("path", svg, { d: `M${points.join("L")}`, class: "plogq-line" });
      drawn("circle", svg, { cx: px(z[state.along]), cy: py(along(z[state.along])), r: 5, class: "plogq-here" });
      for (const [x, y, text] of [[30, 212, "-10"], [228, 212, "0"], [415, 212, "10"], [2, 18, most.toFixed(1)], [16, 199, "0"]]) {
        drawn("text", svg, { x, y, class: "plogq-label" }).textContent = text;
      }
    }

    function draw() {
      results.replaceChildren();
      const z = state.z.slice(0, state.classes);
      const p = target();
      const yesNo = state.outcomes === "independent";
      const loss = (s) => (yesNo ? f.binaryCrossEntropy(p, s) : f.crossEntropy(p, s));
      const q = yesNo ? z.map(f.sigmoid) : f.softmax(z);
      const slope = yesNo ? f.binaryGradient(p, z) : f.gradient(p, z);
      const line = element("p", "", results, { class: "plogq-loss" });
      line.append("H(P, Q) = ");
      element("output", shown(loss(z)), line, { id: "plogq-loss" });
      line.append(" nats");
      table("P, Q and the gradient", ["", "P", "score", "Q", "∂H/∂score = (Q - P) · weight"],
        p.map((w, j) => [NAMES[j], shown(w), shown(z[j]), shown(q[j]), shown(slope[j])]), "plogq-values");
      table("The helpers that fit, and their names", ["helper", "loss", "plogq", "Keras", "PyTorch", "TensorFlow", "optax"],
        helpers(p, z).map(([value, key]) => {
          const found = answers[key];
          const calls = Object.fromEntries(found.calls);
          return [found.name, shown(value), calls.plogq, calls["Keras, class"], calls["PyTorch, function"],
            calls.TensorFlow, calls.optax];
        }), "plogq-helpers", true);
      table("The wrong helper runs, and says", ["mistake", "number"],
        mistakes(p, z).map(([name, value]) => [name, shown(value)]), "plogq-mistakes");
      curve(loss, z);
    }

    controlsAgain();
    draw();
  }

  document.addEventListener("DOMContentLoaded", () => {
    const root = document.getElementById("plogq-explorer");
    if (root) start(root);
  });
})();
