// The scan page: one field that takes what a scanner types, a queue that loses nothing, and a verdict that fills the
// screen. Every scan gets its nonce when it is made; whatever happens on the way, it is sent again with the same one,
// so the site acts once and answers the same. Works on top of a plain form.

const page = document.getElementById("scan");
const form = page.querySelector("form");
const field = form.elements.text, mass = form.elements.mass_kg, bay = form.elements.bay, depot = form.elements.depot;
const verdict = document.getElementById("verdict"), status = document.getElementById("scan-status");
const words = page.dataset;

const summary = document.getElementById("scan-summary");

const ANSWER_MS = 10_000;                       // no answer by then: lost on the way
const FIRST_WAIT_MS = 1_000, LONGEST_WAIT_MS = 15_000;
const SLOW_MS = 300;                            // a wait shorter than this is not worth a word
const LATE_MS = 5_000;                          // sent later than this, a scan says when it was made

// --- the queue: kept on the device until the site has answered ---

const queue = {
  place: `scans:${words.owner}`,
  memory: [],
  read() {
    try {
      return JSON.parse(localStorage.getItem(this.place) ?? "[]");
    } catch {
      return this.memory;
    }
  },
  write(scans) {
    this.memory = scans;
    try {
      localStorage.setItem(this.place, JSON.stringify(scans));
    } catch {
      // A browser that keeps nothing: the scans live as long as the page.
    }
  },
  add(scan) { this.write([...this.read(), scan]); },
  remove(nonce) { this.write(this.read().filter((scan) => scan.nonce !== nonce)); },
};

// A device's clock may be wrong by days: what it is off by is learned from the page and from every answer.
let clockError = Date.parse(words.now) - Date.now();

function learnClock(response) {
  const told = Date.parse(response.headers.get("Date"));
  if (!Number.isNaN(told)) clockError = told - Date.now();
}

function chosen(name) {
  const control = form.elements[name];
  return control ? control.value : "";
}

// A weight as people type it; the same as the site's units.typed_kg. Null when it is no weight.
function typedKg(text) {
  const plain = text.normalize("NFKC").trim().toLowerCase().replace(/\s*(kg|公斤|千克)$/, "");
  if (!plain) return "";
  const match = /^(\d*)([.,。]?)(\d*)$/.exec(plain);
  if (!match || !(match[1] || match[3])) return null;
  const [, whole, sign, rest] = match;
  // "1,234" may be one or a thousand.
  if (rest.length > 3 || (sign === "," && rest.length === 3 && !/^0*$/.test(whole))) return null;
  return rest ? `${whole || "0"}.${rest}` : whole;
}

// Scans that wait for their weight to be mended.
const held = [];

function markMass(wrong) {
  if (wrong) mass.setAttribute("aria-invalid", "true");
  else mass.removeAttribute("aria-invalid");
  tell(wrong ? `${words.massWrong} ${held.join(" ")}` : "", null, false);
}

function scan(text) {
  const kilograms = chosen("intent") === "check_in" ? typedKg(chosen("mass_kg")) : "";
  if (kilograms === null) {
    // The drum is not at fault: it goes on by Enter, once the weight is mended.
    held.push(text);
    markMass(true);
    return;
  }
  if (mass?.hasAttribute("aria-invalid")) markMass(false);
  queue.add({
    nonce: newNonce(),
    text,
    intent: chosen("intent"),
    depot: chosen("depot"),
    bay: chosen("intent") === "lookup" ? "" : chosen("bay"),
    mass_kg: kilograms,
    at: Date.now(),
  });
  if (mass) mass.value = "";
  drain();
}

