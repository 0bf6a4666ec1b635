// A driver's round on the phone: drums are scanned on, both sign, and the stop is kept on the device before its form is
// cleared; it is sent when there is a network. On top of plain forms: what can't be kept here is sent as they are.

import { Camera } from "../scan/camera.js";
import { read } from "../scan/codes.js";
import { newNonce } from "../scan/queue.js";
import { sender } from "../scan/sending.js";
import { sound } from "../scan/tones.js";
import { fill } from "../scan/verdict.js";
import { typedKg } from "../scan/weights.js";
import { Wedge, keepingLines } from "../scan/wedge.js";
import { ride } from "./ride.js";
import { boundTo, seal, shownDigest } from "./seal.js";
import { Steps } from "./steps.js";
import { open } from "./store.js";

const page = document.getElementById("round"), data = page.dataset;
const words = JSON.parse(document.getElementById("round-words").textContent);
const load = JSON.parse(document.getElementById("round-ride").textContent);
const part = (place, name) => place.querySelector(`[data-part=${name}]`);
const placeOf = (id) => page.querySelector(`details[data-stop="${id}"]`);
const api = (rest) => `/api/v1/rounds/${data.round}${rest}`;
const kg = (grams) => String(Math.round(grams) / 1000);
const line = document.getElementById("round-line"), said = document.getElementById("round-said");

// --- what is ticked, and whether it may ride ---

const groupsOf = (input) => (input.dataset.groups === undefined ? null : input.dataset.groups.split(" ").filter(Boolean));

function chosen(form) {
  const seen = (name) => form.elements[`seen-${name}`].value;
  const ticked = [...form.querySelectorAll("input[name=drum]:checked")];
  const typed = [...form.querySelectorAll("input[data-stream]")].filter((input) => input.value.trim());
  return {
    drums: ticked.map((input) => ({ code: input.value, seen: seen(input.value) })),
    fresh: typed.map((input) => ({ stream: input.dataset.stream, seen: seen(input.dataset.stream), mass_kg: plainKg(input.value) })),
    wrong: typed.find((input) => plainKg(input.value) === null) ?? null,
    pieces: [
      ...ticked.map((input) => ({ waste: input.dataset.waste, groups: groupsOf(input), mass_g: Number(input.dataset.massG) })),
      ...typed.map((input) => ({ waste: input.dataset.waste, groups: groupsOf(input), mass_g: Math.round(Number(plainKg(input.value) ?? 0) * 1000) })),
    ],
  };
}

// Kilograms as the site writes them, without trailing zeros; null for what is no mass.
function plainKg(text) {
  const typed = typedKg(text);
  if (!typed || !/^\d+(\.\d{1,3})?$/.test(typed) || Number(typed) <= 0) return null;
  return typed.includes(".") ? typed.replace(/\.?0+$/, "").replace(/^0+(?=\d)/, "") : typed.replace(/^0+(?=\d)/, "");
}

function weigh(form) {
  const { pieces } = chosen(form), sum = part(form, "sum");
  const here = pieces.reduce((all, piece) => all + piece.mass_g, 0);
  const { mass_g, code } = ride([...load.aboard, ...pieces], load);
  const problem = pieces.length ? code : null;
  sum.classList.toggle("is-wrong", Boolean(problem));
  if (problem) sum.textContent = fill(words[problem], { kg: kg(mass_g), limit: kg(load.capacity_g ?? 0) });
  else sum.textContent = pieces.length ? fill(words.chosen, { n: pieces.length, kg: kg(here) }) : words.none;
  return problem;
}

// --- scanning ---

function tell(text, how) {
  said.textContent = text;
  sound(how);
}

