// The scan page: what is scanned goes to the queue, is committed on the device, and gets one verdict: the site's, or the
// device's own when the site can't be asked. Works on top of a plain form.

import { Camera } from "./camera.js";
import { read } from "./codes.js";
import { Aside } from "./aside.js";
import { Hand, fitting } from "./hand.js";
import { Kept, span } from "./kept.js";
import { memoryStore } from "./memory.js";
import { Queue, newNonce } from "./queue.js";
import { judge } from "./rules.js";
import { sender } from "./sending.js";
import { learnedEnd, setUp } from "./setup.js";
import { current, follow } from "./snapshot.js";
import { open } from "./store.js";
import { sound } from "./tones.js";
import { Verdict, button, fill, grouped, reading, sentence } from "./verdict.js";
import { partedMass, typedKg } from "./weights.js";
import { Wedge, keepingLines } from "./wedge.js";

const SLOW_MS = 300;                            // a wait shorter than this is not worth a word
const PATIENCE_MS = 1_500;                      // no answer by then: the device says what it knows
const WITH_BAY = new Set(["check_in", "put_away", "count"]);

const page = document.getElementById("scan"), byId = (name) => document.getElementById(`scan-${name}`);
const form = page.querySelector("form"), data = page.dataset;
const words = { ...JSON.parse(byId("words").textContent), language: data.language };
const field = keepingLines(byId("text"));
const { mass_kg: mass, bay, depot } = form.elements;
const manifest = byId("manifest"), status = byId("status");

const chosen = (name) => form.elements[name]?.value ?? "";
const token = () => form.elements.csrfmiddlewaretoken.value;
const focus = () => field.focus({ preventScroll: true });

// --- the queue: opened once; scans made before that wait for it ---

let queue = null, store = null;
const opened = openQueue();

async function openQueue() {
  store = await open(data.owner).catch(() => {
    status.textContent = words.noStore;
    status.hidden = false;
    return memoryStore(data.owner);
  });
  const send = sender({ owner: data.owner, language: data.language, token: token() });
  queue = new Queue({ store, send, listen: (told) => (told.kind === "answer" ? answered(told) : stateTold(told)) });
  queue.drain();
  return queue;
}

// --- one scan, one verdict ---

const asked = new Map();                        // nonce → { scan, local }: no answer of the site yet
let shown = null;                               // the scan whose verdict is on the screen
let weighing = null;                            // { text, code }: a drum that is to be weighed again
const held = [];                                // scans that wait for their weight to be mended

function scanned(text) {
  const found = read(text, data.publicUrl), intent = chosen("intent");
  if (found.kind === "bay" && WITH_BAY.has(intent)) return bayScanned(found, text);
  const kilograms = intent === "check_in" ? typedKg(chosen("mass_kg")) : "";
  if (kilograms === null) {
    // The drum is not at fault: it goes on by Enter, once the weight is mended.
    held.push(text);
    return markMass(true);
  }
  if (weighing && intent === "check_in" && !weighed(found, text, kilograms)) return;
  if (intent === "put_away" && !chosen("bay") && isDrum(found)) return takeInHand(found, text);
  const onto = intent === "check_out" ? manifest?.value : "";
  // A second weighing is stated, not undone.
  const again = Boolean(weighing && kilograms);
  submit({ text, intent, bay: WITH_BAY.has(intent) ? chosen("bay") : "", mass_kg: kilograms, manifest: onto, again });
  clearMass();
}

const isDrum = (found) => found.kind === "container" || found.kind === "short";

async function submit(wanted) {
  const scan = { nonce: newNonce(), scanned_at: new Date().toISOString(), depot: chosen("depot"), ...wanted };
  const { hint, again } = wanted, one = { scan, local: null, hint, again };
  delete scan.hint;
  delete scan.again;
  asked.set(scan.nonce, one);
  shown = scan;
  const slow = setTimeout(() => { if (shown === scan && asked.has(scan.nonce) && !one.local) verdict.waitingFor(scan.text); }, SLOW_MS);
  try {
    await (await opened).add(scan);
  } catch {
    clearTimeout(slow);
    asked.delete(scan.nonce);
    return refuse(words.notKept, scan.text);
  }
  const { trouble, stop } = queue.state();
  setTimeout(() => judgeHere(one), trouble || stop || !navigator.onLine ? 0 : PATIENCE_MS);
}