function newNonce() {
  if (crypto.randomUUID) return crypto.randomUUID();
  // A page served over plain http has no randomUUID.
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// --- sending: one at a time, in order ---

let sending = false, wait = FIRST_WAIT_MS, retry = null, late = [];

async function drain() {
  if (sending) return;
  sending = true;
  clearTimeout(retry);
  try {
    for (let next = queue.read()[0]; next; next = queue.read()[0]) {
      tellWaiting();
      const outcome = await send(next);
      if (outcome.again || outcome.stop) verdict.dataset.verdict = "waiting";
      if (outcome.again) {
        tell(words.offline);
        retry = setTimeout(drain, wait);
        wait = Math.min(wait * 2, LONGEST_WAIT_MS);
        return;
      }
      if (outcome.stop) {
        tell(outcome.stop, outcome.way);
        return;
      }
      wait = FIRST_WAIT_MS;
      queue.remove(next.nonce);
      if (next.at && Date.now() - next.at > LATE_MS) late.push({ text: next.text, answer: outcome.answer });
      else verdict.hidden = false;
      show(outcome.answer, next.intent, next.text);
    }
    tell("");
    summarise();
    refreshAside();
  } finally {
    sending = false;
  }
}

async function send(one) {
  const { at, ...asked } = one;
  if (at && Date.now() - at > LATE_MS) asked.scanned_at = new Date(at + clockError).toISOString();
  const slow = setTimeout(() => { verdict.dataset.verdict = "sending"; }, SLOW_MS);
  try {
    const response = await fetch("/api/v1/scans", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": token(), "Accept-Language": words.language },
      body: JSON.stringify(asked),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    learnClock(response);
    if (response.ok) return { answer: await response.json() };
    if (response.status === 429 || response.status >= 500) return { again: true };
    if (response.status === 401) return { stop: words.signedOut, way: [words.signIn, `/sign-in?${new URLSearchParams({ next: location.pathname + location.search })}`] };
    const problem = await response.json().catch(() => null);
    if (!problem || problem.code === "forged") return { stop: words.reload, way: [words.load, location.href] };
    // A clock that was set meanwhile: the scan counts, its own time does not.
    if (asked.scanned_at && problem.errors?.some((error) => error.field === "scanned_at")) return await send({ ...one, at: 0 });
    return { answer: { verdict: "refused", reason: problem.code, message: said(problem), container: null } };
  } catch {
    return { again: true };
  } finally {
    clearTimeout(slow);
  }
}

function said(problem) {
  return (problem.errors ?? []).map((error) => error.message).join(" ") || problem.detail;
}

function token() {
  return form.elements.csrfmiddlewaretoken.value;
}

addEventListener("online", () => { wait = FIRST_WAIT_MS; drain(); });

// --- the verdict ---

const part = (name) => verdict.querySelector(`[data-part=${name}]`);
let shownCode = "";

function show(answer, intent, text) {
  // A repeated answer carries the first one: to the eye it is that, with the word "already" and a tone of its own.
  // So is a drum that is in already: a handheld's trigger bounces.
  const here = answer.reason === "already_here";
  const first = answer.reason && !here ? "refused" : "accepted";
  const kind = answer.verdict === "repeated" || here ? `repeated-${first}` : answer.verdict;
  const drum = answer.container;
  verdict.dataset.verdict = kind;
  verdict.dataset.intent = intent;
  part("word").textContent = here ? words.here : wordFor(kind, intent);
  part("message").textContent = kind === "accepted" ? "" : answer.message;
  part("code").textContent = drum ? `${drum.short_code.slice(0, 4)}-${drum.short_code.slice(4)}` : "";
  part("code").href = drum ? `/containers/${drum.short_code}` : "";
  part("scanned").textContent = drum ? "" : text;
  part("drum").hidden = !drum;
  part("waste").textContent = drum ? `${drum.name} · ${drum.waste_code}` : "";
  part("from").textContent = drum ? drum.generator : "";
  part("mass").textContent = drum ? weight(drum.mass_kg) : "";
  part("place").replaceChildren();
  shownCode = drum ? drum.short_code : "";
  // The colour alone may stay the same between two scans: the movement says that this is a new answer.
  verdict.classList.remove("is-new");
  void verdict.offsetWidth;
  verdict.classList.add("is-new");
  sound(kind);
}

function wordFor(kind, intent) {
  if (kind === "accepted") return intent === "lookup" ? words.found : intent === "put_away" ? words.moved : words.accepted;
  return kind === "refused" ? words.refused : words.repeated;
}

function weight(kilograms) {
  return Number(kilograms) < 1000 ? `${kilograms} kg` : `${Number((Number(kilograms) / 1000).toFixed(3))} t`;
}

// `way` is a button beside the words: [label, address].
function tell(text, way = null, waiting = true) {
  status.textContent = text && waiting ? `${text} ${counted()}` : text;
  status.hidden = !text;
  if (!way) return;
  const link = document.createElement("a");
  [link.textContent, link.href] = way;
  link.className = "btn btn-primary";
  status.append(" ", link);
}

// Scans that were kept and sent together run past the eye: if one was stopped, all are listed until somebody has seen it.
function summarise() {
  const stopped = late.filter(({ answer }) => answer.reason && answer.reason !== "already_here");
  if (!stopped.length || late.length < 2) {
    if (summary.hidden) late = [];
    return;
  }
  const counts = { n: late.length, a: late.length - stopped.length, r: stopped.length };
  summary.querySelector("h2").textContent = words.summary.replace(/%([nar])/g, (_, name) => String(counts[name]));
  summary.querySelector("ul").replaceChildren(...stopped.map(({ text, answer }) => {
    const row = document.createElement("li"), code = document.createElement("strong");
    code.className = "code";
    code.textContent = answer.container ? answer.container.short_code : text.split("/").pop();
    row.append(code, " ", answer.message);
    return row;
  }));
  summary.hidden = false;
  verdict.hidden = true;
}

summary.querySelector("button").addEventListener("click", () => {
  late = [];
  summary.hidden = true;
  verdict.hidden = false;
  field.focus();
});

function tellWaiting() {
  if (queue.read().length > 1) tell(counted());
}

function counted() {
  return words.waiting.replace("%n", String(queue.read().length));
}

// Where the drum stands, what is still missing, the last scans: read when there is time.
async function refreshAside() {
  const query = new URLSearchParams({ depot: chosen("depot"), container: shownCode });
  const asked = shownCode;
  const response = await fetch(`/scan/aside?${query}`, { headers: { "HX-Request": "true" } }).catch(() => null);
  if (!response?.ok || queue.read().length) return;
  const box = new DOMParser().parseFromString(await response.text(), "text/html");
  document.getElementById("scan-aside").replaceChildren(...box.getElementById("scan-aside").childNodes);
  const place = box.getElementById("scan-place");
  if (asked === shownCode && place) part("place").replaceChildren(...place.content.childNodes);
}

// --- tones ---

const TONES = {
  accepted: [[1046, 0, 0.12, "sine"]],
  "repeated-accepted": [[784, 0, 0.07, "sine"], [784, 0.13, 0.07, "sine"]],
  refused: [[140, 0, 0.45, "square"]],
  "repeated-refused": [[140, 0, 0.14, "square"], [140, 0.2, 0.14, "square"]],
};
let speaker = null;

// Browsers let a page sound only after somebody has touched it.
for (const kind of ["pointerdown", "keydown"]) {
  addEventListener(kind, () => {
    speaker ??= "AudioContext" in window ? new AudioContext() : null;
    speaker?.resume();
  }, { passive: true });
}

function sound(kind) {
  if (kind.endsWith("refused")) navigator.vibrate?.([200, 80, 200]);
  if (speaker?.state !== "running") return;
  for (const [pitch, start, length, shape] of TONES[kind]) {
    const tone = speaker.createOscillator(), level = speaker.createGain();
    const from = speaker.currentTime + start;
    tone.type = shape;
    tone.frequency.value = pitch;
    level.gain.setValueAtTime(0.25, from);
    level.gain.setTargetAtTime(0, from + length, 0.015);
    tone.connect(level).connect(speaker.destination);
    tone.start(from);
    tone.stop(from + length + 0.1);
  }
}

// --- the field: what a scanner types ends with Enter, Tab or a line feed, never with a pause ---

const END = /[\r\n\t]+/;
let endsWithComposition = false;

function take() {
  const text = field.value;
  field.value = "";                             // at once: the next scan may already be on its way
  for (const one of held.splice(0)) scan(one);
  if (text.trim()) scan(text);
}

// Whole scans out of a text that holds ends; what follows the last end stays in the field.
function takeAll(text) {
  const parts = text.split(END);
  field.value = parts.pop();
  for (const part of parts) if (part.trim()) scan(part);
}

field.addEventListener("keydown", (event) => {
  const ends = event.key === "Enter" || event.key === "Tab" || ["Enter", "NumpadEnter", "Tab"].includes(event.code);
  if (!ends || event.shiftKey) return;
  if (event.isComposing || event.keyCode === 229) {
    // An input method takes this key for itself; the text is there when it is done.
    endsWithComposition = true;
    return;
  }
  // An empty field lets Tab go on: the page must be walkable by keyboard.
  if (event.key === "Tab" && !field.value.trim()) return;
  event.preventDefault();
  take();
});

field.addEventListener("compositionend", () => {
  if (!endsWithComposition) return;
  endsWithComposition = false;
  take();
});

field.addEventListener("beforeinput", (event) => {
  if (event.inputType === "insertLineBreak" || event.inputType === "insertParagraph") {
    event.preventDefault();
    take();
    return;
  }
  const text = event.data ?? event.dataTransfer?.getData("text/plain") ?? "";
  if (!END.test(text) || event.isComposing) return;
  // A one-line field would drop the ends and run two scans together.
  event.preventDefault();
  const { selectionStart, selectionEnd, value } = field;
  takeAll(value.slice(0, selectionStart) + text + value.slice(selectionEnd));
});

field.addEventListener("input", (event) => {
  if (!event.isComposing && END.test(field.value)) takeAll(field.value);
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  take();
  field.focus();
});

// A scanner does not know where the focus is: a code that lands in the mass field is a scan all the same.
mass?.addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  const kilograms = typedKg(mass.value);
  if (!/^[\d.,。\s]{0,10}(kg|公斤|千克)?$/i.test(mass.value.normalize("NFKC").trim()) || /\d{6}/.test(mass.value)) {
    field.value = mass.value;
    mass.value = "";
  } else if (kilograms === null) {
    markMass(true);
    return;
  } else {
    mass.value = kilograms;
    if (mass.hasAttribute("aria-invalid")) markMass(false);
  }
  if (field.value.trim() || held.length) take();
  field.focus();
});