function scanned(text) {
  const found = read(text, data.publicUrl);
  const input = found.code && [...page.querySelectorAll("form[data-serve] input[name=drum]")]
    .find((one) => one.value === found.code || one.dataset.short === found.code);
  if (!input) return tell(words.notHere, "refused");
  if (input.checked) return tell(fill(words.already, { code: input.dataset.shown }), "repeated-accepted");
  input.checked = true;
  for (let box = input.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
  const form = input.closest("form"), problem = weigh(form);
  return tell(problem ? part(form, "sum").textContent : fill(words.ticked, { code: input.dataset.shown }), problem ? "refused" : "accepted");
}

function setUpScanning() {
  const box = document.getElementById("round-scan");
  if (!box) return;
  box.hidden = false;
  const wedge = new Wedge(keepingLines(document.getElementById("round-text")), scanned);
  wedge.field.focus({ preventScroll: true });
  const button = document.getElementById("round-camera"), view = document.getElementById("round-view");
  const off = () => {
    view.hidden = true;
    button.setAttribute("aria-pressed", "false");
  };
  const camera = new Camera(document.getElementById("round-video"), { detector: data.detector, wasm: data.wasm }, {
    take: scanned,
    which: (texts) => { for (const text of texts) scanned(text); camera.chosen(texts); },
    failed: (code) => {
      off();
      tell(words[code] ?? words.no_camera, "refused");
    },
  });
  button.addEventListener("click", () => {
    if (!view.hidden) {
      camera.stop();
      return off();
    }
    view.hidden = false;
    button.setAttribute("aria-pressed", "true");
    return camera.start();
  });
}

// --- signing ---

async function sign(form, steps) {
  const place = form.closest("details[data-stop]"), stop = place.dataset.stop;
  const { drums, fresh, wrong } = chosen(form), fields = form.elements;
  if (wrong) return wrong.focus();
  const empty = [fields.username, fields.firm_pin, fields.pin].find((field) => !field.value.trim());
  if (!drums.length && !fresh.length) return refuse(form, words.fillIn);
  if (empty) return empty.focus();
  if (weigh(form)) return sound("refused");
  const bound = { nonce: newNonce(), signed_at: new Date().toISOString(), shown: await shownDigest(fields.head.value, drums, fresh) };
  const sealed_firm = await seal(data.key, boundTo("firm", stop, bound), { username: fields.username.value.trim(), pin: fields.firm_pin.value });
  const sealed_driver = await seal(data.key, boundTo("driver", stop, bound), { pin: fields.pin.value });
  const body = {
    ...bound, sealed_firm, sealed_driver,
    drums: drums.map(({ code }) => code), new: fresh.map(({ stream, mass_kg }) => ({ stream, mass_kg })),
  };
  const pieces = chosen(form).pieces;
  return keep(steps, { what: "serve", place: stop, nonce: bound.nonce, path: api(`/stops/${stop}/serve`), body, pieces }, form);
}

function refuse(form, message) {
  const sum = part(form, "sum");
  sum.classList.add("is-wrong");
  sum.textContent = message;
  sound("refused");
}

async function keep(steps, step, form) {
  try {
    await steps.add({ ...step, round: data.round });
  } catch {
    return refuse(form, words.notKept);
  }
  for (const name of ["firm_pin", "pin"]) if (form.elements[name]) form.elements[name].value = "";
  return show(step.place, { kind: "waits", what: step.what, pieces: step.pieces });
}

// --- what came of it ---

const before = load.aboard, aboard = new Map();  // stop → what it put on the vehicle since the page was made

function show(id, { kind, what, manifest, reasons, pieces }) {
  if (id === "finish") return showFinish(kind, reasons);
  const place = placeOf(id);
  if (!place || place.dataset.phase !== "pending") return undefined;
  if (kind === "parked") aboard.delete(id);
  else aboard.set(id, pieces ?? []);
  load.aboard = [...before, ...[...aboard.values()].flat()];
  const waits = part(place, "waits"), parked = part(place, "parked"), on = kind === "parked";
  for (const form of place.querySelectorAll("form")) form.hidden = !on;
  parked.hidden = !on;
  waits.hidden = on;
  place.dataset.now = kind;
  const state = { waits: words.stateWaits, recorded: words.stateRecorded, done: words.stateMissed, parked: words.stateParked };
  part(place, "state").querySelector(".state > span").textContent = state[kind];
  if (on) {
    parked.querySelector("ul").replaceChildren(...reasons.map((reason) => Object.assign(document.createElement("li"), { textContent: reason })));
    place.open = true;
  } else {
    const text = { waits: what === "miss" ? words.missWaits : words.waits, recorded: fill(words.recorded, { number: manifest }), done: words.missed }[kind];
    waits.querySelector("span").textContent = text;
    openNext();
  }
  for (const form of page.querySelectorAll("form[data-serve]")) weigh(form);
  return undefined;
}

// The next stop is at hand, and its button is the one to press.
function openNext() {
  const places = [...page.querySelectorAll("details[data-stop]")];
  const left = places.filter(({ dataset }) => dataset.phase === "pending" && (!dataset.now || dataset.now === "parked"));
  for (const place of places) if (place.dataset.now && !left.includes(place)) place.open = false;
  if (left[0]) left[0].open = true;
  for (const place of left) part(place, "sign").classList.toggle("btn-primary", place === left[0]);
}

function showFinish(kind, reasons) {
  const form = page.querySelector("form[data-finish]");
  if (kind === "done") return location.replace(location.pathname);
  if (form) form.hidden = kind !== "parked";
  if (kind === "parked") tell(reasons.join(" "), "refused");
  return undefined;
}

function told({ waiting, stop, message, settled }) {
  line.hidden = !waiting;
  const text = { signedOut: words.signedOut, otherPerson: words.otherPerson }[stop] ?? message;
  line.textContent = text ?? (stop ? fill(words.line, { n: waiting }) : words.sending);
  if (!settled) return undefined;
  const { step, outcome } = settled;
  // A round that is over was drawn without what came late.
  if (data.over !== undefined && !waiting) return location.reload();
  if (step.round === data.round) show(step.place, { ...outcome, pieces: step.pieces });
  sound(outcome.kind === "parked" ? "refused" : "accepted");
  // The page that opens without a network is the one the site has now.
  navigator.serviceWorker?.controller?.postMessage({ keep: location.pathname });
  return undefined;
}

// --- setting up ---

async function setUp() {
  if (!globalThis.crypto?.subtle) return;       // no secure page: the plain forms do it
  const store = await open(data.owner).catch(() => null);
  if (!store) return;
  const send = sender({ owner: data.owner, language: data.language, token: data.token });
  const locks = navigator.locks ? (work) => navigator.locks.request(`rounds:${data.owner}`, work) : null;
  const steps = new Steps({ store, send, tell: told, locks });
  for (const step of await store.waiting()) {
    if (step.round === data.round) show(step.place, { kind: "waits", what: step.what, pieces: step.pieces });
  }
  for (const { place, ...outcome } of await store.settled()) if (placeOf(place)) show(place, outcome);
  for (const form of page.querySelectorAll("form[data-serve]")) {
    weigh(form);
    form.addEventListener("input", () => weigh(form));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      sign(form, steps);
    });
  }
  for (const form of page.querySelectorAll("form[data-miss]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const stop = form.closest("details[data-stop]").dataset.stop, reason = form.elements.reason.value.trim();
      if (reason) keep(steps, { what: "miss", place: stop, nonce: newNonce(), path: api(`/stops/${stop}/miss`), body: { reason } }, form);
    });
  }
  page.querySelector("form[data-finish]")?.addEventListener("submit", (event) => {
    event.preventDefault();
    keep(steps, { what: "finish", place: "finish", nonce: newNonce(), path: api("/finish"), body: {} }, event.target);
  });
  addEventListener("online", () => steps.drain());
  page.dataset.ready = "yes";
  steps.drain();
}

setUpScanning();
setUp();
