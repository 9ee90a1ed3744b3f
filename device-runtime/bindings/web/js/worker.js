// The worker of a runtime: takes one message a call, answers with its result or error.
import { Session } from "./session.js";

const session = new Session(
  (error) => postMessage({ event: "lost", error: plain(error) }),
  (children) => postMessage({ event: "grown", children }),
);
const aborted = new Set();

onmessage = async ({ data: { id, name, values, wantsProgress } }) => {
  if (name === "abort") return void aborted.add(id);
  const onProgress = (progress) => {
    // Thrown into the call, which ends it.
    if (aborted.has(id)) throw Object.assign(new Error("the call was aborted"), { code: "aborted" });
    if (wantsProgress) postMessage({ id, progress });
  };
  try {
    postMessage({ id, result: await session[name](...values, onProgress) });
  } catch (error) {
    postMessage({ id, error: plain(error) });
  } finally {
    aborted.delete(id);
  }
};

/** The part of an error that can be sent. */
function plain(error) {
  const { code = "internal", message = String(error), fastest = null, neededMs = null } = error ?? {};
  return { code, message, fastest, neededMs };
}
