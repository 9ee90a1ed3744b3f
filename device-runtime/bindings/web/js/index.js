// @nestling/web: Nestling's runtime in a browser. All work is done in a worker; this file sends it messages.
//
//   const runtime = await open("fashion.nestling", { onProgress });
//   const choice = await runtime.choose(8);
//   const answer = await runtime.classify(file);

/** An error of the package: `code` is stable, the message says what was wrong and what to do. */
export class NestlingError extends Error {
  constructor({ code, message, fastest = null, neededMs = null }) {
    super(message);
    this.name = "NestlingError";
    this.code = code;
    this.fastest = fastest;
    this.neededMs = neededMs;
  }
}

const NO_WEBGPU =
  "This browser offers no WebGPU, on which this page computes. Open it in a current Chrome, Edge, Firefox or Safari " +
  "over https, and turn on hardware acceleration in the browser's settings.";

/** Whether this browser can run a bundle; `reason` is a sentence for its user. */
export async function support() {
  const no = { isSupported: false, reason: NO_WEBGPU };
  if (!globalThis.isSecureContext || !navigator.gpu) return no;
  try {
    return (await navigator.gpu.requestAdapter()) ? { isSupported: true, reason: null } : no;
  } catch {
    return no;
  }
}

/**
 * Opens a bundle on this device's GPU.
 * @param source its address, or its bytes
 */
export async function open(source, options = {}) {
  const { onProgress, onLost, onGrown, signal, ...rest } = options;
  if (!(await support()).isSupported) throw new NestlingError({ code: "no_webgpu", message: NO_WEBGPU });
  const isAddress = source instanceof URL || typeof source === "string";
  const given = isAddress ? { url: new URL(source, document.baseURI).href } : { bytes: await bytesOf(source) };
  signal?.throwIfAborted();
  const link = new Link(onLost, onGrown);
  // The worker has nothing else to do: it ends at once.
  const abort = () => link.close(signal.reason);
  signal?.addEventListener("abort", abort, { once: true });
  try {
    return new Runtime(link, await link.call("open", [given, rest], { onProgress }));
  } catch (error) {
    link.close();
    throw error;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

/** Removes every bundle and profile that this package keeps for the page's origin. */
export async function forgetEverything() {
  const { forget } = await import("./store.js");
  await forget();
}

/** A bundle on a GPU. */
export class Runtime {
  #link;
  constructor(link, facts) {
    this.#link = link;
    /** The bundle: labels, children, space, format. */
    this.bundle = facts.bundle;
    /** The adapter that really runs. */
    this.adapter = facts.adapter;
    /** Whether a stored profile of this device is in use. */
    this.hasProfile = facts.hasProfile;
  }

  /** Resolves with the number of children once all of the bundle has arrived: after `open` with `early`. */
  whole() {
    return this.#link.call("whole");
  }

  /** The children, fewest multiply-adds first, with the times of the profile. */
  children() {
    return this.#link.call("children");
  }

  /** Name of the child that answers. */
  active() {
    return this.#link.call("active");
  }

  /** Measures this device, unless a profile is in use, and keeps the profile. */
  async profile({ onProgress, signal } = {}) {
    const outcome = await this.#link.call("profile", [], { onProgress, signal });
    this.hasProfile = true;
    return outcome;
  }

  /** The profile as text, or null. */
  profileText() {
    return this.#link.call("profileText");
  }

  /** Takes a profile that the app kept itself. */
  async useProfile(text) {
    await this.#link.call("useProfile", [text]);
    this.hasProfile = true;
  }

  /** The most accurate child within a budget in milliseconds; it becomes the active one. */
  async choose(limitMs, { quantile = 95, onProgress, signal } = {}) {
    const choice = await this.#link.call("choose", [limitMs, quantile], { onProgress, signal });
    this.hasProfile = true;
    return choice;
  }

  /** Up to `count` budgets in milliseconds, each meant for another child. */
  async typicalBudgets(count = 3, { quantile = 95, onProgress, signal } = {}) {
    const budgets = [counted("count", count, 1), quantile];
    const found = await this.#link.call("typicalBudgets", budgets, { onProgress, signal });
    this.hasProfile = true;
    return found;
  }

  /** Makes a child the active one; returns the microseconds that it took. */
  async switchTo(child) {
    return this.#link.call("switchTo", [named(child)]);
  }

  /** Classifies a picture with the active child. */
  async classify(image, { top = 5 } = {}) {
    return this.#link.sendImage("classify", image, [counted("top", top, 1)]);
  }

  /** The active child's raw output, one value a class. */
  async logits(image) {
    return this.#link.sendImage("logits", image, []);
  }

  /** Times a child, whether it is active or not. */
  async time(child, { runs = 20 } = {}) {
    return this.#link.call("time", [named(child), counted("runs", runs, 1)]);
  }

  /** Times each layer of the active child. */
  layers() {
    return this.#link.call("layers");
  }

  /** GPU objects made and bytes sent since the device was opened. */
  counters() {
    return this.#link.call("counters");
  }

  /** Puts a governor in charge of a budget in milliseconds. */
  async govern(limitMs, { onProgress, signal } = {}) {
    const state = await this.#link.call("govern", [limitMs], { onProgress, signal });
    this.hasProfile = true;
    return new Governor(this.#link, state);
  }

  /** Loses the device on purpose: a test of the app's own recovery. */
  loseDevice() {
    return this.#link.call("loseDevice");
  }

  /** Ends the worker, and with it the GPU memory. */
  close() {
    this.#link.close();
  }
}

/** A runtime that switches by itself to keep a budget. */
export class Governor {
  #link;
  #id;
  constructor(link, id) {
    this.#link = link;
    this.#id = id;
  }

  /** Classifies with its child and takes the time into account. */
  async classify(image, { top = 5 } = {}) {
    return this.#link.sendImage("governorClassify", image, [this.#id, counted("top", top, 1)]);
  }

  /** Changes the limit in milliseconds. */
  setBudget(limitMs) {
    return this.#link.call("governorSetBudget", [this.#id, limitMs]);
  }

  /** Sets the thermal state that the app knows of. */
  setThermalHint(hint) {
    return this.#link.call("governorSetThermalHint", [this.#id, hint]);
  }

  /** Its child, limit and times now. */
  state() {
    return this.#link.call("governorState", [this.#id]);
  }

  /** Ends its charge; its child stays the active one. */
  close() {
    return this.#link.call("governorClose", [this.#id]);
  }
}

const CLOSED = () => new NestlingError({ code: "closed", message: "the runtime is closed: open another one" });

/** Calls of a worker as promises. */
class Link {
  #worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  #waiting = new Map();
  #last = 0;
  #onLost;
  #onGrown;

  constructor(onLost, onGrown) {
    this.#onLost = onLost;
    this.#onGrown = onGrown;
    this.#worker.onmessage = ({ data }) => this.#receive(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      const why = event.message ?? "its files could not be loaded";
      this.#end(new NestlingError({ code: "worker", message: `the worker ended: ${why}; reload the page` }));
    };
  }

  call(name, values = [], { onProgress, signal, transfer = [] } = {}) {
    if (!this.#worker) return Promise.reject(CLOSED());
    if (signal?.aborted) return Promise.reject(signal.reason);
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      const abort = () => this.#worker?.postMessage({ id, name: "abort" });
      signal?.addEventListener("abort", abort, { once: true });
      const settle = (finish) => (value) => {
        signal?.removeEventListener("abort", abort);
        finish(value);
      };
      const refuse = (error) => reject(error.code === "aborted" ? (signal?.reason ?? error) : error);
      this.#waiting.set(id, { resolve: settle(resolve), reject: settle(refuse), onProgress });
      try {
        this.#worker.postMessage({ id, name, values, wantsProgress: Boolean(onProgress) }, transfer);
      } catch (error) {
        // A closed bitmap, for one, cannot be sent.
        this.#waiting.delete(id);
        reject(wrong(`an argument cannot be given to the worker (${error.message})`));
      }
    });
  }

  async sendImage(name, image, values) {
    const { message, transfer } = await sendable(image);
    return this.call(name, [...values, message], { transfer });
  }

  close(reason = CLOSED()) {
    this.#end(reason);
  }

  #receive({ id, event, progress, error, result, children }) {
    if (event === "grown") return void this.#onGrown?.(children);
    if (event === "lost") return void this.#onLost?.(new NestlingError(error));
    const call = this.#waiting.get(id);
    if (!call) return;
    if (progress) return void call.onProgress(progress);
    this.#waiting.delete(id);
    if (error) call.reject(new NestlingError(error));
    else call.resolve(result);
  }

  #end(error) {
    this.#worker?.terminate();
    this.#worker = null;
    for (const call of this.#waiting.values()) call.reject(error);
    this.#waiting.clear();
  }
}

