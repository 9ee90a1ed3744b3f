// Files that are kept: bundles in the Cache API, profiles in IndexedDB. A browser that keeps nothing (a private
// window, a full disk) costs time only: no trouble here fails a call, except that of the network.

const BUNDLES = "nestling-bundles";
const [DATABASE, PROFILES] = ["nestling", "profiles"];

/**
 * Reads a bundle from the cache or the network. A kept copy that is damaged is fetched once more.
 * @param makeSink makes what takes the bytes: `take` each part, and `end`, which may refuse them
 * @param onProgress is told `{ fraction, phase, loadedBytes, totalBytes }` of each part
 */
export async function fetchBundle(url, { refresh = false, keep = true }, makeSink, onProgress) {
  const cache = keep ? await caches.open(BUNDLES).catch(() => null) : null;
  const kept = refresh ? undefined : await cache?.match(url).catch(() => undefined);
  const response = kept ?? (await fetchFrom(url));
  const { take, end } = makeSink();
  try {
    const phase = kept ? "reading the kept bundle" : "fetching the bundle";
    const parts = await stream(url, response, phase, take, onProgress);
    await end();
    const headers = { "Content-Length": String(parts.reduce((sum, part) => sum + part.length, 0)) };
    if (!kept) await cache?.put(url, new Response(new Blob(parts), { headers })).catch(() => {});
  } catch (error) {
    // Only kept bytes that are refused are forgotten: a transfer that breaks says nothing of the copy that is kept.
    if (!kept || !String(error?.code).startsWith("bundle_")) throw error;
    await cache?.delete(url).catch(() => false);
    return fetchBundle(url, { refresh: true, keep }, makeSink, onProgress);
  }
}

async function fetchFrom(url) {
  const response = await fetch(url, { cache: "no-store" }).catch((error) => {
    throw failed(url, error.message);
  });
  if (!response.ok) throw failed(url, `the server answered ${response.status}`);
  return response;
}

function failed(url, why) {
  const message = `the bundle ${url} cannot be fetched: ${why}; check its address and the network`;
  return Object.assign(new Error(message), { code: "bundle_open" });
}

/** Gives a response part by part. Its length is a hint only: a compressed response has another one. */
async function stream(url, response, phase, take, onProgress) {
  const total = response.headers.get("Content-Encoding") ? 0 : Number(response.headers.get("Content-Length"));
  const parts = [];
  let loaded = 0;
  const reader = response.body.getReader();
  const next = () =>
    reader.read().catch((error) => {
      throw failed(url, error.message);
    });
  try {
    for (let part = await next(); !part.done; part = await next()) {
      parts.push(part.value);
      loaded += part.value.length;
      onProgress({
        fraction: total ? Math.min(1, loaded / total) : 0,
        phase,
        loadedBytes: loaded,
        totalBytes: total || null,
      });
      await take(part.value);
    }
  } catch (error) {
    // An abort ends the transfer too.
    reader.cancel().catch(() => {});
    throw error;
  }
  return parts;
}

/** The text of a kept profile, or null. */
export async function keptProfile(key) {
  try {
    return (await inStore("readonly", (store) => store.get(key))) ?? null;
  } catch {
    return null;
  }
}

/** Keeps a profile; returns whether the browser took it. */
export async function keepProfile(key, text) {
  try {
    await inStore("readwrite", (store) => store.put(text, key));
    return true;
  } catch {
    return false;
  }
}

/** Removes all bundles and profiles. */
export async function forget() {
  await globalThis.caches?.delete(BUNDLES).catch(() => false);
  await inStore("readwrite", (store) => store.clear()).catch(() => {});
}

async function inStore(mode, action) {
  const database = await promised(
    Object.assign(indexedDB.open(DATABASE, 1), {
      onupgradeneeded: ({ target }) => target.result.createObjectStore(PROFILES),
    }),
  );
  try {
    return await promised(action(database.transaction(PROFILES, mode).objectStore(PROFILES)));
  } finally {
    database.close();
  }
}

function promised(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("blocked"));
  });
}
