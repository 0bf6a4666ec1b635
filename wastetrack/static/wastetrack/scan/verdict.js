// The verdict: one panel that fills the screen. Colour, shape, tone and words say the same.

import { sound } from "./tones.js";

export const ALREADY = new Set(["already_here", "already_loaded", "already_counted"]);

export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? "—"));
}

// A sentence of the site with its %(name)s.
export function sentence(words, code, params = {}) {
  return (words.sentences[code] ?? code).replace(/%\((\w+)\)s/g, (_, name) => String(params?.[name] ?? "—"));
}

export function grouped(code) {
  return code ? `${code.slice(0, 4)}-${code.slice(4)}` : "";
}

export function weight(kilograms) {
  return Number(kilograms) < 1000 ? `${kilograms} kg` : `${Number((Number(kilograms) / 1000).toFixed(3))} t`;
}

// What an answer of the site (or of the device itself) looks like: its kind, word and sentence. A repeated answer
// carries the first one, and its nonce was made for one scan: whoever never saw the first answer sees it now.
export function reading(answer, intent, words) {
  const told = { intent, drum: answer.container, bay: answer.bay ?? null, load: answer.load ?? null, action: answer.action ?? null, masses: null };
  if (ALREADY.has(answer.reason)) return { ...told, kind: "repeated-accepted", word: words[answer.reason], message: answer.message };
  if (answer.reason) return { ...told, kind: "refused", word: words.refused, message: answer.message };
  if (answer.weigh_again) {
    const { limit_percent: p } = answer.weigh_again;
    const message = p ? fill(words.weighSay, { p }) : words.weighSayPlain;
    return { ...told, kind: "weigh", word: words.weigh, message, masses: answer.weigh_again };
  }
  if (answer.flag) return { ...told, kind: "flagged", word: words.flagged, message: answer.flag.message };
  return { ...told, kind: "accepted", word: words[intent] ?? "", message: "" };
}

export class Verdict {
  // undo(): asked for by its button.
  constructor(root, words, undo) {
    Object.assign(this, { root, words, code: "" });
    this.undo = root.querySelector("[data-undo]");
    this.undo.addEventListener("click", undo);
  }

  part(name) { return this.root.querySelector(`[data-part=${name}]`); }

  // `local`: the device's own verdict, not confirmed yet. `quiet`: no tone, as when the site confirms it. `undo`: which
  // drum's scan can be undone, null for none; it need not be the one that is shown.
  show(told, { scanned = "", local = "", quiet = false, choices = [], undo = null } = {}) {
    const { kind, intent = "", word = "", message = "", drum = null } = told;
    this.root.dataset.verdict = document.body.dataset.verdict = kind;
    this.root.dataset.intent = intent;
    this.part("word").textContent = word;
    this.part("message").textContent = message;
    this.part("scanned").textContent = drum || told.bayOnly ? "" : scanned;
    this.drum(drum);
    this.place(told);
    this.masses(told.masses);
    this.part("load").textContent = told.progress ?? this.progress(told.load, intent);
    this.part("local").hidden = !local;
    this.part("local").lastElementChild.textContent = local;
    this.part("choices").replaceChildren(...choices);
    this.act(told.action);
    this.offerUndo(undo);
    this.strike();
    if (!quiet) sound(kind);
  }

  offerUndo(undo) {
    this.undo.hidden = undo === null;
    this.undo.querySelector("[data-part=undone]").textContent = undo ?? "";
  }

  // The colour alone may stay the same between two scans: the movement says that this is a new answer.
  strike() {
    this.root.classList.remove("is-new");
    void this.root.offsetWidth;
    this.root.classList.add("is-new");
    // Whoever was reading the list below still sees it.
    const { top, bottom } = this.root.getBoundingClientRect();
    if (bottom < innerHeight / 3 || top > innerHeight / 2) this.root.scrollIntoView({ block: "center" });
  }

  waitingFor(text) {
    this.root.dataset.verdict = document.body.dataset.verdict = "sending";
    this.part("scanned").textContent = text;
  }

  drum(drum) {
    this.code = drum?.short_code ?? "";
    this.part("drum").hidden = !drum;
    this.part("code").textContent = grouped(this.code);
    this.part("code").href = `/containers/${this.code}`;
    this.part("waste").textContent = [drum?.name, drum?.waste_code].filter(Boolean).join(" · ");
    this.part("from").textContent = drum?.generator ?? "";
    this.part("mass").textContent = drum?.mass_kg ? weight(drum.mass_kg) : "";
  }

  place({ bay, load, intent }) {
    const box = this.part("place");
    box.replaceChildren();
    // Onto the vehicle: it stands in no bay any more.
    if (intent === "check_out") {
      if (load) box.append(make("p", "place-label", this.words.manifestLabel), make("p", "verdict-code code", load.manifest));
      return;
    }
    if (!bay) return;
    this.part("drum").hidden = false;
    const line = make("p", "place-bay");
    line.append(make("span", "place-label", this.words.bayLabel), make("span", "place-code", bay));
    box.append(line);
  }

  masses(masses) {
    const box = this.part("masses");
    box.hidden = !masses;
    if (!masses) return;
    box.replaceChildren(
      make("dt", "", this.words.declared), make("dd", "figure", weight(masses.declared_kg)),
      make("dt", "", this.words.received), make("dd", "figure", weight(masses.received_kg)),
    );
  }

  progress(load, intent) {
    if (!load) return "";
    return fill(intent === "check_out" ? this.words.loaded : this.words.loadIn, { n: load.done, t: load.expected });
  }

  act(action) {
    const links = action?.href ? [make("a", "btn btn-lg", action.label)] : [];
    for (const link of links) link.href = action.href;
    this.part("do").replaceChildren(...links);
  }
}

export function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

export function button(className, text, clicked) {
  const made = make("button", className, text);
  made.type = "button";
  made.addEventListener("click", clicked);
  return made;
}
