// Scanners on a bad line: the page's own queue, one for each device, each with drums of its own. Given {url, token, owner, depot,
// bays, stored, coming, scans, devices, seed, fresh}; prints {devices: [{scans: [...]}]}: every scan in its order with all
// answers that its operator was given. `fresh` takes the nonces away: a new one for every try.
import { readFileSync } from "node:fs";
import { memoryStore } from "../../wastetrack/static/wastetrack/scan/memory.js";
import { newNonce, Queue } from "../../wastetrack/static/wastetrack/scan/queue.js";
import { sender } from "../../wastetrack/static/wastetrack/scan/sending.js";

const world = JSON.parse(readFileSync(0, "utf8"));
const WAITS = { first: 10, longest: 80 };
const MOST_WAITING = world.waiting ?? 300;
process.on("unhandledRejection", (error) => { throw error; });
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// Mulberry32: the same scans for the same seed.
function randomFrom(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

function fetchAs(token) {
  return (address, options) => fetch(address, { ...options, headers: { ...options.headers, Authorization: `Bearer ${token}` } });
}

// A line without nonces: every try asks a new question.
function forgetful(send) {
  return async (path, body) => {
    const names = new Map();
    const asked = (body.scans ?? [body]).map((scan) => {
      const nonce = newNonce();
      names.set(nonce, scan.nonce);
      return { ...scan, nonce };
    });
    const answer = await send(path, body.scans ? { scans: asked } : asked[0]);
    for (const one of answer.body?.results ?? [answer.body]) if (one) one.nonce = names.get(one.nonce);
    return answer;
  };
}

function* work(device, random) {
  const mine = (list) => list.filter((_, place) => place % world.devices === device);
  const here = mine(world.stored), coming = mine(world.coming);
  const any = (list) => list[Math.floor(random() * list.length)];
  for (let n = 0; ; n++) {
    const dice = random();
    if (coming.length && (dice < 0.1 || !here.length)) {
      here.push(coming.pop());
      yield { text: here.at(-1), intent: "check_in", bay: any(world.bays) };
    } else if (dice < 0.4) yield { text: any(here), intent: "put_away", bay: any(world.bays) };
    else if (dice < 0.45) yield { text: any(here), intent: "check_in", bay: any(world.bays) };      // is here already
    else if (dice < 0.47) yield { text: `NOCODE${n}`, intent: "lookup" };
    else yield { text: any(here), intent: "lookup" };
  }
}

async function operate(device) {
  const random = randomFrom(world.seed * 1000 + device), store = memoryStore("1.1", { device: `device-${device}` });
  const scans = [], byNonce = new Map();
  const listen = (event) => {
    if (event.stop) throw new Error(`stopped: ${JSON.stringify(event.stop)}`);
    if (event.kind === "answer") byNonce.get(event.scan.nonce).answers.push({ verdict: event.answer.verdict, reason: event.answer.reason, problem: event.answer.problem });
  };
  let alive = { yes: true };
  const start = () => {
    const life = (alive = { yes: true });
    const plain = sender({ owner: world.owner, site: world.url, fetch: fetchAs(world.token) });
    const line = world.fresh ? forgetful(plain) : plain;
    const send = async (...asked) => {
      const answer = await line(...asked);
      if (!life.yes) await new Promise(() => {});    // this page is gone: nobody hears the answer
      return answer;
    };
    return new Queue({ store, send, listen, waits: WAITS });
  };
  let queue = start();
  const plan = work(device, random), share = Math.ceil(world.scans / world.devices);
  for (let n = 0; n < share; n++) {
    const scan = { depot: world.depot, nonce: newNonce(), ...plan.next().value };
    const kept = { ...scan, answers: [] };
    scans.push(kept);
    byNonce.set(scan.nonce, kept);
    await queue.add(scan);
    if (random() < 0.002) {
      // Killed, and opened again.
      alive.yes = false;
      queue.close();
      await store.lease("nobody", Infinity, 0);
      queue = start();
      // As a page that opens does: what it was killed over is not to wait for the next scan.
      queue.wake();
    }
    if (random() < 0.1) await pause(random() * 5);
    while ((await store.counts()).waiting > MOST_WAITING) await pause(5);
  }
  queue.wake();
  while ((await store.counts()).waiting) await pause(5);
  return { scans, parked: (await store.parked()).length };
}

const devices = await Promise.all(Array.from({ length: world.devices }, (_, device) => operate(device)));
process.stdout.write(JSON.stringify({ devices }), () => process.exit(0));
