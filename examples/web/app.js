// The example page: a picture or the camera, a budget, and the child network that keeps it. No framework.
import { open, support } from "@nestling/web";
import { drawPareto, fillBars, fillChildren } from "./draw.js";

const SAMPLES = ["coat", "ankle-boot", "bag", "dress", "pullover", "sandal", "shirt", "sneaker", "t-shirt", "trouser"];
const element = (id) => document.getElementById(id);
const milliseconds = (value) => (value == null ? "–" : `${value.toFixed(value < 10 ? 2 : 1)} ms`);
const percent = (value) => (value == null ? "–" : `${value.toFixed(1)} %`);

let runtime;
let isReady = false;
/** Errors after which no call of the runtime succeeds. */
const ENDED = ["device_lost", "timeout", "worker"];
/** The children as last told, the limits of the budget, and the choice in force. */
const state = {
  children: [],
  fastest: 1,
  slowest: 100,
  budget: null,
  active: null,
  switches: 0,
  weightBytes: 0,
  stream: null,
  image: null,
};

function say(text, isBad = false) {
  element("status").textContent = text;
  element("status").classList.toggle("bad", isBad);
}

function onProgress({ fraction, phase }) {
  const bar = element("progress");
  bar.value = fraction;
  bar.setAttribute("aria-valuetext", phase);
  if (element("status").dataset.phase !== phase) say(`${phase[0].toUpperCase()}${phase.slice(1)} …`);
  element("status").dataset.phase = phase;
}

/** Shows an error where the user looks, with what to do. */
function fail(error) {
  // A call that the page itself ended, to begin again.
  if (error.code === "closed") return;
  console.warn(error);
  say(error.message, true);
  element("progress").hidden = true;
  // Until everything was measured, and once the runtime is gone, the page is of little use: begin again.
  element("retry").hidden = isReady && !ENDED.includes(error.code);
}

/** Shows the error of something that the user asked for beside it; the page fails only if its runtime is gone. */
function refuse(id, error) {
  element(id).textContent = error.message;
  if (ENDED.includes(error.code)) fail(error);
}

async function start() {
  element("retry").hidden = true;
  [isReady, element("budget").disabled] = [false, true];
  stopCamera();
  runtime?.close();
  element("progress").hidden = false;
  const { isSupported, reason } = await support();
  if (!isSupported) return fail(new Error(reason));
  runtime = await open("assets/fashion.nestling", { early: true, onProgress, onLost: () => lost().catch(fail) });
  await countFromNow();
  const { name, backend } = runtime.adapter;
  const { fileBytes, children } = runtime.bundle;
  element("footer").textContent =
    `${name || "This browser's GPU"} (${backend}). The bundle has ${(fileBytes / 1e6).toFixed(1)} MB and ${children.length} children.`;
  element("main").hidden = false;
  await refresh();
  // The smallest child answers while the others arrive.
  await classify(await sample(SAMPLES[0]));
  await runtime.whole();
  await countFromNow();
  await runtime.profile({ onProgress });
  await refresh();
  await measureAll();
  setBudgetRange();
  await choose();
  isReady = true;
  say("Ready.");
  element("progress").hidden = true;
}

/** Bytes of switches are those after this. */
async function countFromNow() {
  state.weightBytes = (await runtime.counters()).weightBytesUploaded;
}

/** The package opens a lost device again; the next call waits for that. */
async function lost() {
  say("The GPU was lost and is opened again …");
  await runtime.layers();
  await countFromNow();
  say(`The GPU was lost and opened again.${isReady ? " Ready." : ""}`);
}

/** Times each child, one after the other; the chart grows meanwhile. */
async function measureAll() {
  for (const [index, child] of state.children.entries()) {
    onProgress({ fraction: index / state.children.length, phase: "measuring each child" });
    const measured = await runtime.time(child.name, { runs: 20 });
    state.children[index] = { ...child, measured };
    draw();
  }
}

async function refresh() {
  const known = new Map(state.children.map((child) => [child.name, child.measured]));
  state.children = (await runtime.children()).map((child) => ({
    ...child,
    measured: known.get(child.name) ?? child.measured,
  }));
  state.active = await runtime.active();
  draw();
}

