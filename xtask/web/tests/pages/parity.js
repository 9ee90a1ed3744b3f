// Classifies raw RGBA frames: `cargo xtask bindings` compares the logits with Rust's.
import { open } from "@nestling/web";

const CALLS = 400;
const ROUNDS = 5; // the fastest counts, because other programs slow the others down

/** The logits of each frame, the time to the first ones and that of the cheapest call. */
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
  runtime.close();
  return { answers, firstMs, call: "await active()", overheadUs };
}
