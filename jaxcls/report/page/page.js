"use strict";
const DATA = JSON.parse(document.getElementById("data").textContent);
const SVG = "http://www.w3.org/2000/svg";

function made(name, attributes, ...children) {
  const element = document.createElement(name);
  Object.assign(element, attributes);
  element.append(...children);
  return element;
}

function drawn(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

function short(value) {
  if (value === null) return "not finite";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2).replace("e+", "e");
  return String(+value.toPrecision(size >= 1000 ? 6 : 4));
}

// Round numbers from below the least to above the most value.
function ticks(least, most, count) {
  const span = most - least || Math.abs(most) || 1, power = 10 ** Math.floor(Math.log10(span / count));
  const step = power * [1, 2, 5, 10].find((factor) => span / (factor * power) <= count);
  const first = Math.floor(least / step + 1e-9), last = Math.ceil((least === most ? least + span : most) / step - 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => +((first + i) * step).toPrecision(12));
}

function nearest(numbers, value) {
  let best = 0;
  numbers.forEach((number, i) => { if (Math.abs(number - value) < Math.abs(numbers[best] - value)) best = i; });
  return best;
}

class Chart {
  constructor(figure, panel) {
    this.panel = panel;
    this.readout = figure.querySelector(".readout");
    this.place = figure.querySelector("output");
    this.plot = figure.querySelector(".plot");
    this.xs = [...new Set(panel.curves.flatMap((curve) => curve.x))].sort((a, b) => a - b);
    const values = panel.curves.flatMap((curve) => curve.y).filter((value) => value !== null);
    this.ys = values.length ? ticks(Math.min(...values), Math.max(...values), 4) : [0, 1];
    this.slider = made("input", { type: "range", min: 0, max: this.xs.length - 1, step: 1, value: this.xs.length - 1 });
    this.slider.setAttribute("aria-label", `${panel.title}: ${panel.unit}`);
    this.slider.addEventListener("input", () => this.show(+this.slider.value));
    this.slider.addEventListener("pointermove", (event) => {
      const box = this.plot.getBoundingClientRect();
      this.slider.value = nearest(this.xs, this.xOf(event.clientX - box.left));
      this.show(+this.slider.value);
    });
    this.slider.addEventListener("pointerleave", () => { this.slider.value = this.xs.length - 1; this.show(null); });
    this.slider.addEventListener("blur", () => this.show(null));
    this.svg = drawn("svg", { "aria-hidden": "true" });
    this.plot.append(this.svg);
    this.plot.parentElement.append(this.slider);
    new ResizeObserver(() => this.draw()).observe(this.plot);
  }

  xOf(pixels) {
    const [least, most] = this.range;
    return least + (pixels - this.left) / (this.right - this.left) * (most - least);
  }

  draw() {
    const width = this.plot.clientWidth, height = this.plot.clientHeight;
    const labels = this.ys.map(short), gap = Math.max(...labels.map((text) => text.length));
    [this.left, this.right] = [gap * 7 + 12, width - 10];
    this.range = [Math.min(0, this.xs[0]), this.xs.at(-1) === this.xs[0] ? this.xs[0] + 1 : this.xs.at(-1)];
    const [top, bottom] = [10, height - 36], [low, high] = [this.ys[0], this.ys.at(-1)];
    this.x = (value) => this.left + (value - this.range[0]) / (this.range[1] - this.range[0]) * (this.right - this.left);
    this.y = (value) => bottom - (value - low) / (high - low || 1) * (bottom - top);
    const grid = drawn("g", { class: "grid" });
    this.ys.forEach((value, i) => grid.append(
      drawn("line", { x1: this.left, x2: this.right, y1: this.y(value), y2: this.y(value) }),
      drawn("text", { x: this.left - 6, y: this.y(value) + 4, "text-anchor": "end" }, labels[i])));
    for (const value of ticks(...this.range, Math.max(2, Math.floor(width / 90)))) if (value <= this.range[1])
      grid.append(drawn("text", { x: Math.min(this.x(value), width - 14), y: bottom + 17, "text-anchor": "middle" }, short(value)));
    grid.append(drawn("text", { x: (this.left + this.right) / 2, y: height - 3, "text-anchor": "middle" }, this.panel.unit));
    this.cursor = drawn("g", {});
    this.svg.replaceChildren(grid, ...this.panel.curves.flatMap((curve) => this.line(curve)), this.cursor);
    this.show(this.shown ?? null);
  }

