// Sends what a driver's phone keeps, one step after the other, in order, each until it is answered. The site does a step
// once for its nonce and answers the same again, so nothing is lost and nothing done twice, whenever the phone dies.
//
//   outcome: { kind: "recorded", manifest } · { kind: "done" } · { kind: "parked", reasons: [sentence] }
//   tell({ waiting, stop, message, settled }): how many wait; stop: "signedOut" | "otherPerson" | "offline" | null, with
//   what the site says of it; the step that was settled

const FIRST_WAIT_MS = 2_000, LONGEST_WAIT_MS = 60_000;

export class Steps {
  #store; #send; #tell; #clock; #running = null; #retry = null; #wait = FIRST_WAIT_MS; #locks;

  constructor({ store, send, tell = () => {}, clock = Date.now, locks = null }) {
    this.#store = store;
    this.#send = send;
    this.#tell = tell;
    this.#clock = clock;
    this.#locks = locks ?? ((work) => work());
  }

  async add(step) {
    const kept = await this.#store.add(step);
    this.drain();
    return kept;
  }

  // Resolves when nothing waits, or when it can't go on now; it comes back by itself.
  drain() {
    clearTimeout(this.#retry);
    this.#running ??= this.#locks(() => this.#all()).finally(() => { this.#running = null; });
    return this.#running;
  }

  close() { clearTimeout(this.#retry); }

  async #all() {
    for (;;) {
      const [step, ...more] = await this.#store.waiting();
      if (!step) {
        this.#wait = FIRST_WAIT_MS;
        return this.#tell({ waiting: 0, stop: null });
      }
      const { outcome, stop, message } = await this.#one(step);
      if (!outcome) {
        this.#tell({ waiting: more.length + 1, stop, message });
        if (stop === "offline") this.#later();
        return undefined;
      }
      await this.#store.settle(step, outcome);
      this.#tell({ waiting: more.length, stop: null, settled: { step, outcome } });
    }
  }

  async #one(step) {
    let status, body;
    try {
      const sent = step.what === "serve" ? { ...step.body, sent_at: new Date(this.#clock()).toISOString() } : step.body;
      ({ status, body } = await this.#send(step.path, sent));
    } catch {
      return { stop: "offline" };
    }
    return judge(step, status, body);
  }

  #later() {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.drain(), this.#wait);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT_MS);
  }
}

export function judge(step, status, body) {
  if (status === 200) {
    if (step.what !== "serve") return { outcome: { kind: "done" } };
    // Half an answer is none.
    if (body?.nonce !== step.body.nonce) return { stop: "offline" };
    if (body.outcome === "recorded") return { outcome: { kind: "recorded", manifest: body.manifest } };
    return { outcome: { kind: "parked", reasons: body.reasons.map((reason) => reason.message) } };
  }
  if (status === 401) return { stop: "signedOut" };
  if (body?.code === "other_person") return { stop: "otherPerson" };
  // Locked for a while, too many at once, somebody else was quicker, a fault of the site: the same goes another time.
  const passing = status === 429 || status >= 500 || body?.code === "lost_race" || body?.code === "forged" || !body?.code;
  if (passing) return { stop: "offline", message: body?.detail };
  const reasons = body.errors?.length ? body.errors.map((error) => error.message) : [body.detail];
  return { outcome: { kind: "parked", reasons } };
}
