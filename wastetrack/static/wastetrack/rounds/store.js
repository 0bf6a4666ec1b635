// What a driver's phone keeps of its rounds: steps in their order until they are answered, and what came of each stop.
// IndexedDB, one database for each owner (user.organisation). A step is on the disk before its form is cleared.

import { openDB } from "../../vendor/idb.js";

const STRICT = { durability: "strict" };

export async function open(owner) {
  const db = await openDB(`wastetrack-rounds:${owner}`, 1, {
    upgrade(db) {
      db.createObjectStore("steps", { keyPath: "order", autoIncrement: true }).createIndex("nonce", "nonce", { unique: true });
      db.createObjectStore("settled", { keyPath: "place" });
    },
    blocking(_current, _blocked, event) { event.target.close(); },
  });
  globalThis.navigator?.storage?.persist?.().catch(() => {});
  return {
    async add(step) {
      const tx = db.transaction(["steps", "settled"], "readwrite", STRICT);
      // Signed anew: what came of the last time is over.
      tx.objectStore("settled").delete(step.place);
      const order = await tx.objectStore("steps").add(step);
      await tx.done;
      return { ...step, order };
    },
    waiting() { return db.getAll("steps"); },
    settled() { return db.getAll("settled"); },
    async settle(step, outcome) {
      const tx = db.transaction(["steps", "settled"], "readwrite", STRICT);
      tx.objectStore("steps").delete(step.order);
      tx.objectStore("settled").put({ place: step.place, pieces: step.pieces, ...outcome });
      await tx.done;
    },
    close() { db.close(); },
  };
}

// The same calls, as long as the page lives: for tests.
export function memoryStore(steps = [], settled = new Map()) {
  let last = Math.max(0, ...steps.map((step) => step.order));
  return {
    async add(step) {
      settled.delete(step.place);
      const kept = { ...step, order: ++last };
      steps.push(kept);
      return kept;
    },
    async waiting() { return [...steps]; },
    async settled() { return [...settled.values()]; },
    async settle(step, outcome) {
      steps.splice(steps.findIndex((one) => one.order === step.order), 1);
      settled.set(step.place, { place: step.place, ...outcome });
    },
    close() {},
  };
}
