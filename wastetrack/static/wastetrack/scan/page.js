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
const DONE = new Set(["accepted", "flagged", "weigh"]);
const CHANGES = new Set(["check_in", "put_away", "check_out", "count"]);
const OTHER_BAY = /^(bay_(?!missing)|no_(place|room|safe_bay)|bund_|unknown_bay|wrong_bay)/;

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
let lasting = "";                               // holds for as long as this page stands: said when nothing else is
const opened = openQueue();

async function openQueue() {
  store = await open(data.owner).catch(() => {
    lasting = words.noStore;
    tell("");
    return memoryStore(data.owner);
  });
  const send = sender({ owner: data.owner, language: data.language, token: token() });
  queue = new Queue({ store, send, listen: (told) => (told.kind === "answer" ? answered(told) : stateTold(told)) });
  queue.drain();
  return queue;
}

// --- one scan, one verdict ---

const asked = new Map();                        // nonce → { scan, local, turn, drum, was }: no answer of the site yet
const stands = new Map();                       // code → bay, as far as this page was told
const placing = new Set();                      // nonces of drums from the hand of which nothing is said yet
let turns = 0, undoneUpTo = 0;                  // scans are numbered by this page; up to here nothing is undone any more
let nextSign = null;                            // what a bay, chosen while drums are being placed, will do
let shown = null;                               // the scan whose verdict is on the screen
let weighing = null;                            // { text, code }: a drum that is to be weighed again
const held = [];                                // scans that wait for their weight to be mended

