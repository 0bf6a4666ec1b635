// What a device keeps while it can't talk to the site: scans in their order, answers that a person has to see, the
// depots' snapshots. IndexedDB, one database for each owner (user.organisation), and a small one for the device itself.
//
//   const store = await open("7.12", { name: "…" });   // rejects where the browser keeps nothing: use memory.js then
//   await store.add(scan)        → the scan as kept; resolves once it is on the disk (durability: strict)
//   await store.waiting(limit)   → the scans that have no answer yet, the oldest first
//   await store.parked()         → [{nonce, scan, answer, at}], until putAway(nonce)
//   await store.others()         → [{owner, name, waiting, oldest}]: scans of somebody else on this device

import { openDB } from "../../vendor/idb.js";

const VERSION = 1, PREFIX = "wastetrack-scans:", DEVICE = "wastetrack-device", STRICT = { durability: "strict" };

export async function open(owner, { name = "" } = {}) {
  const common = await openDB(DEVICE, VERSION, {
    upgrade(db) {
      db.createObjectStore("facts");
      db.createObjectStore("owners");
    },
  });
  const db = await openQueue(owner);
  // What was scanned must not be thrown away to make room for pictures of another site.
  globalThis.navigator?.storage?.persist?.().catch(() => {});
  await common.put("owners", name, owner);
  const store = new Store(owner, await deviceOf(common), db, common);
  await moveOldQueue(store);
  return store;
}

function openQueue(owner) {
  return openDB(PREFIX + owner, VERSION, {
    upgrade(db) {
      db.createObjectStore("scans", { keyPath: "order", autoIncrement: true }).createIndex("nonce", "nonce", { unique: true });
      db.createObjectStore("parked", { keyPath: "nonce" });
      db.createObjectStore("snapshots");
      db.createObjectStore("leases");
    },
    // Another tab brings a newer version: this one lets go.
    blocking(_current, _blocked, event) { event.target.close(); },
  });
}

// A name for this browser, made once.
async function deviceOf(common) {
  const tx = common.transaction("facts", "readwrite", STRICT);
  let device = await tx.store.get("device");
  if (!device) {
    device = Array.from(crypto.getRandomValues(new Uint8Array(10)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    await tx.store.put(device, "device");
  }
  await tx.done;
  return device;
}

class Store {
  #db; #common; #last = Promise.resolve();
  lasting = true;

  constructor(owner, device, db, common) {
    Object.assign(this, { owner, device });
    this.#db = db;
    this.#common = common;
  }

  // One after the other: two scans in the same moment keep their order.
  add(scan) {
    const added = this.#last.then(() => this.#add(scan));
    this.#last = added.catch(() => {});
    return added;
  }

  async #add(scan) {
    const kept = { ...scan, device: this.device, seq: await this.#nextNumber() };
    const tx = this.#db.transaction("scans", "readwrite", STRICT);
    const order = await tx.store.add(kept);
    await tx.done;
    return { ...kept, order };
  }

  // Counts up on the device, whoever is signed in.
  async #nextNumber() {
    const tx = this.#common.transaction("facts", "readwrite");
    const seq = ((await tx.store.get("seq")) ?? 0) + 1;
    await tx.store.put(seq, "seq");
    await tx.done;
    return seq;
  }

  waiting(limit) { return this.#db.getAll("scans", null, limit === Infinity ? undefined : limit); }

  async counts() {
    const tx = this.#db.transaction(["scans", "parked"]);
    const [waiting, first, parked] = await Promise.all([
      tx.objectStore("scans").count(), tx.objectStore("scans").openCursor(), tx.objectStore("parked").count(),
    ]);
    return { waiting, oldest: first?.value.scanned_at ?? null, parked };
  }

  async change(nonce, changes) {
    const tx = this.#db.transaction("scans", "readwrite", STRICT);
    const found = await tx.store.index("nonce").get(nonce);
    if (found) await tx.store.put({ ...found, ...changes });
    await tx.done;
    return Boolean(found);
  }

  // Answered scans go, and what a person has to see (a row by `park(scan)`) is put aside, in one step. What another tab
  // has settled meanwhile is left out.
  async settle(nonces, park) {
    const tx = this.#db.transaction(["scans", "parked"], "readwrite", STRICT);
    const scans = tx.objectStore("scans"), gone = [];
    for (const nonce of nonces) {
      const scan = await scans.index("nonce").get(nonce);
      if (!scan) continue;
      const row = park(scan);
      if (row) tx.objectStore("parked").put(row);
      scans.delete(scan.order);
      gone.push({ scan, parked: Boolean(row) });
    }
    await tx.done;
    return gone;
  }

  async parked() {
    const found = await this.#db.getAll("parked");
    return found.sort((a, b) => (a.scan.order ?? 0) - (b.scan.order ?? 0));
  }

  async putAway(nonce) {
    const tx = this.#db.transaction("parked", "readwrite", STRICT);
    const there = (await tx.store.getKey(nonce)) !== undefined;
    if (there) await tx.store.delete(nonce);
    await tx.done;
    return there;
  }

  async snapshot(depot) { return (await this.#db.get("snapshots", String(depot))) ?? null; }
  async keepSnapshot(depot, kept) { await this.#db.put("snapshots", kept, String(depot)); }

  // The right to send, where the browser has no locks of its own: true for the holder, until the time is up.
  async lease(holder, now, until) {
    const tx = this.#db.transaction("leases", "readwrite");
    const kept = await tx.store.get("send");
    const free = !kept || kept.holder === holder || kept.until <= now;
    if (free) await tx.store.put({ holder, until }, "send");
    await tx.done;
    return free;
  }

  async release(holder) {
    const tx = this.#db.transaction("leases", "readwrite");
    if ((await tx.store.get("send"))?.holder === holder) await tx.store.delete("send");
    await tx.done;
  }

  // Other people's scans on this device: they wait for whoever made them.
  async others() {
    const found = [];
    for (const owner of await this.#common.getAllKeys("owners")) {
      if (owner === this.owner) continue;
      const db = await openQueue(owner);
      const count = await db.count("scans"), first = await db.transaction("scans").store.openCursor();
      db.close();
      if (count) found.push({ owner, name: await this.#common.get("owners", owner), waiting: count, oldest: first.value.scanned_at });
    }
    return found;
  }

  close() {
    this.#db.close();
    this.#common.close();
  }
}

// Before there was IndexedDB, scans were kept as a list in localStorage: moved over once.
async function moveOldQueue(store) {
  const place = `scans:${store.owner}`;
  let kept;
  try {
    kept = JSON.parse(localStorage.getItem(place) ?? "[]");
  } catch {
    return;                                     // no localStorage, or nothing that can be read
  }
  if (!Array.isArray(kept)) return;
  const known = new Set((await store.waiting()).map((scan) => scan.nonce));
  for (const { at, ...scan } of kept) {
    // Killed half-way, some are over already.
    if (known.has(scan.nonce)) continue;
    await store.add({ ...scan, scanned_at: new Date(at || Date.now()).toISOString(), said: "kept" });
  }
  localStorage.removeItem(place);
}
