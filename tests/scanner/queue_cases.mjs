// The queue against a site that a case scripts, request by request. Prints {case: null | what went wrong}.
import assert from "node:assert/strict";
import { memoryStore } from "../../wastetrack/static/wastetrack/scan/memory.js";
import { Queue } from "../../wastetrack/static/wastetrack/scan/queue.js";
import { sender } from "../../wastetrack/static/wastetrack/scan/sending.js";

const WAITS = { first: 5, longest: 20 };
const yes = (scan) => ({ nonce: scan.nonce, verdict: "accepted", reason: null, message: "", container: null });
const no = (scan, reason) => ({ ...yes(scan), verdict: "refused", reason });
const bad = (scan, status, errors) => ({ ...no(scan, "bad"), problem: { status, code: "bad", detail: "Bad.", errors } });
const scansOf = (body) => body.scans ?? [body];

// `answer(scan, turn)` for each scan; a case may answer a whole request with `whole(body, turn)` → {status, body} | undefined.
function site({ answer = yes, whole = () => undefined } = {}) {
  const requests = [];
  async function send(path, body) {
    requests.push(structuredClone(body));
    const given = await whole(body, requests.length);
    if (given) return given;
    const answers = scansOf(body).map((scan) => answer(scan, requests.length));
    if (body.scans) return { status: 200, body: { results: answers } };
    const { problem } = answers[0];
    return problem ? { status: problem.status, body: problem } : { status: 200, body: answers[0] };
  }
  return { send, requests };
}

function device(parts, { store = memoryStore("1.1"), ...more } = {}) {
  const told = [], states = [];
  const listen = (event) => (event.kind === "answer" ? told : states).push(event);
  const queue = new Queue({ store, send: parts.send, listen, waits: WAITS, ...more });
  return { queue, store, told, states };
}

async function until(check, what = "it never came") {
  for (let tries = 0; tries < 400; tries++) {
    if (await check()) return;
    await new Promise((done) => setTimeout(done, 5));
  }
  assert.fail(what);
}

const empty = (queue) => until(() => queue.state().waiting === 0 && !queue.state().sending, "the queue never emptied");
const scan = (text, more) => ({ text, intent: "put_away", depot: "1", bay: "A1", ...more });

