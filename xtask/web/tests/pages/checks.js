// Checks of the package in a page. `xtask/web/tests/browser.rs` calls each and compares what it returns.
import { NestlingError, forgetEverything, open, support } from "@nestling/web";

const BUNDLE = "assets/fashion.nestling";

function demand(holds, text) {
  if (!holds) throw new Error(`demand failed: ${text}`);
}

async function picture(name) {
  return (await fetch(`assets/${name}.png`)).blob();
}

/** The error of an action that must fail. */
async function failure(action) {
  try {
    await action();
  } catch (error) {
    return {
      isOurs: error instanceof NestlingError,
      name: error.name,
      code: error.code,
      message: error.message,
      fastest: error.fastest,
      neededMs: error.neededMs,
    };
  }
  throw new Error(`no failure of ${action}`);
}

/** The raw output of each child for each picture. */
export async function logits(names) {
  demand((await support()).isSupported, "WebGPU is here");
  const runtime = await open(BUNDLE);
  const all = {};
  for (const { name } of await runtime.children()) {
    await runtime.switchTo(name);
    demand((await runtime.active()) === name, name);
    all[name] = {};
    for (const image of names) all[name][image] = [...(await runtime.logits(await picture(image)))];
  }
  const { adapter, bundle } = runtime;
  runtime.close();
  return { all, adapter, bundle };
}

/** A bundle of which `first` bytes arrive, and the rest while the smallest child classifies. */
export async function bundleIsUsedBeforeItIsWhole(first, image) {
  const grown = [];
  const onGrown = (children) => grown.push(children);
  const runtime = await open(`${BUNDLE}?pause=${first}`, { early: true, keep: false, onGrown });
  const pixels = await picture(image);
  const early = (await runtime.children()).filter((child) => child.hasArrived).map((child) => child.name);
  const refused = await failure(() => runtime.switchTo("biggest"));
  const smallest = [...(await runtime.logits(pixels))];
  const before = await runtime.counters();
  let isWhole = false;
  const whole = runtime.whole().finally(() => (isWhole = true));
  await fetch("resume");
  let count = 0;
  for (; !isWhole || count < 2; count++) {
    const again = await runtime.logits(pixels);
    demand(again.every((logit, index) => logit === smallest[index]), "the answer stays");
  }
  const [children, after] = [await whole, await runtime.counters()];
  await runtime.switchTo("biggest");
  const biggest = [...(await runtime.logits(pixels))];
  runtime.close();
  return { early, refused, smallest, biggest, before, after, children, grown, count };
}

/** A transfer that breaks after the first answer: the smallest child goes on, and opening again gets the whole bundle. */
export async function brokenNetwork(first, image) {
  const broken = `${BUNDLE}?break=${first}`;
  await forgetEverything();
  const runtime = await open(broken, { early: true });
  const pixels = await picture(image);
  await fetch("hang-up");
  const whole = await failure(() => runtime.whole());
  const smallest = [...(await runtime.logits(pixels))];
  const refused = await failure(() => runtime.switchTo("biggest"));
  runtime.close();
  const atOnce = await failure(() => open(broken));
  const kept = (await (await caches.open("nestling-bundles")).keys()).length;
  // A copy that is kept outlives a refresh that fails.
  const cache = await caches.open("nestling-bundles");
  await cache.put(new URL(broken, location).href, await fetch(BUNDLE));
  const refreshed = await failure(() => open(broken, { refresh: true }));
  (await open(broken)).close();
  await forgetEverything();
  await fetch("resume");
  const again = await open(broken, { early: true });
  const children = await again.whole();
  await again.switchTo("smallest");
  const same = [...(await again.logits(pixels))];
  again.close();
  return { atOnce, refreshed, whole, smallest, refused, kept, children, same };
}

/** Progress of the bundle from the network, then from the cache. */
export async function bundleIsStreamedAndKept() {
  await forgetEverything();
  const looks = [];
  for (let time = 0; time < 2; time++) {
    const seen = [];
    const runtime = await open(BUNDLE, { onProgress: (progress) => seen.push(progress) });
    runtime.close();
    looks.push(seen);
  }
  const cache = await caches.open("nestling-bundles");
  return { looks, kept: (await cache.keys()).map(({ url }) => url) };
}

/** A choice; on a busy machine for as much time as the fastest child needs. */
async function chosen(runtime, budget, attempts = 5) {
  try {
    return await runtime.choose(budget);
  } catch (error) {
    if (error.code !== "below_fastest" || attempts === 0) throw error;
    return chosen(runtime, 2 * error.neededMs, attempts - 1);
  }
}

