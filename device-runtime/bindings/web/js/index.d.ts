// Types of @nestling/web. The guide is docs/web.md.

/** An error of the package. */
export class NestlingError extends Error {
  /** Stable name of the kind of error, such as "bundle_damaged". */
  readonly code: string;
  /** After "below_fastest": name of the fastest child. */
  readonly fastest: string | null;
  /** After "below_fastest": the milliseconds that it needs. */
  readonly neededMs: number | null;
}

/** Whether this browser can run a bundle; `reason` is a sentence for its user. */
export interface Support {
  isSupported: boolean;
  reason: string | null;
}

/** How far a call is. */
export interface Progress {
  /** From 0 to 1 in each phase. */
  fraction: number;
  /** The phase in words. */
  phase: string;
  /** Bytes of the bundle that were read, while it is fetched. */
  loadedBytes?: number;
  /** Bytes of the bundle, if the server told. */
  totalBytes?: number | null;
}

/** Options of calls that take seconds. */
export interface CallOptions {
  onProgress?: (progress: Progress) => void;
  /** Ends the call; its promise is rejected with the signal's reason. */
  signal?: AbortSignal;
}

/** Options of `open`. */
export interface OpenOptions extends CallOptions {
  /** Told when the device was lost and is opened again: once a minute at most. */
  onLost?: (error: NestlingError) => void;
  /**
   * Resolve as soon as the smallest child can run; the other children arrive afterwards, and `choose` takes those that
   * are there. Needs a bundle of format 8; others arrive as a whole. The default is false.
   */
  early?: boolean;
  /** Told how many children can run, each time that more have arrived. */
  onGrown?: (children: number) => void;
  /** Fetch the bundle even if it is kept. */
  refresh?: boolean;
  /** Keep the bundle for the next visit. The default is true. */
  keep?: boolean;
  /** Side in pixels of the square images that times are measured with. The default is the largest resolution. */
  imageSide?: number;
  /** Largest side in pixels of a picture's centre square; a larger picture is drawn smaller. The default is 1080. */
  maxImageSide?: number;
  /** How many milliseconds any wait for the GPU may last. The default is 30,000. */
  timeoutMs?: number;
  /** Whether children that were never trained may answer, to time them. */
  untrained?: boolean;
  /** How weights are stored on the GPU. The default is the bundle's own. */
  weightStorage?: "f32" | "f16" | "int8";
  /** The number type of products. The default is "f32". */
  arithmetic?: "f32" | "f16";
}

/** The adapter that really runs. Browsers hide most of it. */
export interface Adapter {
  name: string;
  backend: string;
  kind: string;
  driver: string;
  isSoftware: boolean;
  features: string[];
}

/** Milliseconds from image to answer. */
export interface Latency {
  p50: number;
  p90: number;
  p95: number;
}

/** A child network. */
export interface Child {
  name: string;
  description: string;
  /** Side of its input in pixels. */
  resolution: number;
  /** Multiply-adds of one inference. */
  madds: number;
  parameters: number;
  /** Accuracy on held-out images in percent. */
  accuracy: number | null;
  testAccuracy: number | null;
  mayAnswer: boolean;
  /** Whether its weights are there; false only while the rest of a bundle that was opened with `early` arrives. */
  hasArrived: boolean;
  /** Median time in ms that the profile predicts. */
  predictedMs: number | null;
  measured: Latency | null;
}

/** A bundle's facts. */
export interface BundleFacts {
  labels: string[];
  children: Child[];
  space: string;
  networkId: string;
  fileBytes: number;
  format: number;
  fit: "crop" | "pad" | "squash";
}

/** A child that keeps a budget. */
export interface Choice {
  child: string;
  budgetMs: number;
  quantile: 50 | 90 | 95;
  accuracy: number | null;
  predictedMs: number;
  measured: Latency;
  /** Why this child, in one sentence. */
  why: string;
  nextFaster: string | null;
  nextBetter: string | null;
  switchedUs: number;
}

export interface Guess {
  label: string;
  class: number;
  /** From 0 to 1; all classes sum to 1. */
  probability: number;
}

export interface Answer {
  /** Most probable first; at least one. */
  guesses: Guess[];
  /** Name of the child that answered. */
  child: string | null;
  /** From pixels to answer. */
  milliseconds: number;
}

export interface LayerTimes {
  /** The clock that measured. */
  clock: "timestamps" | "wall";
  layers: { name: string; kind: string; description: string; madds: number; ms: number }[];
}