// No answer of the site: the device says what it knows, and remembers that it said so.
async function judgeHere(one) {
  const { scan } = one;
  if (!asked.has(scan.nonce)) return;
  const waiting = await queue.waiting(Infinity), stock = await current(store, scan.depot);
  const before = waiting.slice(0, Math.max(0, waiting.findIndex(({ nonce }) => nonce === scan.nonce)));
  const found = judge(stock, before, scan);
  if (!asked.has(scan.nonce) || !(await queue.say(scan.nonce, found.verdict))) return;
  one.local = found;
  if (shown === scan) show(localReading(found, scan), scan, { local: words.localOnly });
  else sound(found.verdict === "refused" ? "refused" : "kept");
  aside.later();
}

function localReading(found, scan) {
  if (found.verdict === "kept") return { kind: "kept", intent: scan.intent, word: words.kept, message: "" };
  const message = found.message ?? (found.reason ? sentence(words, found.reason, found.params) : "");
  return reading({ ...found, message }, scan.intent, words);
}

function answered({ scan, answer, own }) {
  aside.later();
  const one = asked.get(scan.nonce);
  asked.delete(scan.nonce);
  if (!own || !one) return;                     // of an earlier page: what matters of it is in the list
  if (one.hint && answer.reason === "bay_missing") Object.assign(answer, one.hint);
  const told = reading(answer, scan.intent, words);
  if (scan.intent === "count" && told.kind === "accepted") told.progress = tally(scan);
  if (scan.intent === "check_out" && answer.load) manifest.value = answer.load.manifest;
  if (!one.local) return show(told, scan, { again: one.again });
  // The operator has heard the device's verdict: a later scan keeps the screen, and a contradiction is in the list.
  if (shown?.nonce === scan.nonce) show(told, scan, { quiet: told.kind === localReading(one.local, scan).kind });
}

let undoable = null;                            // the last own scan, while its verdict is on the screen

function show(told, scan, how = {}) {
  shown = scan;
  const soft = ["accepted", "flagged", "weigh"].includes(told.kind);
  undoable = soft && scan.intent !== "undo" && !how.again ? scan : null;
  verdict.show(told, { scanned: scan.intent === "undo" ? "" : scan.text, undo: Boolean(undoable), ...how });
  if (weighing && document.activeElement === mass) focus();
  weighing = null;
  if (told.kind === "weigh" && told.drum) {
    weighing = { text: scan.text, code: told.drum.code, short: told.drum.short_code };
    mass.focus();
  }
}

function refuse(message, text = "") {
  shown = null;
  undoable = null;
  verdict.show({ kind: "refused", intent: chosen("intent"), word: words.refused, message }, { scanned: text });
}

const verdict = new Verdict(document.getElementById("verdict"), words, () => {
  if (undoable) submit({ text: undoable.nonce, intent: "undo" });
  undoable = null;
  focus();
});

// --- the second weighing ---

// Whether this scan goes on as usual. The mass typed after "weigh again" belongs to that drum and to no other.
function weighed(found, text, kilograms) {
  const same = found.code === weighing.code || found.code === weighing.short;
  if (same && !kilograms) {
    mass.focus();
    sound("weigh");
    return false;
  }
  if (!same && kilograms) {
    const kept = weighing;
    refuse(fill(words.weighOther, { c: grouped(weighing.short) }), text);
    weighing = kept;
    return false;
  }
  return true;
}

function markMass(wrong) {
  if (wrong) mass.setAttribute("aria-invalid", "true");
  else mass.removeAttribute("aria-invalid");
  tell(wrong ? `${words.sentences.mass_not_a_number} ${held.join(" ")}` : "");
}

function clearMass() {
  if (!mass) return;
  if (mass.hasAttribute("aria-invalid")) markMass(false);
  mass.value = "";
}

