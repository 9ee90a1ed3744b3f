// The chart and the tables. Everything that they show is text or a number: nothing is parsed as HTML.

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM] = [560, 320, 58, 14, 14, 48];

/** The children's accuracy over their time, on a logarithmic axis of milliseconds. */
export function drawPareto(svg, { children, active, budget, fastest, slowest }) {
  const points = children
    .map((child) => ({ ...child, ms: child.measured?.p90 ?? child.predictedMs }))
    .filter(({ ms, accuracy }) => ms > 0 && accuracy != null);
  svg.replaceChildren();
  if (points.length === 0) return;
  const times = [...points.map(({ ms }) => ms), ...(budget ? [fastest, slowest] : [])];
  const x = scale([Math.min(...times) / 1.15, Math.max(...times) * 1.15].map(Math.log), [LEFT, WIDTH - RIGHT]);
  const heights = points.map(({ accuracy }) => accuracy);
  const room = Math.max(0.2, (Math.max(...heights) - Math.min(...heights)) * 0.12);
  const y = scale([Math.min(...heights) - room, Math.max(...heights) + room], [HEIGHT - BOTTOM, TOP]);
  drawAxes(svg, x, y);
  drawFront(svg, points, x, y);
  if (budget) line(svg, x.at(Math.log(budget)), TOP, x.at(Math.log(budget)), HEIGHT - BOTTOM, "budget");
  for (const point of points)
    drawPoint(svg, point, x.at(Math.log(point.ms)), y.at(point.accuracy), point.name === active);
}

function scale([from, to], [start, end]) {
  return { from, to, at: (value) => start + ((value - from) / (to - from || 1)) * (end - start) };
}

function drawAxes(svg, x, y) {
  line(svg, LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM, "axis");
  for (const ms of steps(Math.exp(x.from), Math.exp(x.to))) {
    text(svg, x.at(Math.log(ms)), HEIGHT - BOTTOM + 18, `${ms}`, "middle");
  }
  text(svg, (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, "milliseconds, 90 of 100", "middle");
  for (let part = 0; part < 4; part++) {
    const value = y.from + ((y.to - y.from) * (part + 0.5)) / 4;
    line(svg, LEFT, y.at(value), WIDTH - RIGHT, y.at(value), "axis");
    text(svg, LEFT - 8, y.at(value) + 5, `${value.toFixed(1)} %`, "end");
  }
}

/** Round numbers between two: 1, 2 and 5 times powers of ten, not too many. */
function steps(from, to) {
  const all = [];
  for (let power = Math.floor(Math.log10(from)); power <= Math.ceil(Math.log10(to)); power++) {
    for (const digit of [1, 2, 5]) all.push(Number((digit * 10 ** power).toPrecision(1)));
  }
  const inside = all.filter((value) => value >= from && value <= to);
  return inside.length > 7 ? inside.filter((_, index) => index % 2 === 0) : inside;
}

/** A step line through the points that no faster one equals. */
function drawFront(svg, points, x, y) {
  const sorted = [...points].sort((a, b) => a.ms - b.ms || b.accuracy - a.accuracy);
  let [best, path] = [-Infinity, ""];
  for (const { ms, accuracy } of sorted) {
    if (accuracy <= best) continue;
    const [across, up] = [x.at(Math.log(ms)).toFixed(1), y.at(accuracy).toFixed(1)];
    path += path ? `H${across}V${up}` : `M${across} ${up}`;
    best = accuracy;
  }
  add(svg, "path", { d: `${path}H${WIDTH - RIGHT}`, class: "front" });
}

function drawPoint(svg, { name, measured, accuracy, ms }, x, y, isActive) {
  const kind = `${measured ? "measured" : "predicted"}${isActive ? " active" : ""}`;
  const circle = add(svg, "circle", { cx: x, cy: y, r: isActive ? 8 : 6, class: kind });
  add(circle, "title", {}).textContent = `${name}: ${accuracy.toFixed(1)} %, ${ms.toFixed(2)} ms`;
  if (isActive) text(svg, Math.min(x + 12, WIDTH - RIGHT - 8 * name.length), y + 16, name, "name");
}

function add(parent, kind, attributes) {
  const made = document.createElementNS(SVG, kind);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  parent.append(made);
  return made;
}

function line(svg, x1, y1, x2, y2, kind) {
  add(svg, "line", { x1, y1, x2, y2, class: kind });
}

function text(svg, x, y, words, place) {
  const anchor = place === "name" ? "start" : place;
  add(svg, "text", { x, y, "text-anchor": anchor, class: place }).textContent = words;
}

/** One bar a row; bars are relative to `most`, or to the largest. */
export function fillBars(body, values, format, most = Math.max(...values.map(({ value }) => value))) {
  const rows = values.map(({ name, title, value }) => {
    const row = document.createElement("tr");
    const head = Object.assign(document.createElement("th"), { scope: "row", textContent: name, title: title ?? name });
    const cell = document.createElement("td");
    const bar = Object.assign(document.createElement("span"), { className: "bar", ariaHidden: "true" });
    // The rest of the cell is the number's.
    bar.style.width = `calc((100% - 4.5rem) * ${value / (most || 1)})`;
    cell.append(bar, format(value));
    row.append(head, cell);
    return row;
  });
  body.replaceChildren(...rows);
}

/** A row a child, with a button that switches to it. The focus stays on the same button. */
export function fillChildren(body, { children, active }, { milliseconds, percent }, switchTo) {
  const focused = body.contains(document.activeElement) ? document.activeElement.dataset.child : null;
  const rows = children.map(({ name, description, accuracy, predictedMs, measured, madds, mayAnswer, hasArrived }) => {
    const row = document.createElement("tr");
    row.classList.toggle("active", name === active);
    const head = Object.assign(document.createElement("th"), { scope: "row", textContent: name, title: description });
    const cells = [
      percent(accuracy),
      milliseconds(predictedMs),
      milliseconds(measured?.p90),
      `${(madds / 1e6).toFixed(2)} M`,
    ];
    const button = Object.assign(document.createElement("button"), {
      type: "button",
      textContent: "Use",
      ariaLabel: `Use ${name}`,
      disabled: !mayAnswer || !hasArrived,
    });
    button.setAttribute("aria-pressed", String(name === active));
    button.dataset.child = name;
    button.addEventListener("click", () => switchTo(name));
    row.append(
      head,
      ...[...cells, button].map((content) => {
        const cell = document.createElement("td");
        cell.append(content);
        return cell;
      }),
    );
    return row;
  });
  body.replaceChildren(...rows);
  if (focused) body.querySelector(`[data-child="${CSS.escape(focused)}"]`)?.focus();
}