function scanned(text) {
  const found = read(text, data.publicUrl), intent = chosen("intent");
  if (found.kind === "bay" && WITH_BAY.has(intent)) return bayScanned(found, text);
  const kilograms = intent === "check_in" ? typedKg(chosen("mass_kg")) : "";
  if (kilograms === null) {
    // The drum is not at fault: it goes on by Enter, once the weight is mended.
    if (!held.includes(text)) held.push(text);
    markMass(true);
    return showHeld();
  }
  // The weight was mended and a drum scanned right away: it is the weight of the one that waits for it.
  if (held.length && intent === "check_in") {
    if (!held.includes(text)) held.push(text);
    return goOn();
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
  const { hint, again, inHand } = wanted, drum = drumOf(scan);
  const one = { scan, local: null, hint, again, turn: ++turns, drum, was: stands.get(drum?.code) ?? null };
  for (const own of ["hint", "again", "inHand"]) delete scan[own];
  if (inHand) placing.add(scan.nonce);
  else if (drum) hand.drop(drum.code);
  asked.set(scan.nonce, one);
  shown = scan;
  const slow = setTimeout(() => { if (shown === scan && asked.has(scan.nonce) && !one.local) verdict.waitingFor(scan.text); }, SLOW_MS);
  try {
    await (await opened).add(scan);
  } catch {
    clearTimeout(slow);
    asked.delete(scan.nonce);
    if (drum && inHand) hand.add(drum);
    placed(scan);
    return refuse(words.notKept, scan.text);
  }
  const { trouble, stop } = queue.state();
  setTimeout(() => judgeHere(one), trouble || stop || !navigator.onLine ? 0 : PATIENCE_MS);
}

// The drum of a scan into a bay, as the hand keeps it.
function drumOf({ text, intent }) {
  const found = read(text, data.publicUrl);
  return intent === "put_away" && isDrum(found) ? { code: found.code, text, shown: nameOf(text) } : null;
}

// A bay that may not take it: whoever was told to choose another still has the drum in hand.
function backInHand(one, reason) {
  if (!one.drum || !OTHER_BAY.test(reason ?? "")) return;
  one.back = true;
  hand.add(one.drum);
}

// It is known what came of a drum from the hand. A sign that was scanned meanwhile is for the one that came back.
function placed(scan) {
  if (!placing.delete(scan.nonce) || placing.size || !nextSign) return;
  const go = nextSign;
  nextSign = null;
  go();
}

function standsNow(intent, { drum, bay }) {
  if (!drum || intent === "lookup" || intent === "count") return;
  for (const code of [drum.code, drum.short_code]) {
    if (bay && ["check_in", "put_away"].includes(intent)) stands.set(code, bay);
    else stands.delete(code);
  }
}

// No answer of the site: the device says what it knows, and remembers that it said so.
async function judgeHere(one) {
  const { scan } = one;
  if (!asked.has(scan.nonce)) return;
  const waiting = await queue.waiting(Infinity), stock = await current(store, scan.depot);
  const before = waiting.slice(0, Math.max(0, waiting.findIndex(({ nonce }) => nonce === scan.nonce)));
  const found = judge(stock, before, scan);
  if (!asked.has(scan.nonce) || !(await queue.say(scan.nonce, found.verdict, found.reason))) return;
  one.local = found;
  const told = localReading(found, one);
  if (found.verdict === "refused") backInHand(one, found.reason);
  if (found.verdict === "accepted") standsNow(scan.intent, told);
  noteUndoable(told, one);
  if (shown === scan) show(told, scan, { local: words.localOnly });
  else sound(found.verdict === "refused" ? "refused" : "kept");
  aside.later();
  placed(scan);
}

function localReading(found, one) {
  const { scan } = one;
  if (found.verdict === "kept") return { kind: "kept", intent: scan.intent, word: words.kept, message: "" };
  const message = found.message ?? (found.reason ? sentence(words, found.reason, found.params) : "");
  return readingOf({ ...found, message }, one);
}

function readingOf(answer, { scan, was }) {
  const told = reading(answer, scan.intent, words);
  // A count is blind: what is shown is the bay that is counted, not where the books have the drum.
  if (scan.intent === "count") told.bay = scan.bay || null;
  if (told.kind === "accepted" && scan.intent === "put_away" && was && told.bay === was) {
    Object.assign(told, { kind: "repeated-accepted", word: fill(words.hereIn, { b: was }) });
  }
  return told;
}

function answered({ scan, answer, own }) {
  aside.later();
  const one = asked.get(scan.nonce);
  asked.delete(scan.nonce);
  if (!own || !one) return;                     // of an earlier page: what matters of it is in the list
  if (one.hint && answer.reason === "bay_missing") Object.assign(answer, one.hint);
  const told = readingOf(answer, one);
  signedOut = false;
  if (!one.local && !answer.reason) standsNow(scan.intent, told);
  if (!one.local) backInHand(one, answer.reason);
  else if (one.back && !answer.reason) hand.drop(one.drum.code);
  noteUndoable(told, one);
  if (scan.intent === "count" && told.kind === "accepted") told.progress = tally(scan);
  if (scan.intent === "check_out" && answer.load) manifest.value = answer.load.manifest;
  if (!one.local) {
    show(told, scan);
    return placed(scan);
  }
  // The operator has heard the device's verdict: a later scan keeps the screen, and a contradiction is in the list.
  if (shown?.nonce === scan.nonce) show(told, scan, { quiet: told.kind === localReading(one.local, one).kind });
  else verdict.offerUndo(undoOffer());
}

let undoable = null;                            // { nonce, turn, name }: the last own scan that changed something

// The site undoes the last scan that changed something: a stop, a repeat or a look in between leaves it undoable.
function noteUndoable({ kind, intent, drum }, { scan, turn, again }) {
  if (intent === "undo") return;
  if (undoable?.nonce === scan.nonce && !DONE.has(kind)) undoable = null;
  if (!CHANGES.has(intent) || turn <= undoneUpTo || undoable?.turn > turn) return;
  if (DONE.has(kind) && !again) undoable = { nonce: scan.nonce, turn, name: grouped(drum?.short_code) || nameOf(scan.text) };
  // Done, but not to be undone by itself; or nobody knows yet whether it is done.
  else if (DONE.has(kind) || kind === "kept" || (kind === "repeated-accepted" && intent === "put_away")) undoable = null;
}

// What the button says: the drum, where the screen speaks of something else.
function undoOffer() {
  if (!undoable) return null;
  return shown?.nonce === undoable.nonce ? "" : undoable.name;
}

function show(told, scan, how = {}) {
  if (held.length && shown === null) {
    // Whoever has to mend a weight still sees so; what came of an earlier drum is heard.
    sound(told.kind);
    return verdict.offerUndo(undoOffer());
  }
  shown = scan;
  verdict.show(told, { scanned: scan.intent === "undo" ? "" : scan.text, undo: undoOffer(), ...how });
  if (weighing && document.activeElement === mass) focus();
  weighing = null;
  if (told.kind === "weigh" && told.drum) {
    weighing = { text: scan.text, code: told.drum.code, short: told.drum.short_code };
    mass.focus();
  }
}

function refuse(message, text = "") {
  shown = null;
  verdict.show({ kind: "refused", intent: chosen("intent"), word: words.refused, message }, { scanned: text, undo: undoOffer() });
}

// The weight can't be read: the screen says so, and which drums wait for it.
function showHeld(quiet = false) {
  shown = null;
  const message = `${words.sentences.mass_not_a_number} ${fill(words.massHeld, { c: held.map(nameOf).join(", ") })}`;
  const drop = button("btn btn-lg", words.putDown, () => {
    held.length = 0;
    clearMass();
    ready();
    focus();
  });
  verdict.show({ kind: "refused", intent: "check_in", word: words.massWrong, message }, { quiet, choices: [drop], undo: undoOffer() });
}

const verdict = new Verdict(document.getElementById("verdict"), words, () => {
  if (undoable) {
    submit({ text: undoable.nonce, intent: "undo" });
    undoneUpTo = undoable.turn;
  }
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

// The weight is mended: the drums that waited for it go on, the first with the weight.
function goOn() {
  for (const one of held.splice(0)) scanned(one);
}

function clearMass() {
  if (!mass) return;
  if (mass.hasAttribute("aria-invalid")) markMass(false);
  mass.value = "";
}

// A scanner does not know where the focus is: a code that lands in the mass field is a scan all the same.
function massDone() {
  const { kilograms, code } = partedMass(mass.value, (text) => read(text, data.publicUrl).kind);
  if (kilograms === null) {
    markMass(true);
    if (held.length) showHeld();
    return;
  }
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

// Mended and tapped elsewhere: nobody need know of Enter.
mass?.addEventListener("change", () => {
  if (held.length && typedKg(mass.value)) massDone();
});

// --- bays ---

function bayScanned(found, text) {
  // Nothing is said yet of the drums just put away: one of them may come back, and this sign is for it.
  if (placing.size && hand.empty && chosen("intent") === "put_away") {
    nextSign = () => scanned(text);
    return;
  }
  const option = [...(bay?.options ?? [])].find((one) => one.dataset.id === found.code || one.value === found.code);
  // A drum in hand goes to the site with the sign as it is: the site knows whose bay that is, and keeps the scan.
  if (!hand.empty && chosen("intent") === "put_away") return hand.give(option ? option.value : text);
  if (!option) return refuse(words.sentences.wrong_bay.replace("%(bay)s", found.code), text);
  bay.value = option.value;
  bayChosen();
}

function bayChosen() {
  if (placing.size && hand.empty && bay.value && chosen("intent") === "put_away") {
    const { value } = bay;
    bay.value = "";
    nextSign = () => {
      bay.value = value;
      bayChosen();
    };
    return;
  }
  remember();
  if (!hand.empty && chosen("intent") === "put_away" && bay.value) return hand.give(bay.value);
  if (!bay.value) return;
  shown = null;
  if (held.length) return showHeld(true);
  const message = chosen("intent") === "count" ? words.countFollows : words.bayFollows;
  verdict.show({ kind: "bay", word: words.bay, message, bay: bay.value, bayOnly: true, intent: chosen("intent") }, { undo: undoOffer() });
}

const hand = new Hand(byId("hand"), {
  owner: data.owner,
  words,
  place(drums, code) {
    for (const drum of drums) submit({ text: drum.text, intent: "put_away", bay: code, inHand: true });
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
  shown = null;
  const base = { kind: "hand", intent: "put_away", word: words.hand, message: words.scanBay };
  verdict.show(base, { scanned: drum.shown, undo: undoOffer() });
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
  if (told.stands_in) stands.set(drum.code, told.stands_in);
  const able = told.bays?.some((one) => !one.problem);
  const right = told.bays && !able && told.stands_right;
  if (shown || document.body.dataset.verdict !== "hand") return;
  if (right) {
    // There is no better bay: nobody need carry it about.
    hand.drop(drum.code);
    const here = { b: told.stands_in }, word = fill(words.hereIn, here), message = fill(words.standsRight, here);
    const stay = { kind: "repeated-accepted", intent: "put_away", word, message, drum: told.container ?? null, bay: told.stands_in };
    return verdict.show(stay, { scanned: drum.shown, undo: undoOffer() });
  }
  const where = told.stands_in ? fill(words.standsIn, { b: told.stands_in }) : "";
  const message = `${where} ${told.bays && !able ? words.noBay : words.scanBay}`.trim();
  verdict.show({ ...base, drum: told.container ?? null, message }, { scanned: drum.shown, quiet: true, choices: hand.choices(told.bays), undo: undoOffer() });
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
  asked: () => ({ depot: chosen("depot"), container: verdict.code, manifest: manifest?.value ?? "", intent: shown?.intent ?? chosen("intent") }),
  local: async () => (store && queue?.state().trouble ? { stock: await current(store, chosen("depot")), waiting: await queue.waiting(Infinity) } : null),
  place: (nodes, code) => { if (code === verdict.code && !["count", "check_out"].includes(shown?.intent ?? chosen("intent")) && ["accepted", "repeated-accepted"].includes(document.body.dataset.verdict)) verdict.part("place").replaceChildren(...nodes); },
  busy: () => asked.size > 0,
});

let signedOut = false;                          // the feed was told that nobody is signed in any more

// Nothing may take the operator away from this page: scans go on, and the words above them say who has to sign in.
document.body.addEventListener("signed-out", () => {
  signedOut = true;
  tell(words.signedOut, [words.signIn, signIn()]);
});
document.body.addEventListener("htmx:beforeOnLoad", (event) => {
  if (!event.detail.xhr?.getResponseHeader("HX-Redirect")) return;
  event.preventDefault();
  document.body.dispatchEvent(new CustomEvent("signed-out"));
});

function stateTold(state) {
  kept.told(state);
  const stop = state.stop?.code;
  const doors = { not_signed_in: [words.signedOut, words.signIn, signIn()], other_person: [words.otherPerson, words.signIn, signIn()] };
  if (stop) {
    const [text, label, href] = doors[stop] ?? [state.stop.message ?? words.reload, words.load, location.href];
    return tell(text, [label, href]);
  }
  if (signedOut && !state.trouble) return tell(words.signedOut, [words.signIn, signIn()]);
  tell(state.trouble ? words[state.trouble] ?? words.offline : "");
}

const signIn = () => `/sign-in?${new URLSearchParams({ next: location.pathname + location.search })}`;

// `way` is a button beside the words: [label, address]. No words: what holds all the time, if anything.
function tell(text, way = null) {
  text ||= lasting;
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
  shown = weighing = null;
  if (held.length) return showHeld(true);
  const message = { count: bay?.value ? "" : words.countBay, check_out: manifest?.value ? "" : words.chooseManifest }[chosen("intent")] ?? "";
  verdict.show({ kind: "ready", intent: chosen("intent"), message }, { quiet: true, undo: undoOffer() });
}

for (const radio of form.querySelectorAll("[name=intent]")) {
  radio.closest("label").hidden = false;
  radio.addEventListener("change", () => {
    if (held.length) {
      // A drum that waits for its weight is checked in, or put down, before anything else.
      form.elements.intent.value = "check_in";
      showHeld();
      return focus();
    }
    nextSign = null;
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
  shown = null;
  const choices = texts.map((text) => button("btn btn-lg scan-choice code", nameOf(text), () => {
    asking = "";
    if (live) camera.chosen(texts);
    scanned(text);
    focus();
  }));
  verdict.show({ kind: "which", intent: chosen("intent"), word: words.which, message: live ? words.twoCodes : words.twoInPhoto }, { choices, undo: undoOffer() });
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
  if (!others.length) return;
  lasting ||= words.others;
  if (status.hidden) tell("");
});
followStock();