function draw() {
  drawPareto(element("pareto"), state);
  fillChildren(element("children").tBodies[0], state, { milliseconds, percent }, switchTo);
  const active = state.children.find(({ name }) => name === state.active);
  element("child").textContent = state.active ?? "–";
  element("accuracy").textContent = percent(active?.accuracy);
  element("madds").textContent = active ? `${(active.madds / 1e6).toFixed(2)} M` : "–";
  element("predicted").textContent = milliseconds(active?.predictedMs);
  element("measured").textContent = milliseconds(active?.measured?.p90);
}

/** The slider's position is logarithmic: from half of the fastest child's time to twice the slowest's. */
function setBudgetRange() {
  const times = state.children.map(({ measured, predictedMs }) => measured?.p90 ?? predictedMs);
  [state.fastest, state.slowest] = [Math.min(...times) / 2, Math.max(...times) * 2];
  const slider = element("budget");
  slider.disabled = false;
  slider.value = 75;
  showBudget();
}

function showBudget() {
  const slider = element("budget");
  state.budget = state.fastest * (state.slowest / state.fastest) ** (slider.value / 100);
  element("budget-text").textContent = milliseconds(state.budget);
  slider.setAttribute("aria-valuetext", `${state.budget.toFixed(1)} milliseconds`);
  const fits = ({ measured, predictedMs, mayAnswer }) => mayAnswer && (measured?.p90 ?? predictedMs) <= state.budget;
  const best = state.children.filter(fits).sort((a, b) => b.accuracy - a.accuracy)[0];
  // Said once the slider rests: a screen reader tells its value at every step already.
  element("choice").textContent = "";
  drawPareto(element("pareto"), state);
  return best ? `Likely ${best.name}; timing it …` : "Likely too short for every child; timing …";
}

/** Chooses for the slider's budget; while that is under way, only the last position waits. */
let [choosing, isStale] = [null, false];
function choose() {
  isStale = true;
  choosing ??= chooseLatest().finally(() => (choosing = null));
  return choosing;
}

async function chooseLatest() {
  while (isStale) {
    isStale = false;
    try {
      const { child, measured, predictedMs, why } = await runtime.choose(state.budget, { quantile: 90 });
      const known = state.children.find(({ name }) => name === child);
      if (known) Object.assign(known, { measured, predictedMs });
      element("choice").textContent = `${child}: ${why}.`;
      await activated(child);
    } catch (error) {
      if (error.code !== "below_fastest") return fail(error);
      element("choice").textContent =
        `No child is that fast: ${error.fastest} needs ${milliseconds(error.neededMs)}. ${state.active} goes on.`;
    }
  }
}

async function switchTo(child) {
  try {
    await switchAndCount(child);
  } catch (error) {
    refuse("choice", error);
  }
}

async function switchAndCount(child) {
  const before = await runtime.counters();
  const microseconds = await runtime.switchTo(child);
  const after = await runtime.counters();
  const made =
    after.buffers + after.pipelines + after.bindGroups - before.buffers - before.pipelines - before.bindGroups;
  element("choice").textContent = `Switched to ${child} in ${microseconds.toFixed(0)} µs: ${made} GPU objects made.`;
  await activated(child);
}

/** Counts a switch, and shows what the GPU was sent since the start besides pictures. */
async function activated(child) {
  if (child !== state.active) state.switches++;
  state.active = child;
  element("switches").textContent = state.switches;
  element("bytes").textContent = (await runtime.counters()).weightBytesUploaded - state.weightBytes;
  draw();
  await showLayers();
  if (state.image && !state.stream) await classify(state.image, true);
}

async function showLayers() {
  const { layers } = await runtime.layers();
  const isTimed = layers.some(({ ms }) => ms > 0);
  element("layers-note").textContent = isTimed
    ? "Time of each layer alone on this device; together they are not a whole picture."
    : "Multiply-adds of each layer: this browser's clock is too coarse to time them.";
  const values = layers.map(({ name, description, ms, madds }) => ({
    name,
    title: description,
    value: isTimed ? ms : madds,
  }));
  fillBars(
    element("layers").tBodies[0],
    values,
    isTimed ? (ms) => `${(1000 * ms).toFixed(0)} µs` : (madds) => `${(madds / 1e3).toFixed(0)} k`,
  );
}

