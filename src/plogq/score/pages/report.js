// Tables sort by the button in each heading, and long ones filter. Without this they are as they are.
"use strict";
const FEW = 15;

function value(row, column) {
  const cell = row.cells[column];
  return cell.dataset.v === undefined ? cell.textContent : Number(cell.dataset.v);
}

// Numbers before text, and what is no number last, whichever way.
function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") {
    return a < b ? -1 : a > b ? 1 : 0;
  }
  if (typeof a === "number" || typeof b === "number") return typeof a === "number" ? -1 : 1;
  return a.localeCompare(b, "en", { numeric: true });
}

function sort(table, column) {
  const heads = [...table.tHead.rows[0].cells];
  const head = heads[column];
  const descending = head.getAttribute("aria-sort") === "ascending";
  heads.forEach((other) => other.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [value(row, column), row]);
  const lost = (key) => Number.isNaN(key);
  rows.sort(([a], [b]) => lost(a) - lost(b) || (descending ? compare(b, a) : compare(a, b)));
  body.append(...rows.map(([, row]) => row));
}

function filter(table, text, output) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = [...table.tBodies[0].rows];
  let shown = 0;
  for (const row of rows) {
    const own = [...row.cells].map((cell) => cell.textContent).join("\n").toLowerCase();
    row.hidden = !words.every((word) => own.includes(word));
    shown += !row.hidden;
  }
  output.textContent = words.length ? `${shown} of ${rows.length} rows` : "";
}

for (const table of document.querySelectorAll("table.sorts")) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(table, column));
    head.append(button);
  });
  if (table.tBodies[0].rows.length <= FEW) continue;
  const box = document.createElement("div"), label = document.createElement("label");
  const input = document.createElement("input"), output = document.createElement("output");
  box.className = "filter";
  input.type = "search";
  input.id = `${table.id}-filter`;
  input.setAttribute("aria-describedby", `${table.id}-caption`);
  label.htmlFor = input.id;
  label.textContent = "Show rows with";
  output.setAttribute("role", "status");
  input.addEventListener("input", () => filter(table, input.value, output));
  box.append(label, input, output);
  table.parentElement.before(box);
}
