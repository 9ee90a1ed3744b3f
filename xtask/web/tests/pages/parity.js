// Classifies raw RGBA frames: `cargo xtask bindings` compares the logits with Rust's.
import { open } from "@nestling/web";

const CALLS = 400;
const CLASSIFICATIONS = 65;
const ROUNDS = 5; // the fastest counts, because other programs slow the others down

/** The logits of each frame, the time to the first ones, that of the cheapest call, and that of a classification above the
 * time of the worker's. */
export async function parity(width, height) {
  const runtime = await open("assets/fashion.nestling", { keep: false });
  const size = 4 * width * height;
  const frames = await (await fetch("frames.rgba")).arrayBuffer();
  const answers = [];
  let firstMs = null;
  for (let start = 0; start < frames.byteLength; start += size) {
    const data = new Uint8Array(frames.slice(start, start + size));
    answers.push([...(await runtime.logits({ data, width, height, format: "rgba8" }))]);
    if (start === 0) {
      firstMs = performance.now(); // since the page was asked for
      await runtime.switchTo((await runtime.children()).at(-1).name);
    }
  }
  let overheadUs = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const begin = performance.now();
    for (let call = 0; call < CALLS; call++) await runtime.active();
    overheadUs = Math.min(overheadUs, ((performance.now() - begin) * 1000) / CALLS);
  }
  const data = new Uint8Array(frames.slice(0, size));
  const above = [];
  for (let turn = 0; turn < CLASSIFICATIONS; turn++) {
    const begin = performance.now();
    const { milliseconds } = await runtime.classify({ data, width, height, format: "rgba8" }, { top: 1 });
    above.push((performance.now() - begin - milliseconds) * 1000);
  }
  above.sort((one, other) => one - other);
  runtime.close();
  return { answers, firstMs, call: "await active()", overheadUs, classifyUs: above[above.length >> 1] };
}
