// Uses the package as a page in TypeScript does. `tsc` reads it; nothing runs it.
import { NestlingError, Runtime, forgetEverything, open, support } from "@nestling/web";
import type { Answer, Choice, Governor, Picture, Progress } from "@nestling/web";

export async function classify(picture: Picture, video: HTMLVideoElement): Promise<string | null> {
  const { isSupported, reason } = await support();
  if (!isSupported) return reason;
  const report = ({ fraction, phase, loadedBytes }: Progress): void => console.log(fraction, phase, loadedBytes ?? 0);
  const signal = new AbortController().signal;
  const runtime: Runtime = await open("app.nestling", { early: true, onProgress: report, signal, weightStorage: "f16" });
  const arrived: number = await runtime.whole();
  const { isNew } = await runtime.profile({ onProgress: report, signal });
  const [budget = 10] = await runtime.typicalBudgets(arrived, { quantile: 50, onProgress: report, signal });
  try {
    const choice: Choice = await runtime.choose(budget, { quantile: 90 });
    if (choice.nextFaster) await runtime.switchTo(choice.nextFaster);
  } catch (error) {
    if (error instanceof NestlingError && error.code === "below_fastest") return `${error.neededMs} ms, ${isNew}`;
    throw error;
  }
  const governor: Governor = await runtime.govern(budget);
  await governor.setThermalHint("fair");
  const answer: Answer = await governor.classify(video, { top: 3 });
  const pixels = { data: new Uint8ClampedArray(4), width: 1, height: 1, format: "rgba8" as const };
  const logits: Float32Array = await runtime.logits(pixels);
  await governor.close();
  runtime.close();
  await forgetEverything();
  return (await runtime.classify(picture)).guesses[0].label + answer.milliseconds + logits[0];
}

export async function wrong(runtime: Runtime): Promise<void> {
  // @ts-expect-error The share is 50, 90 or 95.
  await runtime.choose(10, { quantile: 99 });
  // @ts-expect-error A picture is not its address.
  await runtime.classify("coat.png");
  // @ts-expect-error The budget is a number.
  await runtime.govern("10 ms");
  // @ts-expect-error A runtime is opened, not made.
  new Runtime();
}
