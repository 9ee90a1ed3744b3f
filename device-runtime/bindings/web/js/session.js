// A bundle on this browser's GPU, in the worker. A device that is lost is opened again once a minute.
import init, { Bundle, BundleStream } from "./wasm/nestling_web.js";
import { pixelsOf } from "./pixels.js";
import { fetchBundle, keepProfile, keptProfile } from "./store.js";

/** A second loss within this many milliseconds is the caller's. */
const AGAIN_AFTER = 60_000;

export class Session {
  #bundle;
  #options;
  #runtime;
  #onLost;
  #lostAt = -Infinity;
  #reopening = null;
  #governors = new Map();
  #lastGovernor = 0;
  #onGrown;
  #arrival = Promise.resolve();

  constructor(onLost, onGrown) {
    this.#onLost = onLost;
    this.#onGrown = onGrown;
  }

  async open({ url, bytes }, options, onProgress) {
    await init();
    this.#options = options;
    if (bytes) await this.#begin(Bundle.fromBytes(bytes), onProgress);
    else await this.#fetch(url, options, onProgress);
    const hasProfile = this.#take(await keptProfile(this.#key()));
    const { labels, children, space, networkId, fileBytes, format, fit } = this.#bundle;
    return {
      bundle: { labels, children, space, networkId, fileBytes, format, fit },
      adapter: this.#runtime.adapter,
      hasProfile,
    };
  }