// A scanner does not know where the focus is: a code that lands in the mass field is a scan all the same.
function massDone() {
  const { kilograms, code } = partedMass(mass.value, (text) => read(text, data.publicUrl).kind);
  if (kilograms === null) return markMass(true);
  mass.value = kilograms;
  if (mass.hasAttribute("aria-invalid")) markMass(false);
  const again = held.splice(0);
  for (const one of again) scanned(one);
  if (code) scanned(code);
  else if (weighing && kilograms) scanned(weighing.text);
  else if (!again.length && field.value.trim()) wedge.take();
  if (!weighing) focus();
}

mass?.addEventListener("keydown", (event) => {
  const ends = event.key === "Enter" || (event.key === "Tab" && !event.shiftKey && wedge.tabEnds && /\d{4}|\p{L}{3}/u.test(mass.value));
  if (!ends || event.isComposing) return;
  event.preventDefault();
  massDone();
});

// --- bays ---

function bayScanned(found, text) {
  const option = [...(bay?.options ?? [])].find((one) => one.dataset.id === found.code || one.value === found.code);
  // A drum in hand goes to the site with the sign as it is: the site knows whose bay that is, and keeps the scan.
  if (!hand.empty && chosen("intent") === "put_away") return hand.give(option ? option.value : text);
  if (!option) return refuse(words.sentences.wrong_bay.replace("%(bay)s", found.code), text);
  bay.value = option.value;
  bayChosen();
}

function bayChosen() {
  remember();
  if (!hand.empty && chosen("intent") === "put_away" && bay.value) return hand.give(bay.value);
  if (!bay.value) return;
  shown = undoable = null;
  const message = chosen("intent") === "count" ? words.countFollows : words.bayFollows;
  verdict.show({ kind: "bay", word: words.bay, message, bay: bay.value, bayOnly: true, intent: chosen("intent") });
}

const hand = new Hand(byId("hand"), {
  owner: data.owner,
  words,
  place(drums, code) {
    for (const drum of drums) submit({ text: drum.text, intent: "put_away", bay: code });
    bay.value = "";
    remember();
    focus();
  },
  judge: (drum) => fitting(judge, stockNow, waitingNow, drum),
});
let stockNow = null, waitingNow = [];           // for proposals without the site

async function takeInHand(found, text) {
  const drum = { code: found.code, text, shown: nameOf(text) };
  hand.add(drum);
  shown = undoable = null;
  const base = { kind: "hand", intent: "put_away", word: words.hand, message: words.scanBay };
  verdict.show(base, { scanned: drum.shown });
  await opened;
  stockNow = await current(store, chosen("depot"));
  waitingNow = await queue.waiting(Infinity);
  const told = await hand.propose(drum, chosen("depot"), navigator.onLine && !queue.state().trouble);
  if (!told || !hand.drums.some((one) => one.code === drum.code)) return;
  if (told.refusal) {
    // It does not stand here: nothing to put away. The scan is kept all the same, and says why.
    hand.drop(drum.code);
    return submit({ text, intent: "put_away", bay: "", hint: { reason: told.refusal.code, message: told.refusal.message } });
  }
  if (shown || document.body.dataset.verdict !== "hand") return;
  const able = told.bays?.some((one) => !one.problem);
  const where = told.stands_in ? fill(words.standsIn, { b: told.stands_in }) : "";
  const message = `${where} ${told.bays && !able ? words.noBay : words.scanBay}`.trim();
  verdict.show({ ...base, drum: told.container ?? null, message }, { scanned: drum.shown, quiet: true, choices: hand.choices(told.bays) });
}

const counts = new Map();                       // bay → codes counted by this page: what was scanned, not what should be there

function tally(scan) {
  const seen = counts.get(scan.bay) ?? new Set();
  counts.set(scan.bay, seen.add(read(scan.text, data.publicUrl).code ?? scan.text));
  return fill(words.counted, { n: seen.size, b: scan.bay });
}

// --- what stands around the verdict ---

const kept = new Kept({ line: byId("kept"), list: byId("parked"), words, queue: () => queue });
const aside = new Aside({
  box: byId("aside"), words,
  asked: () => ({ depot: chosen("depot"), container: verdict.code, manifest: manifest?.value ?? "" }),
  local: async () => (store && queue?.state().trouble ? { stock: await current(store, chosen("depot")), waiting: await queue.waiting(Infinity) } : null),
  place: (nodes, code) => { if (code === verdict.code && ["accepted", "repeated-accepted"].includes(document.body.dataset.verdict)) verdict.part("place").replaceChildren(...nodes); },
  busy: () => asked.size > 0,
});

