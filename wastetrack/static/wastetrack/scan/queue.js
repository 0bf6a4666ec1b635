// The queue of scans: on the device first, then on the site, each acted on once.
//
//   const queue = new Queue({ store, send, clock, listen });
//   const scan = await queue.add({ text, intent, depot, bay, mass_kg });   // committed on the device: now it may beep
//   queue.say(scan.nonce, "accepted" | "refused" | "kept", reason)         // what the device itself told the operator
//   queue.drain()                                                          // send what waits; also after signing in
//   queue.state() → { waiting, oldestAt, parked, stop, trouble, sending }
//   listen({ kind: "answer", scan, answer, own }) · listen({ kind: "state", ...queue.state() })
//
// Every scan gets its nonce when it is made; whatever happens on the way, it is sent again with the same one, so the site
// acts once and answers the same. They go in their order: one by itself, in batches when more wait. What the site can't
// take, or refuses although the device had said yes, is parked with its reason until a person has seen it: it neither
// blocks the others nor disappears. No DOM: it runs under Node as well.

export const MOST_AT_ONCE = 100;
const FIRST_WAIT_MS = 1_000, LONGEST_WAIT_MS = 15_000, LEASE_MS = 60_000;
const TRIES = 5;                                // a scan that fails while others pass is parked after so many
const ONE = "/api/v1/scans", MANY = "/api/v1/scans/batch";
const VERDICTS = new Set(["accepted", "refused", "repeated"]);
const TIMES = new Set(["scanned_at", "sent_at"]);