  /** Opens the GPU with a bundle that may not have arrived as a whole. */
  async #begin(bundle, onProgress) {
    onProgress({ fraction: 1, phase: "opening the GPU" });
    this.#runtime = await bundle.open(this.#options);
    this.#bundle = bundle;
  }

  /** Fetches a bundle; with `early`, the rest arrives after this returns. */
  async #fetch(url, options, onProgress) {
    let report = onProgress;
    let usable;
    const isUsable = new Promise((resolve) => (usable = resolve));
    const makeSink = () => {
      const stream = new BundleStream();
      const take = async (bytes) => {
        const before = stream.arrivedChildren;
        stream.push(bytes);
        if (options.early && stream.arrivedChildren > before) {
          // Smaller children that were never trained may come first.
          const isNeeded = (error) => error.code !== "untrained";
          await this.#grow(stream.bundle(), report).then(usable, (error) => isNeeded(error) && Promise.reject(error));
        }
      };
      return { take, end: async () => this.#grow(stream.finish(), report) };
    };
    this.#arrival = fetchBundle(url, options, makeSink, (progress) => report(progress)).then(() => this.#arrived());
    this.#arrival.catch(() => {}); // `whole` tells
    await Promise.race([isUsable, this.#arrival]);
    // The call that opened has ended.
    report = () => {};
  }

  /** Takes what has arrived of the bundle. */
  async #grow(bundle, onProgress) {
    if (!this.#runtime) return this.#begin(bundle, onProgress);
    this.#bundle = bundle;
    await this.#try((runtime) => bundle.grow(runtime));
    this.#onGrown(this.#arrived());
  }

  #arrived() {
    return this.#runtime.children.filter((child) => child.hasArrived).length;
  }

  /** Resolves with the number of children once all of the bundle has arrived. */
  whole() {
    return this.#arrival.then(() => this.#arrived());
  }

  children() {
    return this.#runtime.children;
  }

  active() {
    return this.#runtime.active ?? null;
  }

  counters() {
    return this.#runtime.counters;
  }

  profileText() {
    return this.#runtime.profileText ?? null;
  }

  async useProfile(text) {
    this.#runtime.useProfile(text);
    await this.#keep();
  }

  async profile(onProgress) {
    const isNew = await this.#try((runtime) => runtime.profile(onProgress));
    return { isNew, isKept: await this.#keep() };
  }

  async choose(limitMs, quantile, onProgress) {
    try {
      return await this.#try((runtime) => runtime.choose(limitMs, quantile, onProgress));
    } finally {
      // Each choice refines the profile, also one that finds no child.
      await this.#keep();
    }
  }

  async typicalBudgets(count, quantile, onProgress) {
    await this.profile(onProgress);
    return [...(await this.#try((runtime) => runtime.typicalBudgets(count, quantile)))];
  }

  switchTo(child) {
    return this.#runtime.switchTo(child);
  }

  async classify(top, image) {
    return this.#withPixels(image, (runtime, ...pixels) => runtime.classify(...pixels, top));
  }

  async logits(image) {
    return this.#withPixels(image, (runtime, ...pixels) => runtime.logits(...pixels));
  }

  time(child, runs) {
    return this.#try((runtime) => runtime.time(child, runs));
  }

  layers() {
    return this.#try((runtime) => runtime.layers());
  }

  async govern(limitMs, onProgress) {
    const governor = await this.#try((runtime) => runtime.govern(limitMs, onProgress));
    this.#governors.set(++this.#lastGovernor, { governor, limitMs, hint: "unknown" });
    return this.#lastGovernor;
  }

  async governorClassify(id, top, image) {
    return this.#withPixels(image, (_, ...pixels) => this.#governed(id).governor.classify(...pixels, top));
  }

  governorSetBudget(id, limitMs) {
    this.#governed(id).governor.setBudget(limitMs);
    this.#governed(id).limitMs = limitMs;
  }

  governorSetThermalHint(id, hint) {
    this.#governed(id).governor.setThermalHint(hint);
    this.#governed(id).hint = hint;
  }

  governorState(id) {
    return this.#governed(id).governor.state;
  }

  governorClose(id) {
    this.#governors.get(id)?.governor.close();
    this.#governors.delete(id);
  }

  loseDevice() {
    this.#runtime.loseDevice();
  }

  #governed(id) {
    const governed = this.#governors.get(id);
    if (!governed) throw Object.assign(new Error("the governor is closed: call `govern` again"), { code: "closed" });
    return governed;
  }

  /** The key of this bundle's profile on this adapter. */
  #key() {
    const { name, backend, driver, features } = this.#runtime.adapter;
    return [this.#bundle.networkId, backend, name, driver, ...features].join(" ");
  }

  /** Takes a stored profile; a stale or damaged one is measured anew later. */
  #take(text) {
    if (text === null) return false;
    try {
      this.#runtime.useProfile(text);
      return true;
    } catch {
      return false;
    }
  }

  async #keep() {
    const text = this.#runtime.profileText;
    return text ? keepProfile(this.#key(), text) : false;
  }

  async #withPixels(image, action) {
    const { data, width, height, format } = await pixelsOf(image, this.#runtime.maxImageSide, this.#bundle.fit);
    const started = performance.now();
    const answer = await this.#try((runtime) => action(runtime, data, width, height, format));
    return answer.guesses ? { ...answer, milliseconds: performance.now() - started } : answer;
  }

  /** Does something on the device, and again on a new one if it was lost. */
  async #try(action) {
    const runtime = this.#runtime;
    try {
      return await action(runtime);
    } catch (error) {
      if (error?.code !== "device_lost") throw error;
      await this.#reopen(runtime, error);
      return action(this.#runtime);
    }
  }

  /** Opens the device again; calls that failed with the same runtime share one attempt. */
  async #reopen(lost, error) {
    if (this.#runtime === lost && !this.#reopening) {
      if (performance.now() - this.#lostAt < AGAIN_AFTER) throw error;
      this.#lostAt = performance.now();
      this.#reopening = this.#replace(lost).finally(() => (this.#reopening = null));
      this.#onLost(error);
    }
    await this.#reopening;
  }

  /** Until the new device has everything, calls go to the lost one, fail and wait for this. */
  async #replace(lost) {
    const runtime = await this.#bundle.open(this.#options);
    if (lost.profileText) runtime.useProfile(lost.profileText);
    for (const [id, governed] of this.#governors) {
      const governor = await runtime.govern(governed.limitMs).catch(() => null);
      governed.governor.close();
      governor?.setThermalHint(governed.hint);
      if (governor) governed.governor = governor;
      else this.#governors.delete(id);
    }
    if (lost.active) runtime.switchTo(lost.active);
    this.#runtime = runtime;
    lost.close();
  }
}