function stateTold(state) {
  kept.told(state);
  const stop = state.stop?.code;
  const doors = { not_signed_in: [words.signedOut, words.signIn, signIn()], other_person: [words.otherPerson, words.signIn, signIn()] };
  if (stop) {
    const [text, label, href] = doors[stop] ?? [state.stop.message ?? words.reload, words.load, location.href];
    return tell(text, [label, href]);
  }
  tell(state.trouble ? words[state.trouble] ?? words.offline : "");
}

const signIn = () => `/sign-in?${new URLSearchParams({ next: location.pathname + location.search })}`;

// `way` is a button beside the words: [label, address].
function tell(text, way = null) {
  if (status.dataset.said === text + (way?.[1] ?? "")) return;
  status.dataset.said = text + (way?.[1] ?? "");
  status.textContent = text;
  status.hidden = !text;
  if (!way) return;
  const link = document.createElement("a");
  [link.textContent, link.href] = way;
  link.className = "btn btn-primary";
  status.append(" ", link);
}

// --- the field ---

const wedge = new Wedge(field, (text) => scanned(text), { tabEnds: learnedEnd() === null || learnedEnd() === "tab" });

form.addEventListener("submit", (event) => {
  event.preventDefault();
  wedge.take();
  focus();
});

// Keys that land elsewhere go to the field: a scanner types wherever the focus is, and its Enter must press no button.
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input:not([type=radio]), textarea, dialog");
  if (!typing && event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey && !event.altKey) focus();
}, true);
addEventListener("focus", focus);
page.addEventListener("click", (event) => {
  if (!event.target.closest("input, select, textarea, a, summary, label, dialog")) focus();
});

// --- modes, depot, bay: they stand in the address, so that a reload goes on where it was ---

const bayNone = bay?.options[0];

function modeChosen() {
  const intent = chosen("intent");
  data.intent = intent;
  byId("manifest")?.closest(".scan-manifest").toggleAttribute("hidden", intent !== "check_out");
  if (bayNone) bayNone.textContent = { count: words.bayCount, put_away: words.bayScan }[intent] ?? words.bayAuto;
  for (const card of page.querySelectorAll("#scan-aside [data-modes]")) card.hidden = !card.dataset.modes.split(" ").includes(intent);
  if (intent === "check_out" && manifest && manifest.options.length === 2) manifest.selectedIndex = 1;
}

function remember() {
  modeChosen();
  const query = new URLSearchParams({ depot: chosen("depot"), intent: chosen("intent") });
  if (chosen("bay")) query.set("bay", chosen("bay"));
  history.replaceState(null, "", `/scan?${query}`);
}

function ready() {
  shown = undoable = weighing = null;
  const message = { count: bay?.value ? "" : words.countBay, check_out: manifest?.value ? "" : words.chooseManifest }[chosen("intent")] ?? "";
  verdict.show({ kind: "ready", intent: chosen("intent"), message }, { quiet: true });
}

for (const radio of form.querySelectorAll("[name=intent]")) {
  radio.closest("label").hidden = false;
  radio.addEventListener("change", () => {
    // The bay that was counted is not the one to put drums into.
    if (bay) bay.value = "";
    remember();
    ready();
    focus();
  });
}
bay?.addEventListener("change", () => {
  bayChosen();
  focus();
});
manifest?.addEventListener("change", () => {
  ready();
  aside.later();
  focus();
});
if (depot?.tagName === "SELECT") {
  depot.addEventListener("change", () => location.assign(`/scan?${new URLSearchParams({ depot: depot.value, intent: chosen("intent") })}`));
}

// --- the on-screen keyboard stays away from scanners, and comes when a code is typed by hand ---

const keyboard = document.getElementById("keyboard");

function useKeyboard(on) {
  field.inputMode = on ? "text" : "none";
  keyboard.setAttribute("aria-pressed", String(on));
  try {
    localStorage.setItem("scan-keyboard", on ? "on" : "off");
  } catch {
    // Not remembered, then.
  }
}