  line(curve) {
    let path = "", pen = "M";
    const kind = `run-${curve.run % 6} ${curve.mode}`, alone = [];
    curve.x.forEach((x, i) => {
      if (curve.y[i] === null) { pen = "M"; return; }
      path += `${pen}${this.x(x).toFixed(1)} ${this.y(curve.y[i]).toFixed(1)}`;
      if (pen === "M" && (curve.y[i + 1] ?? null) === null) alone.push(drawn("circle", { class: kind, r: 3, cx: this.x(x), cy: this.y(curve.y[i]) }));
      pen = "L";
    });
    return [drawn("path", { d: path, class: kind }), ...alone];
  }

  // The values at a place of the x axis; null: the last ones, without a cursor.
  show(place) {
    this.shown = place;
    const x = this.xs[place ?? this.xs.length - 1], marks = [], words = [];
    const entries = this.panel.curves.map((curve) => {
      const i = nearest(curve.x, x), run = DATA.runs.length > 1 ? `${DATA.runs[curve.run].name} ` : "";
      if (curve.y[i] !== null && place !== null) marks.push(drawn("circle", {
        class: `run-${curve.run % 6}`, r: 4, cx: this.x(curve.x[i]), cy: this.y(curve.y[i]) }));
      words.push(`${run}${curve.mode} ${short(curve.y[i])}`);
      const key = drawn("svg", { width: 22, height: 8, "aria-hidden": "true" });
      key.append(drawn("path", { d: "M1 4H21", class: `run-${curve.run % 6} ${curve.mode}` }));
      const name = run ? run + (curve.mode === "training" ? "" : "(val.)") : curve.mode;
      return made("li", {}, key, name, made("b", { textContent: short(curve.y[i]) }));
    });
    this.readout.replaceChildren(...entries);
    this.place.textContent = `${this.panel.unit} ${short(x)}`;
    this.slider.setAttribute("aria-valuetext", `${this.panel.unit} ${short(x)}: ${words.join(", ")}`);
    if (place !== null) marks.unshift(drawn("line", { class: "cursor", x1: this.x(x), x2: this.x(x), y1: 10, y2: this.plot.clientHeight - 36 }));
    this.cursor?.replaceChildren(...marks);
  }
}

for (const figure of document.querySelectorAll(".chart")) new Chart(figure, DATA.panels[+figure.dataset.panel]);

const viewer = document.getElementById("viewer");

function pictureOf(entry) {
  const image = made("img", { src: entry.src, alt: entry.alt, className: entry.sharp ? "sharp" : "" });
  const mark = made("span", { className: "mark", textContent: `${entry.right ? "✓" : "✗"} ${entry.predicted}` });
  const lines = [mark, made("span", { className: "quiet", textContent: entry.name })];
  return made("figure", { className: entry.right ? "right" : "wrong" }, image, made("figcaption", {}, ...lines));
}

function open(button) {
  const run = DATA.runs[+button.dataset.run], entries = run.cells[button.dataset.cell] ?? [];
  const [truth, taken] = button.dataset.cell.split("-").map((label) => run.classes[+label]);
  document.getElementById("viewer-title").textContent = truth === taken ? `${truth}, found` : `${truth} taken for ${taken}`;
  const order = truth === taken ? "the least sure first" : "the surest first";
  document.getElementById("viewer-text").textContent = `${entries.length} of ${button.dataset.count} images, ${order}.`;
  document.getElementById("viewer-pictures").replaceChildren(...entries.map(pictureOf));
  viewer.showModal();
}

for (const button of document.querySelectorAll("[data-cell]")) button.addEventListener("click", () => open(button));
document.getElementById("viewer-close").addEventListener("click", () => viewer.close());
viewer.addEventListener("click", (event) => { if (event.target === viewer) viewer.close(); });

// Arrow keys go from cell to cell of a matrix.
for (const table of document.querySelectorAll(".matrix")) table.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  const cell = event.target.closest("td");
  if (!step || !cell) return;
  let [row, column] = [cell.parentElement.rowIndex, cell.cellIndex];
  while (table.rows[row += step[0]]?.cells[column += step[1]]?.tagName === "TD" && row > 0) {
    const button = table.rows[row].cells[column].querySelector("button");
    if (button) { button.focus(); event.preventDefault(); return; }
  }
});

for (const button of document.querySelectorAll(".sort")) button.addEventListener("click", () => {
  const head = button.closest("th"), body = button.closest("table").tBodies[0], column = head.cellIndex;
  const down = head.getAttribute("aria-sort") === "ascending";
  for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const value = (row) => parseFloat(row.cells[column].dataset.value || "-1");
  body.append(...[...body.rows].sort((a, b) => (down ? -1 : 1) * (value(a) - value(b))));
});