export function newNonce() {
  if (crypto.randomUUID) return crypto.randomUUID();
  // A page served over plain http has no randomUUID.
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Queue {
  #store; #send; #clock; #listen; #nonce; #shared; #waits;
  #tab = newNonce();
  #counts = { waiting: 0, oldest: null, parked: 0 };
  #stop = null; #trouble = null; #sending = false;
  #running = null; #more = false; #retry = null; #wait; #quietUntil = 0; #limit = MOST_AT_ONCE; #misses = 0;
  #tried = new Set();                           // nonces of which the site may have heard
  #passed = 0; #failures = new Map();            // nonce → {tries, after, passed}: the site had trouble with this one

  constructor({ store, send, clock = Date.now, listen = () => {}, nonce = newNonce, shared = browser(store.owner), waits = {} }) {
    Object.assign(this, { store });
    this.#store = store;
    this.#send = send;
    this.#clock = clock;
    this.#listen = listen;
    this.#nonce = nonce;
    this.#shared = shared;
    this.#waits = { first: FIRST_WAIT_MS, longest: LONGEST_WAIT_MS, ...waits };
    this.#wait = this.#waits.first;
    shared?.hear((told) => this.#heard(told), () => this.wake());
    this.#count();
  }

  // Resolves with the scan once it is committed on the device; rejects when it could not be kept.
  async add(scan) {
    const kept = await this.#store.add({
      nonce: this.#nonce(), scanned_at: new Date(this.#clock()).toISOString(), ...scan, tab: this.#tab,
    });
    this.#count().then(() => this.#shared?.tell({ kind: "count" }));
    // Twenty scans a second must not knock twenty times on a door that is shut.
    if (performance.now() >= this.#quietUntil) this.drain();
    return kept;
  }

  // What the device told the operator before the site could; false when the answer is there already. What it stopped was
  // not done: the site puts such a scan on record with the reason, and answers what it did if it had acted before.
  say(nonce, said, reason = null) { return this.#store.change(nonce, { said, reason }); }

  waiting() { return this.#store.waiting(); }
  parked() { return this.#store.parked(); }
  others() { return this.#store.others(); }

  // A person has seen a parked scan and is done with it.
  async putAway(nonce) {
    await this.#store.putAway(nonce);
    await this.#count();
    this.#shared?.tell({ kind: "count" });
  }

  // A person has mended what was wrong. What the site refused stays refused under its nonce: a new try is a new one.
  async sendAgain(nonce) {
    const found = (await this.#store.parked()).find((one) => one.nonce === nonce);
    if (!found) return null;
    const { order, seq, device, said, reason, ...scan } = found.scan;
    const again = await this.add({ ...scan, nonce: found.answer.problem ? nonce : this.#nonce() });
    await this.putAway(nonce);
    return again;
  }

  state() {
    const { waiting, oldest, parked } = this.#counts;
    return { waiting, oldestAt: oldest ? Date.parse(oldest) : null, parked, stop: this.#stop, trouble: this.#trouble, sending: this.#sending };
  }

  // At once, and not after the wait that a lost connection has grown to.
  wake() {
    this.#wait = this.#waits.first;
    return this.drain();
  }

  // Sends what waits. Resolves when nothing does, or when it can't go on now; it comes back by itself.
  drain() {
    this.#more = true;
    this.#running ??= this.#drainAll();
    return this.#running;
  }

  // No more of this queue: the page is going away.
  close() {
    clearTimeout(this.#retry);
    this.#shared?.close();
  }

  async #drainAll() {
    clearTimeout(this.#retry);
    try {
      while (this.#more) {
        this.#more = false;
        if (!(await this.#exclusive(() => this.#drain()))) break;
      }
    } catch (error) {
      this.#again(error);
    } finally {
      this.#running = null;
    }
  }

  // True when nothing waits any more.
  async #drain() {
    for (let first = true; ; first = false) {
      const scans = await this.#next();
      if (!scans.length) {
        await this.#count();
        if (this.#counts.waiting) return this.#later(this.#wait);
        this.#stop = this.#trouble = null;
        this.#tellState();
        return true;
      }
      if (!first && !this.#shared?.locks && !(await this.#lease())) return this.#later(LEASE_MS / 4);
      const outcome = await this.#post(scans);
      if (!(await this.#took(scans, outcome))) return false;
    }
  }

  // The oldest; one that failed while others passed comes again after a while.
  async #next() {
    const scans = await this.#store.waiting(this.#limit + this.#failures.size);
    const now = performance.now();
    return scans.filter(({ nonce }) => !(this.#failures.get(nonce)?.after > now)).slice(0, this.#limit);
  }

  async #took(scans, outcome) {
    if (outcome.answers) return this.#settle(scans, outcome.answers);
    if (outcome.stop) {
      this.#stop = outcome.stop;
      this.#trouble = null;
      this.#quietUntil = performance.now() + this.#waits.first;
      await this.#count();
      return false;
    }
    // Smaller parts find their way through a thin line, and find the scan that spoils its batch.
    if (outcome.smaller || ++this.#misses > 1) this.#limit = Math.max(1, Math.floor(scans.length / 2));
    return outcome.smaller ? true : this.#again(outcome.error);
  }

  #again(error) {
    this.#trouble = error?.name === "QuotaExceededError" ? "full" : "offline";
    this.#tellState();
    this.#quietUntil = performance.now() + this.#waits.first;
    this.#later(this.#wait);
    this.#wait = Math.min(this.#wait * 2, this.#waits.longest);
    return false;
  }

  #later(wait) {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.drain(), wait);
    return false;
  }

  // --- one request ---

  async #post(scans) {
    const sent = new Date(this.#clock()).toISOString();
    const asked = scans.map((scan) => ({ ...asAsked(scan, sent), ...(this.#tried.has(scan.nonce) && { again: true }) }));
    for (const { nonce } of scans) this.#tried.add(nonce);
    this.#sending = true;
    this.#tellState();
    try {
      const single = scans.length === 1;
      const { status, body } = await this.#send(single ? ONE : MANY, single ? asked[0] : { scans: asked });
      return single ? oneAnswer(scans[0], status, body) : manyAnswers(scans, status, body);
    } catch (error) {
      return { again: true, error };
    } finally {
      this.#sending = false;
    }
  }

  // --- the answers ---

  async #settle(scans, answers) {
    const pairs = scans.map((scan, place) => ({ scan, answer: answers[place] }));
    const failed = pairs.filter(({ answer }) => isFault(answer));
    const otherwise = pairs.filter(({ scan, answer }) => askedOtherwise(scan, answer));
    for (const { scan, answer } of otherwise) await this.#store.change(scan.nonce, askedOtherwise(scan, answer));
    const done = pairs.filter((pair) => !failed.includes(pair) && !otherwise.includes(pair));
    this.#passed += done.length;
    await this.#close([...done, ...this.#givenUp(failed)]);
    this.#stop = null;
    this.#misses = 0;
    this.#trouble = done.length || otherwise.length ? null : "offline";
    if (!this.#trouble) this.#wait = this.#waits.first;
    this.#limit = Math.min(MOST_AT_ONCE, this.#limit * 2);
    return true;
  }

  // Those that failed again and again while others passed. The rest comes again after a while.
  #givenUp(failed) {
    for (const { scan } of failed) {
      const before = this.#failures.get(scan.nonce) ?? { tries: 0, passed: -1 };
      const tries = before.tries + (this.#passed > before.passed ? 1 : 0);
      const wait = Math.min(this.#waits.first * 2 ** tries, this.#waits.longest);
      this.#failures.set(scan.nonce, { tries, after: performance.now() + wait, passed: this.#passed });
    }
    return failed.filter(({ scan }) => this.#failures.get(scan.nonce).tries >= TRIES);
  }

  async #close(pairs) {
    const at = this.#clock(), answers = new Map(pairs.map(({ scan, answer }) => [scan.nonce, answer]));
    const gone = await this.#store.settle([...answers.keys()], (scan) => {
      const answer = answers.get(scan.nonce);
      return isToBeSeen(scan, answer) ? { nonce: scan.nonce, scan, answer, at } : null;
    });
    await this.#count();
    for (const { scan, parked } of gone) {
      this.#failures.delete(scan.nonce);
      this.#tried.delete(scan.nonce);
      const told = { kind: "answer", scan, answer: answers.get(scan.nonce), parked };
      this.#listen({ ...told, own: scan.tab === this.#tab });
      this.#shared?.tell(told);
    }
  }

  // --- what the page is told ---

  async #count() {
    this.#counts = await this.#store.counts();
    this.#tellState();
  }

  #tellState() { this.#listen({ kind: "state", ...this.state() }); }

  #heard(told) {
    if (told.kind === "answer" && told.scan.tab === this.#tab) this.#listen({ ...told, own: true });
    if (told.kind === "count") this.#count();
  }

  // --- one tab sends ---

  async #exclusive(work) {
    if (this.#shared?.locks) return this.#shared.locks(work);
    if (!(await this.#lease())) return this.#later(LEASE_MS / 4);
    try {
      return await work();
    } finally {
      await this.#store.release(this.#tab);
    }
  }

  #lease() {
    const now = Date.now();                     // the same clock for every tab, wrong or not
    return this.#store.lease(this.#tab, now, now + LEASE_MS);
  }
}

// --- what goes out ---

function asAsked({ nonce, text, intent, depot, bay, mass_kg, manifest, scanned_at, device, seq, said, reason, timeless }, sent_at) {
  // The same question whatever the device said meanwhile: by it the site knows a scan of which it has heard before.
  const asked = { nonce, text, intent, depot, bay, mass_kg, manifest, device, seq };
  if (!timeless) Object.assign(asked, { scanned_at, sent_at });
  if (said === "accepted") asked.said = said;
  if (said === "refused") Object.assign(asked, { said, reason });
  return Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined && value !== null && value !== ""));
}

// --- what comes back ---

function isAnswer(scan, answer) {
  return Boolean(answer) && answer.nonce === scan.nonce && VERDICTS.has(answer.verdict);
}

function oneAnswer(scan, status, body) {
  if (status === 200) return isAnswer(scan, body) ? { answers: [body] } : { again: true };
  if (isOwnFault(status) || (status === 500 && body?.code)) return { answers: [asRefused(scan, status, body)] };
  return stopOrAgain(status, body);
}

function manyAnswers(scans, status, body) {
  if (status === 200) {
    const whole = Array.isArray(body?.results) && body.results.length === scans.length;
    return whole && scans.every((scan, place) => isAnswer(scan, body.results[place])) ? { answers: body.results } : { again: true };
  }
  return isOwnFault(status) ? { smaller: true } : stopOrAgain(status, body);
}

const isOwnFault = (status) => status === 400 || status === 413 || status === 422;

// Signed out, somebody else signed in, no right to scan: nothing of the queue can go on until a person has acted.
function stopOrAgain(status, body) {
  if (status === 401) return { stop: { code: "not_signed_in" } };
  if ((status === 403 || status === 409) && body?.code && body.code !== "lost_race") return { stop: { code: body.code, message: body.detail, name: body.name } };
  return { again: true };
}

function asRefused(scan, status, body) {
  const first = body?.errors?.[0];
  return {
    nonce: scan.nonce, verdict: "refused", reason: first?.code ?? body?.code ?? `http_${status}`,
    message: first?.message ?? body?.detail ?? "", container: null, problem: body ?? { status },
  };
}

// The site's own trouble with this item, not the item's: nothing was recorded, and it may go well another time.
function isFault({ problem }) {
  return Boolean(problem) && (problem.status >= 500 || problem.status === 429 || problem.status === 409);
}

// What to change before it is asked again, where the answer is not about the drum; null otherwise.
function askedOtherwise(scan, { problem }) {
  // A device whose clock stands in another century: the scan counts, its own time does not.
  const time = problem?.errors?.length && problem.errors.every((error) => TIMES.has(error.field));
  return time && !scan.timeless ? { timeless: true } : null;
}

// What the operator must hear of later: the site says something else than the device did, or could make nothing of it.
function isToBeSeen({ said, intent }, { problem, reason, flag }) {
  if (problem) return true;
  if (!said || intent === "lookup") return false;
  if (said === "refused") return !reason;
  return flag ? true : Boolean(reason) && !(said === "kept" && reason === "already_here");
}

// --- the browser's own means: other tabs, its locks, and word of a network ---

function browser(owner) {
  if (!globalThis.document) return null;
  const channel = globalThis.BroadcastChannel ? new BroadcastChannel(`scans:${owner}`) : null;
  const locks = navigator.locks ? (work) => navigator.locks.request(`scans:${owner}`, work) : null;
  let woken = null;
  return {
    locks,
    tell(told) { channel?.postMessage(told); },
    hear(listen, wake) {
      channel?.addEventListener("message", ({ data }) => listen(data));
      woken = wake;
      addEventListener("online", woken);
    },
    close() {
      channel?.close();
      removeEventListener("online", woken);
    },
  };
}
