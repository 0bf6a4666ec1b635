// A store that lives as long as the page: for a browser that keeps nothing, and for tests. The same calls as store.js.

export function memoryStore(owner, { device = "memory" } = {}) {
  let scans = [], order = 0, lease = { holder: null, until: 0 };
  const parked = new Map(), snapshots = new Map();
  return {
    owner, device, lasting: false,
    async add(scan) {
      const kept = { ...scan, device, seq: ++order, order };
      scans.push(kept);
      return kept;
    },
    async waiting(limit = Infinity) { return scans.slice(0, limit); },
    async counts() { return { waiting: scans.length, oldest: scans[0]?.scanned_at ?? null, parked: parked.size }; },
    async change(nonce, changes) {
      const found = scans.find((scan) => scan.nonce === nonce);
      if (found) Object.assign(found, changes);
      return Boolean(found);
    },
    async settle(nonces, park) {
      const done = new Set(nonces), gone = scans.filter((scan) => done.has(scan.nonce));
      scans = scans.filter((scan) => !done.has(scan.nonce));
      return gone.map((scan) => {
        const row = park(scan);
        if (row) parked.set(row.nonce, row);
        return { scan, parked: Boolean(row) };
      });
    },
    async parked() { return [...parked.values()]; },
    async putAway(nonce) { return parked.delete(nonce); },
    async snapshot(depot) { return snapshots.get(String(depot)) ?? null; },
    async keepSnapshot(depot, kept) { snapshots.set(String(depot), kept); },
    async lease(holder, now, until) {
      if (lease.holder !== holder && lease.until > now) return false;
      lease = { holder, until };
      return true;
    },
    async release(holder) { if (lease.holder === holder) lease = { holder: null, until: 0 }; },
    async others() { return []; },
    close() {},
  };
}