/** GPU objects made and bytes sent since the device was opened. */
export interface Counters {
  weightBytesUploaded: number;
  parameterBytesUploaded: number;
  inputBytesUploaded: number;
  buffers: number;
  bindGroups: number;
  pipelines: number;
  submissions: number;
}

export interface GovernorState {
  child: string;
  limitMs: number;
  p95Ms: number | null;
  /** Whether even the fastest child breaks the budget. */
  isTooSlow: boolean;
}

export type ThermalHint = "unknown" | "nominal" | "fair" | "serious" | "critical";

/** Pixels in rows without gaps; alpha is ignored. */
export interface Pixels {
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
  format?: "grey8" | "rgb8" | "rgba8" | "bgra8";
}

export type Picture =
  | Blob
  | ImageData
  | ImageBitmap
  | VideoFrame
  | HTMLImageElement
  | HTMLVideoElement
  | HTMLCanvasElement
  | OffscreenCanvas
  | Pixels;

/** Whether this browser can run a bundle. */
export function support(): Promise<Support>;

/** Opens a bundle, by its address or its bytes, on this device's GPU. */
export function open(source: string | URL | Blob | ArrayBuffer | Uint8Array, options?: OpenOptions): Promise<Runtime>;

/** Removes every bundle and profile that this package keeps for the page's origin. */
export function forgetEverything(): Promise<void>;

/** A bundle on a GPU. */
export class Runtime {
  private constructor();
  readonly bundle: BundleFacts;
  readonly adapter: Adapter;
  /** Whether a profile of this device is in use. */
  readonly hasProfile: boolean;
  /**
   * Resolves with the number of children once all of the bundle has arrived: after `open` with `early`. Rejected if the
   * rest cannot be fetched.
   */
  whole(): Promise<number>;
  /** The children, fewest multiply-adds first, with the times of the profile. */
  children(): Promise<Child[]>;
  /** Name of the child that answers. */
  active(): Promise<string | null>;
  /** Measures this device, unless a profile is in use, and keeps the profile. */
  profile(options?: CallOptions): Promise<{ isNew: boolean; isKept: boolean }>;
  /** The profile as text, for an app that keeps it itself. */
  profileText(): Promise<string | null>;
  /** Takes a profile that the app kept itself. */
  useProfile(text: string): Promise<void>;
  /** The most accurate child within a budget in milliseconds; it becomes the active one. */
  choose(limitMs: number, options?: CallOptions & { quantile?: 50 | 90 | 95 }): Promise<Choice>;
  /** Up to `count` budgets in milliseconds, each meant for another child. */
  typicalBudgets(count?: number, options?: CallOptions & { quantile?: 50 | 90 | 95 }): Promise<number[]>;
  /** Makes a child the active one; returns the microseconds that it took. */
  switchTo(child: string): Promise<number>;
  /** Classifies a picture with the active child; `top` guesses, 5 if not given. */
  classify(image: Picture, options?: { top?: number }): Promise<Answer>;
  /** The active child's raw output, one value a class. */
  logits(image: Picture): Promise<Float32Array>;
  /** Times a child, `runs` times after one warm-up; 20 if not given. */
  time(child: string, options?: { runs?: number }): Promise<Latency>;
  /** Times each layer of the active child. */
  layers(): Promise<LayerTimes>;
  /** GPU objects made and bytes sent since the device was opened. */
  counters(): Promise<Counters>;
  /** Puts a governor in charge of a budget in milliseconds. */
  govern(limitMs: number, options?: CallOptions): Promise<Governor>;
  /** Loses the device on purpose: a test of the app's own recovery. */
  loseDevice(): Promise<void>;
  /** Ends the worker, and with it the GPU memory. */
  close(): void;
}

/** A runtime that switches by itself to keep a budget. */
export class Governor {
  private constructor();
  /** Classifies with its child and takes the time into account. */
  classify(image: Picture, options?: { top?: number }): Promise<Answer>;
  /** Changes the limit in milliseconds. */
  setBudget(limitMs: number): Promise<void>;
  /** Sets the thermal state that the app knows of. */
  setThermalHint(hint: ThermalHint): Promise<void>;
  /** Its child, limit and times now. */
  state(): Promise<GovernorState>;
  /** Ends its charge; its child stays the active one. */
  close(): Promise<void>;
}