keyboard.hidden = !matchMedia("(pointer: coarse)").matches;
keyboard.addEventListener("click", () => {
  useKeyboard(field.inputMode === "none");
  field.blur();
  focus();
});
if (!keyboard.hidden) useKeyboard(localStorage.getItem("scan-keyboard") === "on");

// --- the camera, a photo ---

const view = byId("view"), lens = byId("camera"), torch = byId("torch");
const camera = new Camera(byId("video"), { detector: data.detector, wasm: data.wasm }, {
  take(text) {
    asking = "";
    scanned(text);
  },
  which: (texts) => ask(texts, true),
  failed(code) {
    lensOn(false);
    refuse(words[code]);
  },
});
let asking = "";                                // the codes that a person is choosing from

function lensOn(on) {
  view.hidden = !on;
  lens.setAttribute("aria-pressed", String(on));
  data.camera = on ? "on" : "off";
}

// Two codes in one picture: a person says which is meant.
function ask(texts, live = false) {
  const key = [...texts].sort().join("\n");
  if (asking === key) return;
  asking = key;
  shown = undoable = null;
  const choices = texts.map((text) => button("btn btn-lg scan-choice code", nameOf(text), () => {
    asking = "";
    if (live) camera.chosen(texts);
    scanned(text);
    focus();
  }));
  verdict.show({ kind: "which", intent: chosen("intent"), word: words.which, message: live ? words.twoCodes : words.twoInPhoto }, { choices });
}

const names = new Map();                        // long code → short code, of the drums that this device knows

// As the label shows it big; a drum that is not known here by its whole long code: two may end alike.
function nameOf(text) {
  const found = read(text, data.publicUrl);
  if (found.kind === "short") return grouped(found.code);
  return grouped(names.get(found.code)) || found.code || found.text.slice(0, 60);
}

lens.hidden = false;
lens.addEventListener("click", async () => {
  if (camera.wanted) {
    camera.stop();
    return lensOn(false);
  }
  lensOn(true);
  await camera.start();
  torch.hidden = !camera.hasTorch;
});
torch.addEventListener("click", () => {
  const on = torch.getAttribute("aria-pressed") !== "true";
  torch.setAttribute("aria-pressed", String(on));
  torch.lastElementChild.textContent = on ? words.torchOff : words.torchOn;
  camera.torch(on);
});

const photo = form.elements.image;
view.querySelector(".scan-view-tools").append(byId("photo"));

photo.addEventListener("change", async () => {
  const image = photo.files[0];
  if (!image) return;
  tell(words.reading);
  const body = new FormData();
  body.append("image", image);
  photo.value = "";
  const response = await fetch("/api/v1/scans/decode", {
    method: "POST",
    headers: { "X-CSRFToken": token(), "Accept-Language": data.language },
    body,
  }).catch(() => null);
  const answer = await response?.json().catch(() => null);
  tell("");
  if (!answer) return refuse(words.unread);
  if (!response.ok) return refuse((answer.errors ?? []).map((error) => error.message).join(" ") || answer.detail);
  const texts = [...new Set(answer.barcodes.map((code) => code.text))];
  if (!texts.length) return refuse(words.sentences.no_barcode);
  if (texts.length === 1) return scanned(texts[0]);
  ask(texts);
});

// --- set-up, and the stock that the device knows ---

const openSetup = setUp(byId("setup"), words, (end) => { wedge.tabEnds = end === "tab"; }, focus);
byId("setup-open").hidden = false;
byId("setup-open").addEventListener("click", openSetup);

let stockAt = null;                             // when this device last heard of the stock

function sayStock() {
  byId("stock-age").textContent = stockAt === null ? words.snapshotNone : fill(words.snapshotAge, { t: span(Date.now() - stockAt, words) });
}

async function followStock() {
  await opened;
  if (!chosen("depot")) return;
  follow(store, chosen("depot"), (stock) => {
    stockAt = stock?.takenAt ?? null;
    for (const part of ["stock", "expected", "own"]) for (const drum of stock?.[part] ?? []) names.set(drum.code, drum.short_code);
    sayStock();
    aside.later();
  });
  setInterval(sayStock, 15_000);
}

modeChosen();
hand.draw();
focus();
opened.then(async () => {
  const others = await queue.others();
  if (others.length) tell(words.others);
});
followStock();
