// The depot as it was when the device last heard of it: stock, what is expected, bays and rules. For verdicts without a
// network (rules.js).
//
//   await refresh(store, depot)   → true when the snapshot is fresh now; false when the site could not be asked
//   await current(store, depot)   → the snapshot with takenAt (by the device's clock) and age in ms; null when there is none
//   follow(store, depot, onNew)   → a function that stops it: refreshes now, every few minutes, when the network is back
//                                   and soon after the feed tells of something; calls onNew after each

const EVERY_MS = 180_000, SOON_MS = 2_000, ANSWER_MS = 30_000;

export async function refresh(store, depot, { site = "", fetch = (...asked) => globalThis.fetch(...asked), clock = Date.now } = {}) {
  const kept = await store.snapshot(depot);
  let response, snapshot;
  try {
    response = await fetch(`${site}/api/v1/depots/${encodeURIComponent(depot)}/snapshot`, {
      headers: kept?.etag ? { "If-None-Match": kept.etag } : {},
      cache: "no-store",
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    if (response.status === 304 && kept) {
      await store.keepSnapshot(depot, { ...kept, at: clock() });
      return true;
    }
    if (!response.ok) return false;
    snapshot = await response.json();
  } catch {
    return false;                               // no network, or half an answer: the old one stays
  }
  if (!Array.isArray(snapshot?.bays) || !Array.isArray(snapshot.stock)) return false;
  await store.keepSnapshot(depot, { snapshot, etag: response.headers.get("ETag"), at: clock() });
  return true;
}

export async function current(store, depot, { clock = Date.now } = {}) {
  const kept = await store.snapshot(depot);
  // A clock that was set back meanwhile makes it no younger than new.
  return kept ? { ...kept.snapshot, takenAt: kept.at, age: Math.max(0, clock() - kept.at) } : null;
}

export function follow(store, depot, onNew = () => {}) {
  let soon = null, running = null;
  const now = () => {
    clearTimeout(soon);
    soon = null;
    running ??= refresh(store, depot).then(async (fresh) => {
      running = null;
      onNew(await current(store, depot), fresh);
    });
  };
  const hint = () => { soon ??= setTimeout(now, SOON_MS); };
  const timer = setInterval(now, EVERY_MS);
  addEventListener("online", now);
  document.body.addEventListener("feed", hint);
  now();
  return () => {
    clearInterval(timer);
    clearTimeout(soon);
    removeEventListener("online", now);
    document.body.removeEventListener("feed", hint);
  };
}