const cases = {
  async "kept before it is sent"() {
    const order = [], store = memoryStore("1.1"), add = store.add;
    store.add = async (one) => {
      await new Promise((done) => setTimeout(done, 10));
      order.push("kept");
      return add(one);
    };
    const world = site({ whole: () => void order.push("sent") });
    const { queue } = device(world, { store });
    const kept = await queue.add(scan("A"));
    assert.ok(kept.nonce && kept.scanned_at && kept.seq === 1 && kept.device);
    await empty(queue);
    assert.deepEqual(order, ["kept", "sent"]);
  },

  async "says so when it can't be kept"() {
    const store = memoryStore("1.1");
    store.add = async () => { throw new Error("full"); };
    const world = site(), { queue } = device(world, { store });
    await assert.rejects(queue.add(scan("A")), /full/);
    assert.equal(world.requests.length, 0);
  },

  async "in their order, one alone, many together"() {
    let open;
    const gate = new Promise((done) => { open = done; });
    const world = site({ whole: async (_, turn) => void (turn === 1 && await gate) });
    const { queue, told } = device(world);
    const added = [];
    for (let n = 0; n < 250; n++) added.push(await queue.add(scan(`T${n}`)));
    open();
    await empty(queue);
    assert.deepEqual(world.requests.map((body) => scansOf(body).length), [1, 100, 100, 49]);
    assert.deepEqual(told.map(({ scan: one }) => one.nonce), added.map((one) => one.nonce));
    assert.deepEqual(told.map(({ scan: one }) => one.seq), added.map((_, n) => n + 1));
    assert.ok(told.every((event) => event.own && !event.parked));
  },

  async "the same nonce until there is an answer"() {
    const odd = [
      () => { throw new Error("lost"); },
      () => ({ status: 500, body: undefined }), () => ({ status: 503, body: { code: "database_busy" } }), () => ({ status: 429 }),
      () => ({ status: 200, body: undefined }), () => ({ status: 200, body: { results: [] } }), () => ({ status: 404 }),
      (body) => ({ status: 200, body: { ...yes(body), nonce: "another" } }),
      (body) => ({ status: 200, body: { ...yes(body), verdict: "perhaps" } }), () => ({ status: 409, body: { code: "lost_race" } }),
      () => ({ status: 302 }), () => ({ status: 200, body: null }),
    ];
    const world = site({ whole: (body, turn) => odd[turn - 1]?.(body) });
    const { queue, told, states } = device(world);
    const kept = await queue.add(scan("A"));
    await empty(queue);
    assert.equal(world.requests.length, odd.length + 1);
    assert.deepEqual(new Set(world.requests.map((body) => body.nonce)), new Set([kept.nonce]));
    assert.equal(told.length, 1);
    assert.ok(states.some((state) => state.trouble === "offline"));
    assert.equal(queue.state().trouble, null);
  },

  async "a batch answered with other nonces, too few or out of order is asked again"() {
    const spoil = [
      (results) => results.slice(1), (results) => [...results].reverse(), (results) => results.map((one) => ({ ...one, nonce: "x" })),
      (results) => [...results, results[0]],
    ];
    let turn = 0, blocked = true;
    const world = site({
      whole: (body) => {
        if (blocked) throw new Error("away");
        if (body.scans && spoil[turn]) return { status: 200, body: { results: spoil[turn++](body.scans.map(yes)) } };
      },
    });
    const { queue, told } = device(world);
    const added = [];
    for (let n = 0; n < 64; n++) added.push(await queue.add(scan(`T${n}`)));
    blocked = false;
    queue.wake();
    await empty(queue);
    assert.equal(turn, spoil.length);
    assert.deepEqual(told.map(({ scan: one }) => one.nonce), added.map((one) => one.nonce));
  },

  async "signed out: nothing goes, nothing is lost, and it goes on"() {
    let out = true;
    const world = site({ whole: () => (out ? { status: 401, body: { code: "not_signed_in" } } : undefined) });
    const { queue, told } = device(world);
    await queue.add(scan("A"));
    await until(() => queue.state().stop);
    await queue.add(scan("B"));
    assert.equal(queue.state().stop.code, "not_signed_in");
    assert.equal(queue.state().waiting, 2);
    assert.deepEqual(told, []);
    out = false;
    await queue.drain();
    await empty(queue);
    assert.equal(queue.state().stop, null);
    assert.equal(told.length, 2);
  },

  async "no right to scan stops with its words"() {
    const { queue } = device(site({ whole: () => ({ status: 403, body: { code: "read_only", detail: "You may only read." } }) }));
    await queue.add(scan("A"));
    await until(() => queue.state().stop);
    assert.deepEqual({ code: queue.state().stop.code, message: queue.state().stop.message }, { code: "read_only", message: "You may only read." });
    assert.equal(queue.state().waiting, 1);
  },

  async "five poisoned items are parked and the rest pass"() {
    const poisoned = new Set(["T3", "T4", "T50", "T98", "T99"]);
    let blocked = true;
    const answer = (one) => (poisoned.has(one.text) ? bad(one, 422, [{ field: "text", code: "unprintable", message: "Can't be read." }]) : yes(one));
    const world = site({ answer, whole: () => { if (blocked) throw new Error("away"); } });
    const { queue, told } = device(world);
    for (let n = 0; n < 100; n++) await queue.add(scan(`T${n}`));
    blocked = false;
    queue.wake();
    await empty(queue);
    assert.equal(queue.state().parked, 5);
    const parked = await queue.parked();
    assert.deepEqual(new Set(parked.map((one) => one.scan.text)), poisoned);
    assert.ok(parked.every((one) => one.answer.reason === "bad"));
    assert.equal(told.length, 100);
    await queue.putAway(parked[0].nonce);
    assert.equal(queue.state().parked, 4);
  },

  async "a batch that is refused as a whole is split until the bad one stands alone"() {
    let blocked = true;
    const world = site({
      whole: (body) => {
        if (blocked) throw new Error("away");
        if (scansOf(body).some((one) => one.text === "T37")) return { status: body.scans ? 413 : 400, body: { code: "malformed", detail: "No." } };
      },
    });
    const { queue } = device(world);
    for (let n = 0; n < 90; n++) await queue.add(scan(`T${n}`));
    blocked = false;
    queue.wake();
    await empty(queue);
    const parked = await queue.parked();
    assert.deepEqual(parked.map((one) => [one.scan.text, one.answer.reason]), [["T37", "malformed"]]);
  },

  async "an item that the site fails over never blocks the others, and is parked in the end"() {
    const world = site({ answer: (one) => (one.text === "T0" ? bad(one, 500) : yes(one)) });
    const { queue, told } = device(world);
    await queue.add(scan("T0"));
    for (let n = 1; n <= 40; n++) {
      await queue.add(scan(`T${n}`));
      await new Promise((done) => setTimeout(done, 10));
    }
    await empty(queue);
    assert.equal(told.filter(({ scan: one }) => one.text !== "T0").length, 40);
    assert.deepEqual((await queue.parked()).map((one) => one.scan.text), ["T0"]);
  },

  async "the site's trouble with an item that passes later is no verdict"() {
    let turns = 0;
    const world = site({ answer: (one) => (one.text === "T0" && ++turns < 4 ? bad(one, 503) : yes(one)) });
    const { queue, told } = device(world);
    await queue.add(scan("T0"));
    await queue.add(scan("T1"));
    await empty(queue);
    assert.deepEqual(told.map(({ answer }) => answer.verdict), ["accepted", "accepted"]);
    assert.equal(queue.state().parked, 0);
  },

  async "refused although the device had said yes is parked; flagged too; what it had refused itself is not"() {
    let blocked = true;
    const answers = { no: (one) => no(one, "wrong_depot"), flag: (one) => ({ ...yes(one), flag: { code: "bay_full", message: "" } }), here: (one) => no(one, "already_here") };
    const world = site({ answer: (one) => (answers[one.text] ?? yes)(one), whole: () => { if (blocked) throw new Error("away"); } });
    const { queue } = device(world);
    for (const [text, said] of [["no", "accepted"], ["no", "refused"], ["flag", "accepted"], ["here", "kept"], ["here", "accepted"], ["no", "kept"], ["yes", "accepted"], ["no", null], ["yes", "refused"]]) {
      const kept = await queue.add(scan(text));
      if (queue.state().trouble === null) await until(() => queue.state().trouble);
      if (said) assert.equal(await queue.say(kept.nonce, said, said === "refused" ? "bay_full" : null), true);
    }
    blocked = false;
    queue.wake();
    await empty(queue);
    assert.deepEqual((await queue.parked()).map(({ scan: one }) => `${one.text} ${one.said}`),
      ["no accepted", "flag accepted", "here accepted", "no kept", "yes refused"]);
    const sent = world.requests.flatMap(scansOf);
    assert.ok(sent.every((one) => one.said !== "kept" && (one.said === "refused") === (one.reason !== undefined)));
    // What the device stopped goes on record with its reason, as the question that it was.
    const { intent, bay, said, reason } = sent.findLast((one) => one.seq === 9);
    assert.deepEqual({ intent, bay, said, reason }, { intent: "put_away", bay: "A1", said: "refused", reason: "bay_full" });
  },

  async "stopped on the device after the site had acted: the site's answer stands, and somebody must see it"() {
    let turn = 0;
    const world = site({ answer: (one) => ({ ...yes(one), verdict: "repeated" }), whole: () => { if (++turn === 1) throw new Error("lost"); } });
    const store = memoryStore("1.1"), other = device(world, { store, waits: { first: 5000, longest: 5000 } });
    const kept = await other.queue.add(scan("A"));
    await until(() => other.queue.state().trouble);
    other.queue.close();
    // Another page of the same device knows nothing of the first try.
    const { queue } = device(world, { store });
    await queue.say(kept.nonce, "refused", "bay_full");
    await queue.drain();
    await empty(queue);
    const question = ({ nonce, text, intent, depot, bay }) => ({ nonce, text, intent, depot, bay });
    assert.deepEqual(world.requests.map((one) => one.said), [undefined, "refused"]);
    assert.deepEqual(question(world.requests[1]), question(world.requests[0]));
    assert.equal(queue.state().parked, 1);
  },

  async "what the device said while the answer was on its way counts"() {
    let answered;
    const world = site({ whole: async (body) => { await new Promise((done) => { answered = done; }); return { status: 200, body: no(body, "bay_full") }; } });
    const { queue } = device(world);
    const kept = await queue.add(scan("A"));
    await until(() => answered);
    await queue.say(kept.nonce, "accepted");
    answered();
    await empty(queue);
    assert.equal(queue.state().parked, 1);
    assert.equal(await queue.say(kept.nonce, "accepted"), false);
  },

  async "a clock in another century: the scan counts, its time does not"() {
    const world = site({ answer: (one) => (one.scanned_at ? bad(one, 422, [{ field: "scanned_at", code: "time_too_old", message: "" }]) : yes(one)) });
    const { queue, told } = device(world, { clock: () => 0 });
    await queue.add(scan("A"));
    await empty(queue);
    assert.equal(world.requests[0].scanned_at, "1970-01-01T00:00:00.000Z");
    assert.deepEqual([told[0].answer.verdict, queue.state().parked], ["accepted", 0]);
  },

  async "both clocks go along, raw"() {
    let time = Date.parse("2031-01-01T00:00:00Z"), blocked = true;
    const world = site({ whole: () => { if (blocked) throw new Error("away"); } });
    const { queue } = device(world, { clock: () => time });
    await queue.add(scan("A"));
    time += 60_000;
    blocked = false;
    queue.wake();
    await empty(queue);
    const sent = world.requests.at(-1);
    assert.deepEqual([sent.scanned_at, sent.sent_at], ["2031-01-01T00:00:00.000Z", "2031-01-01T00:01:00.000Z"]);
    assert.deepEqual([sent.seq, sent.device], [1, "memory"]);
  },

  async "killed and resumed: what waits goes, in its order, with its nonces"() {
    const store = memoryStore("1.1");
    const gone = device(site({ whole: () => { throw new Error("away"); } }), { store });
    const added = [];
    for (let n = 0; n < 7; n++) added.push((await gone.queue.add(scan(`T${n}`))).nonce);
    gone.queue.close();
    await new Promise((done) => setTimeout(done, 50));
    const world = site(), { queue, told } = device(world, { store });
    await queue.drain();
    await empty(queue);
    assert.deepEqual(told.map(({ scan: one }) => one.nonce), added);
    assert.ok(told.every((event) => !event.own));
  },

  async "two tabs: one sends"() {
    const store = memoryStore("1.1");
    let busy = 0, most = 0;
    const world = site({ whole: async () => { most = Math.max(most, ++busy); await new Promise((done) => setTimeout(done, 5)); busy--; } });
    const one = device(world, { store }), two = device(world, { store });
    for (let n = 0; n < 20; n++) await (n % 2 ? one : two).queue.add(scan(`T${n}`));
    await until(async () => (one.queue.drain(), two.queue.drain(), (await store.counts()).waiting === 0));
    assert.equal(most, 1);
    assert.equal(new Set(world.requests.flatMap(scansOf).map((body) => body.nonce)).size, 20);
    assert.equal(world.requests.flatMap(scansOf).length, 20);
    one.queue.close();
    two.queue.close();
  },

  async "sent again after a person mended it"() {
    const world = site({ answer: (one, turn) => (turn === 1 ? no(one, "no_manifest") : yes(one)) });
    const store = memoryStore("1.1"), { queue } = device(world, { store });
    const first = await queue.add(scan("A", { said: "accepted" }));
    await until(() => queue.state().parked === 1);
    const again = await queue.sendAgain(first.nonce);
    assert.notEqual(again.nonce, first.nonce);
    await empty(queue);
    assert.equal(queue.state().parked, 0);
    assert.equal(world.requests[1].said, undefined);
  },

  async "no knocking twenty times on a shut door"() {
    const world = site({ whole: () => { throw new Error("away"); } });
    const { queue } = device(world, { waits: { first: 200, longest: 400 } });
    for (let n = 0; n < 100; n++) await queue.add(scan(`T${n}`));
    await new Promise((done) => setTimeout(done, 20));
    assert.equal(world.requests.length, 1);
    assert.equal(queue.state().waiting, 100);
    queue.close();
  },

  async "a stale token is fetched anew, as long as the same person is signed in"() {
    const asked = [];
    let session = { owner: "1.1", token: "new" };
    const fetch = async (address, options = {}) => {
      asked.push([address, options.headers?.["X-CSRFToken"], options.headers?.["X-Owner"]]);
      if (address === "/scan/session") return Response.json(session);
      return options.headers["X-CSRFToken"] === "new" ? Response.json({ fine: true }) : Response.json({ code: "forged" }, { status: 403 });
    };
    const send = sender({ owner: "1.1", token: "old", fetch });
    assert.deepEqual(await send("/api/v1/scans", {}), { status: 200, body: { fine: true } });
    assert.deepEqual(asked, [["/api/v1/scans", "old", "1.1"], ["/scan/session", undefined, undefined], ["/api/v1/scans", "new", "1.1"]]);
    session = { owner: "2.1", token: "new" };
    const other = await sender({ owner: "1.1", token: "old", fetch })("/api/v1/scans", {});
    assert.deepEqual([other.status, other.body.code], [409, "other_person"]);
  },

  async "another person's session stops the queue"() {
    const { queue } = device(site({ whole: () => ({ status: 409, body: { code: "other_person", name: "B" } }) }));
    await queue.add(scan("A"));
    await until(() => queue.state().stop);
    assert.deepEqual([queue.state().stop.code, queue.state().stop.name, queue.state().waiting], ["other_person", "B", 1]);
  },
};

const found = {};
await Promise.all(Object.entries(cases).map(async ([name, run]) => {
  found[name] = await run().then(() => null, (error) => String(error.stack ?? error));
}));
process.stdout.write(JSON.stringify(found), () => process.exit(0));