const wrong = (message) => new NestlingError({ code: "usage", message });

/** A whole number of at least `least`. */
function counted(name, given, least) {
  if (Number.isInteger(given) && given >= least && given <= 0xffffffff) return given;
  throw wrong(`${name} is ${given}: give a whole number, ${least} or more`);
}

function named(child) {
  if (typeof child === "string") return child;
  throw wrong(`the child is ${child}: give its name`);
}

async function bytesOf(source) {
  if (source instanceof Blob) return new Uint8Array(await source.arrayBuffer());
  // A copy: the caller's bytes stay usable.
  if (source instanceof ArrayBuffer) return new Uint8Array(source.slice(0));
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength).slice();
  throw new TypeError("a bundle is an address, a Blob or File, an ArrayBuffer or a Uint8Array");
}

/** A picture as a worker can take it. Bitmaps of elements move; everything that the caller holds is copied. */
async function sendable(image) {
  const isAny = (...kinds) => kinds.some((kind) => kind && image instanceof kind);
  if (isAny(Blob, ImageData, ImageBitmap)) return { message: image, transfer: [] };
  if (isAny(HTMLVideoElement, HTMLImageElement, HTMLCanvasElement, OffscreenCanvas, globalThis.VideoFrame)) {
    const bitmap = await bitmapOf(image);
    return { message: bitmap, transfer: [bitmap] };
  }
  const { data, width, height, format = "rgba8" } = image ?? {};
  if (data instanceof Uint8Array || data instanceof Uint8ClampedArray) {
    const [columns, rows] = [counted("width", width, 1), counted("height", height, 1)];
    return { message: { data, width: columns, height: rows, format }, transfer: [] };
  }
  throw new TypeError(
    "an image is a Blob or File, an image, video or canvas element, ImageData, ImageBitmap, VideoFrame, or " +
      "{ data, width, height, format } with bytes as data",
  );
}

/** The picture of an element or frame, which may be broken, or not there yet. */
async function bitmapOf(image) {
  try {
    if (image instanceof HTMLImageElement) await image.decode();
    return await createImageBitmap(image, { premultiplyAlpha: "none", colorSpaceConversion: "none" });
  } catch (error) {
    if (error.name === "EncodingError")
      throw new NestlingError({ code: "picture_format", message: `the image cannot be decoded: ${error.message}` });
    throw wrong(`the element has no picture to read (${error.message}): wait until it is loaded or plays`);
  }
}