// Keys that land nowhere go to the field, and it has the focus again after every choice.
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, select, textarea, button, a, summary");
  if (!typing && event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey) field.focus();
});
for (const control of [depot, bay, ...form.querySelectorAll("[name=intent]")]) {
  control?.addEventListener?.("change", () => {
    if (control === depot) {
      location.assign(`/scan?${new URLSearchParams({ depot: depot.value, intent: chosen("intent") })}`);
      return;
    }
    remember();
    field.focus();
  });
}
addEventListener("focus", () => field.focus());
page.addEventListener("click", (event) => {
  if (!event.target.closest("input, select, textarea, button, a, summary, label")) field.focus();
});

// The chosen mode and bay stand in the address, so that a reload goes on where it was.
function remember() {
  page.dataset.intent = chosen("intent");
  const query = new URLSearchParams({ depot: chosen("depot"), intent: chosen("intent") });
  if (chosen("bay")) query.set("bay", chosen("bay"));
  history.replaceState(null, "", `/scan?${query}`);
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
  field.focus();
});
if (!keyboard.hidden) useKeyboard(localStorage.getItem("scan-keyboard") === "on");

// --- a photo ---

const photo = form.elements.image, found = document.getElementById("scan-found");

photo.addEventListener("change", async () => {
  const image = photo.files[0];
  if (!image) return;
  found.replaceChildren();
  tell(words.reading);
  const body = new FormData();
  body.append("image", image);
  photo.value = "";
  const response = await fetch("/api/v1/scans/decode", {
    method: "POST",
    headers: { "X-CSRFToken": token(), "Accept-Language": words.language },
    body,
  }).catch(() => null);
  const read = await response?.json().catch(() => null);
  tell("");
  if (!read) return refuse(words.unread);
  if (!response.ok) return refuse(said(read));
  const texts = [...new Set(read.barcodes.map((code) => code.text))];
  if (!texts.length) return refuse(words.nothing);
  if (texts.length === 1) return scan(texts[0]);
  // Two codes in one picture: a person says which is meant.
  found.replaceChildren(...texts.map(choice));
});

function refuse(message) {
  show({ verdict: "refused", reason: "photo", message, container: null }, chosen("intent"), "");
}

function choice(text) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn scan-choice code";
  button.textContent = text.split("/").pop();
  button.addEventListener("click", () => {
    found.replaceChildren();
    scan(text);
    field.focus();
  });
  return button;
}

field.focus();
drain();