/** Measures, chooses for two budgets, and opens again with the profile that was kept. */
export async function profileAndChoices() {
  await forgetEverything();
  let runtime = await open(BUNDLE);
  demand(!runtime.hasProfile, "nothing is known yet");
  const signal = AbortSignal.abort(new Error("not now"));
  const stopped = await runtime.typicalBudgets(2, { signal }).catch((error) => error.message);
  demand(stopped === "not now" && !runtime.hasProfile, `${stopped}: an abort ends the budgets`);
  const seen = [];
  const measured = await runtime.profile({ onProgress: (progress) => seen.push(progress) });
  const again = await runtime.profile();
  const budgets = await runtime.typicalBudgets(2);
  const choices = [];
  for (const budget of [budgets[0] * 2, 60_000]) choices.push(await chosen(runtime, budget));
  const active = await runtime.active();
  const tooTight = await failure(() => runtime.choose(0.000001));
  const [children, text] = [await runtime.children(), await runtime.profileText()];
  runtime.close();
  runtime = await open(BUNDLE);
  const hadProfile = runtime.hasProfile;
  const third = await runtime.profile();
  const keptText = await runtime.profileText();
  runtime.close();
  return {
    seen,
    measured,
    again,
    third,
    budgets,
    choices,
    active,
    tooTight,
    children,
    hadProfile,
    isSame: keptText === text,
  };
}

/** The counters around many switches, and how long they took. */
export async function switches() {
  const runtime = await open(BUNDLE);
  const names = (await runtime.children()).map(({ name }) => name);
  const image = await picture("coat");
  for (const name of names) {
    await runtime.switchTo(name);
    await runtime.classify(image);
  }
  const before = await runtime.counters();
  const took = [];
  for (let time = 0; time < 100; time++) took.push(await runtime.switchTo(names[time % names.length]));
  const between = await runtime.counters();
  await runtime.classify(image);
  const after = await runtime.counters();
  const layers = await runtime.layers();
  const time = await runtime.time(names[0], { runs: 5 });
  runtime.close();
  return { before, between, after, took, layers, time };
}

/** A device that is lost: once it is opened again, the second time within a minute the caller is told. */
export async function lostDevice() {
  const told = [];
  const runtime = await open(BUNDLE, { onLost: (error) => told.push([error.code, error.message]) });
  const image = await picture("sandal");
  const names = (await runtime.children()).map(({ name }) => name);
  await runtime.switchTo(names.at(-1));
  const before = await runtime.classify(image);
  const governor = await runtime.govern(10_000);
  governor.setThermalHint("fair");
  const active = await runtime.active();
  const pending = Promise.all(Array.from({ length: 4 }, () => runtime.classify(image)));
  await runtime.loseDevice();
  const during = (await pending).map((answer) => answer.guesses[0].label);
  const after = await runtime.classify(image);
  const governed = await governor.classify(image);
  const stays = (await runtime.active()) === active;
  const toldOnce = [...told];
  await runtime.loseDevice();
  const second = await failure(() => runtime.classify(image));
  runtime.close();
  return { before, during, after, governed, stays, told: toldOnce, second };
}

/** A runtime that lives on while the test ends the browser's GPU process. */
const crash = { runtime: null, told: [], isOver: false, failed: [] };

export async function beforeCrash() {
  crash.runtime = await open(BUNDLE, { onLost: (error) => crash.told.push(error.code) });
  const image = await picture("dress");
  // Busy at every moment, so that the process ends in the midst of it.
  crash.busy = (async () => {
    while (!crash.isOver) await crash.runtime.classify(image).catch((error) => crash.failed.push(error.message));
  })();
  return (await crash.runtime.classify(image)).guesses[0].label;
}

export async function afterCrash() {
  const image = await picture("dress");
  const answers = await Promise.all([1, 2, 3].map(() => crash.runtime.classify(image)));
  crash.isOver = true;
  await crash.busy;
  crash.runtime.close();
  return { labels: answers.map(({ guesses }) => guesses[0].label), told: crash.told, failed: crash.failed };
}

/** The governor: classifies, takes hints, tells its state. */
export async function governor() {
  const runtime = await open(BUNDLE);
  const governor = await runtime.govern(10_000);
  const image = await picture("bag");
  const labels = [];
  for (let time = 0; time < 3; time++) labels.push((await governor.classify(image)).guesses[0].label);
  for (const hint of ["nominal", "fair", "serious", "critical", "unknown"]) await governor.setThermalHint(hint);
  await governor.setBudget(5_000);
  const state = await governor.state();
  const wrong = [await failure(() => governor.setThermalHint("hot")), await failure(() => governor.setBudget(-1))];
  await governor.close();
  const closed = await failure(() => governor.classify(image));
  runtime.close();
  return { labels, state, wrong, closed };
}

