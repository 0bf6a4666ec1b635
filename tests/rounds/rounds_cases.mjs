// The phone's half of a round, under Node: prints { case: null or what was wrong }.

import assert from "node:assert/strict";
import { ride } from "../../wastetrack/static/wastetrack/rounds/ride.js";
import { Steps } from "../../wastetrack/static/wastetrack/rounds/steps.js";

const serve = (nonce, order, place = nonce) => ({ what: "serve", nonce, order, place, path: `/stops/${place}/serve`, body: { nonce } });
const recorded = (nonce) => ({ status: 200, body: { nonce, outcome: "recorded", manifest: `M${nonce}` } });

// The calls of store.js over plain lists, which outlive what uses them.
function kept(steps = []) {
  const settled = new Map();
  let last = steps.length;
  return {
    steps, settled,
    async add(step) { const one = { ...step, order: ++last }; steps.push(one); return one; },
    async waiting() { return [...steps]; },
    async settle(step, outcome) {
      steps.splice(steps.findIndex((one) => one.order === step.order), 1);
      settled.set(step.place, outcome);
    },
  };
}

// A site that does a step once for its nonce, behind a line that loses what `loses` says.
function site(loses = () => null) {
  const done = [], asked = [];
  return {
    done, asked,
    async send(path, body) {
      asked.push(body.nonce ?? path);
      const how = loses(asked.length);
      if (how === "request") throw new TypeError("no network");
      if (!done.includes(body.nonce)) done.push(body.nonce);
      if (how === "answer") throw new TypeError("no network");
      return recorded(body.nonce);
    },
  };
}

const cases = {
  async "steps are sent in order, each once"() {
    const store = kept([serve("a", 1), serve("b", 2), serve("c", 3)]), there = site();
    await new Steps({ store, send: there.send }).drain();
    assert.deepEqual(there.done, ["a", "b", "c"]);
    assert.deepEqual([store.steps.length, store.settled.get("b").manifest], [0, "Mb"]);
  },
  async "without a network nothing is lost, and nothing overtakes"() {
    const store = kept([serve("a", 1), serve("b", 2)]), there = site(() => "request"), told = [];
    const steps = new Steps({ store, send: there.send, tell: (one) => told.push(one) });
    await steps.drain();
    steps.close();
    assert.deepEqual([store.steps.length, there.asked], [2, ["a"]]);
    assert.deepEqual([told.at(-1).waiting, told.at(-1).stop], [2, "offline"]);
  },
  async "killed between sends it goes on where it was, and a lost answer does nothing twice"() {
    const store = kept([serve("a", 1), serve("b", 2)]), there = site((n) => (n === 2 ? "answer" : null));
    const first = new Steps({ store, send: there.send });
    await first.drain();
    first.close();
    assert.deepEqual([there.done, store.steps.map(({ nonce }) => nonce)], [["a", "b"], ["b"]]);
    // The phone starts anew with what is on its disk.
    await new Steps({ store, send: there.send }).drain();
    assert.deepEqual([there.asked, there.done, store.steps.length], [["a", "b", "b"], ["a", "b"], 0]);
  },
  async "what the site parks is put aside with its reasons, and the next stop goes on"() {
    const store = kept([serve("a", 1), serve("b", 2)]);
    const send = async (_path, { nonce }) => (nonce === "b" ? recorded("b") : { status: 200, body: { nonce, outcome: "parked", reasons: [{ message: "why" }] } });
    await new Steps({ store, send }).drain();
    assert.deepEqual([store.settled.get("a"), store.settled.get("b").kind], [{ kind: "parked", reasons: ["why"] }, "recorded"]);
  },
  async "a refusal for good is put aside too"() {
    const store = kept([serve("a", 1)]), body = { code: "unknown_round", detail: "gone" };
    await new Steps({ store, send: async () => ({ status: 404, body }) }).drain();
    assert.deepEqual(store.settled.get("a"), { kind: "parked", reasons: ["gone"] });
  },
  async "a lock, a fault and half an answer are no answer"() {
    for (const answer of [{ status: 429, body: { code: "pin_locked", detail: "later" } }, { status: 503, body: {} }, { status: 200, body: undefined }, { status: 409, body: { code: "lost_race" } }, { status: 200, body: { nonce: "z", outcome: "recorded" } }]) {
      const store = kept([serve("a", 1)]), steps = new Steps({ store, send: async () => answer });
      await steps.drain();
      steps.close();
      assert.equal(store.steps.length, 1, JSON.stringify(answer));
    }
  },
  async "signed out, or somebody else: it waits for its driver"() {
    for (const [status, code, stop] of [[401, "not_signed_in", "signedOut"], [409, "other_person", "otherPerson"]]) {
      const store = kept([serve("a", 1)]), told = [];
      await new Steps({ store, send: async () => ({ status, body: { code } }), tell: (one) => told.push(one) }).drain();
      assert.deepEqual([store.steps.length, told.at(-1).stop], [1, stop]);
    }
  },
  async "when it is sent stands beside when it was signed"() {
    const sent = [];
    const send = async (_path, body) => { sent.push(body); return recorded("a"); };
    await new Steps({ store: kept([serve("a", 1)]), send, clock: () => 0 }).drain();
    assert.equal(sent[0].sent_at, "1970-01-01T00:00:00.000Z");
  },
  async "a vehicle carries up to its last gram"() {
    const pieces = [{ waste: "900-249-08", groups: [], mass_g: 300 }, { waste: "900-249-08", groups: [], mass_g: 200 }];
    assert.deepEqual(ride(pieces, { capacity_g: 500, pairs: [] }), { mass_g: 500, code: null });
    assert.equal(ride(pieces, { capacity_g: 499, pairs: [] }).code, "heavy");
    assert.equal(ride(pieces, { capacity_g: null, pairs: [] }).code, null);
  },
  async "what reacts does not ride together, nor what nobody has spoken of with another waste"() {
    const acid = { waste: "a", groups: ["2-A"], mass_g: 1 }, base = { waste: "b", groups: ["1-A"], mass_g: 1 }, strange = { waste: "c", groups: null, mass_g: 1 };
    const rules = { capacity_g: null, pairs: [["1-A", "2-A"]] };
    assert.equal(ride([acid, base], rules).code, "reacts");
    assert.equal(ride([acid, acid], rules).code, null);
    assert.equal(ride([acid, strange], rules).code, "unknown");
    assert.equal(ride([strange, strange], rules).code, null);
  },
};

const outcomes = {};
for (const [name, run] of Object.entries(cases)) {
  outcomes[name] = await run().then(() => null, (error) => error.stack);
}
console.log(JSON.stringify(outcomes));
