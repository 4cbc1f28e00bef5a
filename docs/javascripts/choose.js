// Three questions and the loss that the answers lead to: the tree of `plogq choose`, as it stands in
// the page, one click for each answer.
(function () {
  "use strict";

  function element(tag, text, parent, className) {
    const made = document.createElement(tag);
    if (text) made.textContent = text;
    if (className) made.className = className;
    if (parent) parent.append(made);
    return made;
  }

  function start(root) {
    const tree = JSON.parse(document.getElementById("plogq-tree").textContent);
    const chosen = [];

    function question(asked, step) {
      const field = element("fieldset", "", root);
      element("legend", asked.text, field);
      for (const option of asked.options) {
        const label = element("label", "", field);
        const radio = element("input", "", label);
        radio.type = "radio";
        radio.name = `plogq-${asked.name}`;
        radio.value = option.name;
        radio.checked = chosen[step] === option.name;
        radio.addEventListener("change", () => {
          chosen.splice(step, chosen.length, option.name);
          draw();
          const next = root.querySelectorAll("fieldset")[step + 1];
          if (next) next.querySelector("input").focus();
        });
        element("span", option.text, label);
        if (option.example) element("code", option.example, label);
      }
    }

    function answer(found) {
      const box = element("section", "", root, "plogq-answer");
      box.setAttribute("aria-live", "polite");
      element("h3", found.name, box);
      if (found.before) element("p", found.before, box);
      const list = element("dl", "", box);
      for (const [library, call] of found.calls) {
        element("dt", library, list);
        element("code", call, element("dd", "", list));
      }
      const told = [
        ["The last layer", found.last_layer],
        ["The nearest mistake", found.mistake],
        ["The loss of an untrained model", found.untrained],
      ];
      for (const [name, text] of told) {
        const p = element("p", "", box);
        element("strong", `${name}: `, p);
        p.append(`${text}.`);
      }
    }

    function draw() {
      root.replaceChildren();
      question(tree.first, 0);
      if (chosen.length > 0) question(tree.last_layer[chosen[0]], 1);
      if (chosen.length > 1) question(tree.labels[chosen[0]], 2);
      if (chosen.length > 2) answer(tree.answers[chosen.join("/")]);
    }
    draw();
  }

  document.addEventListener("DOMContentLoaded", () => {
    const root = document.getElementById("plogq-choose");
    if (root) start(root);
  });
})();