/** Each kind of picture that can be given, and all the same answer. */
export async function everyKindOfImage() {
  const runtime = await open(BUNDLE);
  const blob = await picture("trouser");
  const element = Object.assign(new Image(), { src: "assets/trouser.png" });
  await element.decode();
  const { naturalWidth: width, naturalHeight: height } = element;
  const context = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d");
  context.drawImage(element, 0, 0);
  const data = context.getImageData(0, 0, width, height);
  const grey = new Uint8Array(width * height).map((_, index) => data.data[4 * index]);
  const kinds = {
    blob,
    file: new File([blob], "trouser.png", { type: "image/png" }),
    element,
    canvas: context.canvas,
    imageData: data,
    bitmap: await createImageBitmap(blob),
    frame: new VideoFrame(context.canvas, { timestamp: 0 }),
    grey: { data: grey, width, height, format: "grey8" },
  };
  const all = {};
  for (const [kind, image] of Object.entries(kinds)) all[kind] = [...(await runtime.logits(image))];
  kinds.frame.close();
  // A photograph of more pixels than the runtime reads.
  const large = new OffscreenCanvas(4000, 3000);
  large.getContext("2d").drawImage(element, 0, 0, 4000, 3000);
  const photo = await runtime.classify(await large.convertToBlob({ type: "image/jpeg" }));
  runtime.close();
  return { all, photo };
}

/** The error of each wrong call. */
export async function errors() {
  const bytes = new Uint8Array(await (await fetch(BUNDLE)).arrayBuffer());
  const damaged = bytes.slice();
  damaged[damaged.length >> 1] ^= 1;
  const runtime = await open(bytes);
  demand(bytes.length > 0, "the caller's bytes stay");
  const controller = new AbortController();
  const aborted = runtime.profile({
    signal: controller.signal,
    onProgress: () => controller.abort(new Error("enough")),
  });
  const reason = await aborted.then(
    () => "it was measured",
    (error) => error.message,
  );
  const opening = new AbortController();
  const stopped = open(BUNDLE, {
    refresh: true,
    signal: opening.signal,
    onProgress: () => opening.abort(new Error("not now")),
  });
  demand(
    (await stopped.then(
      () => "it was opened",
      (error) => error.message,
    )) === "not now",
    "an abort ends the opening",
  );
  const found = {
    reason,
    bundle_damaged: await failure(() => open(damaged)),
    timeout: await failure(async () => (await open(bytes, { timeoutMs: 1 })).classify(await picture("coat"))),
    bundle_not_a_bundle: await failure(() => open("assets/coat.png")),
    bundle_open: await failure(() => open("assets/missing.nestling")),
    unknown_child: await failure(() => runtime.switchTo("nobody")),
    picture_format: await failure(() => runtime.classify(new Blob(["no picture"], { type: "text/plain" }))),
    image_length: await failure(() => runtime.classify({ data: new Uint8Array(7), width: 2, height: 2 })),
    invalid_budget: await failure(() => runtime.choose(-1)),
    usage: await failure(() => runtime.choose(5, { quantile: 91 })),
    profile_not_a_profile: await failure(() => runtime.useProfile("{}")),
    no_argument: await failure(() => runtime.classify(5)),
    no_runs: await failure(() => runtime.time("smallest", { runs: -1 })),
    no_top: await failure(async () => runtime.classify(await picture("coat"), { top: 0 })),
    no_name: await failure(() => runtime.switchTo(undefined)),
    no_width: await failure(() => runtime.classify({ data: new Uint8Array(784), width: 2 ** 32 + 28, height: 28 })),
    no_bytes: await failure(() => runtime.classify({ data: new Float32Array(784), width: 28, height: 28 })),
    no_frame: await failure(() => runtime.classify(document.createElement("video"))),
    no_image: await failure(() => runtime.classify(Object.assign(new Image(), { src: "data:image/png;base64,AAAA" }))),
    no_bitmap: await failure(async () => {
      const bitmap = await createImageBitmap(await picture("coat"));
      bitmap.close();
      return runtime.classify(bitmap);
    }),
  };
  const busy = runtime.profile();
  found.busy = await failure(() => runtime.choose(10));
  await busy;
  found.budgets = (await runtime.typicalBudgets()).length;
  runtime.close();
  found.closed = await failure(() => runtime.active());
  return found;
}