/** Classifies a picture and shows it. */
async function classify(image, isShown = false) {
  const answer = await runtime.classify(image, { top: 5 });
  if (!isShown) await show(image, answer.guesses[0].label);
  state.image = image;
  showAnswer(answer);
}

function showAnswer({ guesses, milliseconds: took }) {
  const [{ label, probability }] = guesses;
  const text = `${label}, ${percent(100 * probability)}`;
  // A camera's frames are read out only when the label changes.
  if (!state.stream || !element("answer").textContent.startsWith(`${label},`)) element("answer").textContent = text;
  element("live").textContent = milliseconds(took);
  fillBars(
    element("guesses").tBodies[0],
    guesses.map(({ label, probability }) => ({ name: label, value: probability })),
    (value) => percent(100 * value),
    1,
  );
}

async function show(image, label) {
  const bitmap = await createImageBitmap(image);
  const canvas = element("preview");
  const side = Math.min(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = side > canvas.width;
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(
    bitmap,
    (bitmap.width - side) / 2,
    (bitmap.height - side) / 2,
    side,
    side,
    0,
    0,
    canvas.width,
    canvas.height,
  );
  canvas.setAttribute("aria-label", `The picture; the answer is ${label}`);
  bitmap.close();
}

async function sample(name) {
  const response = await fetch(`assets/${name}.png`);
  return response.blob();
}

/** Takes a picture of the user; the camera stops. */
async function take(image) {
  try {
    stopCamera();
    await classify(image);
  } catch (error) {
    refuse("answer", error);
  }
}

async function toggleCamera() {
  if (state.stream) return stopCamera();
  try {
    state.stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch (error) {
    element("answer").textContent =
      `The camera cannot be used (${error.message}): allow it for this page, or choose a file.`;
    return;
  }
  const video = element("video");
  [video.srcObject, video.hidden, element("preview").hidden] = [state.stream, false, true];
  element("camera").setAttribute("aria-pressed", "true");
  await video.play();
  watch(video, state.stream).catch((error) => {
    stopCamera();
    fail(error);
  });
}

/** Classifies frame after frame until the camera stops. */
async function watch(video, stream) {
  while (state.stream === stream) {
    if (video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) showAnswer(await runtime.classify(video, { top: 5 }));
    await new Promise(requestAnimationFrame);
  }
}

function stopCamera() {
  if (!state.stream) return;
  for (const track of state.stream.getTracks()) track.stop();
  state.stream = null;
  [element("video").srcObject, element("video").hidden, element("preview").hidden] = [null, true, false];
  element("camera").setAttribute("aria-pressed", "false");
}

function listen() {
  element("file").addEventListener("change", ({ target }) => target.files[0] && take(target.files[0]));
  element("camera").addEventListener("click", toggleCamera);
  element("retry").addEventListener("click", () => begin());
  let timer;
  element("budget").addEventListener("input", () => {
    const likely = showBudget();
    clearTimeout(timer);
    timer = setTimeout(() => {
      element("choice").textContent = likely;
      choose();
    }, 200);
  });
  const drop = element("drop");
  // A picture that misses the area must not replace the page.
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => event.preventDefault());
  drop.addEventListener("dragover", () => drop.classList.add("over"));
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", ({ dataTransfer }) => {
    drop.classList.remove("over");
    if (dataTransfer.files[0]) take(dataTransfer.files[0]);
  });
  addEventListener("paste", ({ clipboardData }) => clipboardData.files[0] && take(clipboardData.files[0]));
  for (const name of SAMPLES) {
    const button = Object.assign(document.createElement("button"), { type: "button", ariaLabel: `Example: ${name}` });
    button.append(Object.assign(new Image(28, 28), { src: `assets/${name}.png`, alt: "", loading: "lazy" }));
    button.addEventListener("click", async () => take(await sample(name)));
    element("samples").append(button);
  }
}

function begin() {
  return start().catch(fail);
}

listen();
/** For tests and screenshots: fulfilled once everything was measured. */
window.nestlingExample = { ready: begin(), state, lose: () => runtime.loseDevice() };
