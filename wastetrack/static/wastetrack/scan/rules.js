// What the device says of a scan while the site can't be asked: the site's own rules (scanner/steps.py and depots'
// BayLoad), applied to the depot's snapshot with the scans that still wait on top. Pure: no DOM.
//
//   judge(snapshot, waiting, scan) → { verdict: "accepted" | "refused" | "kept", reason, params, container, bay, weigh_again }
//
// `kept`: neither right nor wrong, the site will say. `waiting`: the scans before this one, the oldest first.

import { read } from "./codes.js";

const LATELY = 50;                             // newest stays that are looked at, as the site does
const GRAMS = 1000, LIQUID = "L", ANYTHING = "*";
const NO_DRUM = { bay: "is_a_bay", foreign: "foreign_code" };
const UNSAFE = new Set(["bay_incompatible", "bay_reaction_unknown", "bay_not_admitted"]);

export function judge(snapshot, waiting, scan) {
  if (!snapshot) return kept();
  const yard = new Yard(snapshot);
  for (const one of waiting) if (one.nonce === undefined || one.nonce !== scan.nonce) yard.apply(one);
  return yard.judge(scan);
}

// Where a drum stands and whether that is right: { bay, problem }, null for one that stands in no bay here.
export function standing(snapshot, waiting, scan) {
  const yard = new Yard(snapshot);
  for (const one of waiting) yard.apply(one);
  return yard.standing(scan);
}

class Refusal {
  constructor(reason, params = {}, drum = null) { Object.assign(this, { reason, params, drum }); }
}

const kept = (drum = null) => ({ verdict: "kept", reason: null, params: {}, container: drum && told(drum), bay: drum?.bay ?? null, weigh_again: null });

// A depot as it should be now. For many scans in a row, one yard is cheaper than `judge` for each.
export class Yard {
  #snapshot; #drums = new Map(); #codes = new Map(); #bays; #loads = new Map(); #counted = new Set(); #done = [];
  #entered = [];                                // what is in stock, in the order in which it came

  constructor(snapshot) {
    this.#snapshot = snapshot;
    this.#bays = new Map(snapshot.bays.map((bay) => [bay.code, { ...bay, drums: new Set() }]));
    for (const place of ["own", "expected", "stock"]) {
      for (const drum of snapshot[place] ?? []) this.#know({ ...drum, place, bay: place === "stock" ? drum.bay : null });
    }
    for (const load of snapshot.leaving ?? []) this.#loads.set(load.manifest, { containers: new Set(load.containers), loaded: new Set(load.loaded) });
  }

  #know(drum) {
    this.#drums.set(drum.code, drum);
    this.#codes.set(drum.short_code, drum.code);
    if (drum.place !== "stock") return;
    this.#bays.get(drum.bay)?.drums.add(drum);
    this.#entered.push(drum);
  }

  // What the device says of a scan.
  judge(scan) {
    try {
      return this.#answer(this.#step(scan));
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      const { reason, params, drum } = refusal;
      return { verdict: "refused", reason, params, container: drum && told(drum), bay: drum?.bay ?? null, weigh_again: null };
    }
  }

  standing(scan) {
    const { code } = this.#read(scan), drum = this.#drums.get(this.#codes.get(code) ?? code), bay = this.#bays.get(drum?.bay);
    return drum?.place === "stock" && bay ? { bay: bay.code, problem: this.problem(bay, drum) } : null;
  }

  // A scan that waits has happened, unless the device or the rules stopped it. What the operator was told has happened
  // even against a rule.
  apply(scan) {
    if (scan.said === "refused") return;
    let step;
    try {
      step = this.#step(scan, scan.said === "accepted" || scan.said === "kept");
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      return;
    }
    this.#do(step, scan.nonce);
  }

  #answer({ drum, bay, grams, kept: unsure, manifest, load, number }) {
    if (unsure) return kept(drum);
    const again = manifest && grams !== null ? this.#weighAgain(drum, grams) : null;
    const shown = drum && { ...told(drum), ...(grams !== null && { mass_kg: kilograms(grams) }) };
    return { verdict: "accepted", reason: null, params: {}, container: shown, bay: bay ?? drum?.bay ?? null, weigh_again: again, ...(load && { load: loadAfter(load, number) }) };
  }

  // --- one step: what it would change; throws a Refusal ---

  #step(scan, happened = false) {
    switch (scan.intent) {
      case "check_in": return this.#checkIn(scan, happened);
      case "put_away": return this.#putAway(scan, happened);
      case "check_out": return this.#checkOut(scan);
      case "count": return this.#count(scan);
      case "undo": return this.#undo(scan);
      default: return this.#lookUp(scan);
    }
  }

  #lookUp(scan) {
    const drum = this.#drumOf(scan);
    return drum ? { drum, bay: drum.bay, grams: null } : { drum: null, kept: true };
  }

  #checkIn(scan, happened) {
    const { depot } = this.#snapshot, drum = this.#drumOf(scan), grams = gramsOf(scan.mass_kg);
    if (!drum) throw new Refusal(depot.takes_from_others ? "no_manifest" : "unknown_code");
    if (drum.place === "expected") {
      if (!drum.departed) throw new Refusal("not_departed", { manifest: drum.manifest }, drum);
      const bay = this.#bayOf(scan);
      if (!depot.takes_from_others) throw new Refusal("wrong_depot", { container: "" }, drum);
      return { drum, to: "stock", bay: this.#placeFor(drum, bay, grams ?? drum.mass_g, happened), grams, manifest: drum.manifest };
    }
    // A weight of a drum that is in already may be its second weighing: the site knows whether one was asked for.
    if (drum.place === "stock" && grams !== null) return { drum, bay: drum.bay, grams: null, kept: true };
    const bay = this.#bayOf(scan);
    if (drum.place === "stock") throw new Refusal("already_here", { container: grouped(drum) }, drum);
    return { drum, to: "stock", bay: this.#placeFor(drum, bay, drum.mass_g, happened), grams: null };
  }

  #putAway(scan, happened) {
    const drum = this.#drumOf(scan);
    if (!drum) throw new Refusal("unknown_code");
    if (blank(scan.bay)) throw new Refusal("bay_missing", {}, drum);
    const bay = this.#bayOf(scan);
    if (drum.place !== "stock") throw new Refusal("not_here", { container: grouped(drum) }, drum);
    const place = bay.code === drum.bay ? bay.code : this.#placeFor(drum, bay, drum.mass_g, happened);
    return { drum, to: "stock", bay: place, grams: null };
  }

  #checkOut(scan) {
    const drum = this.#drumOf(scan);
    if (!drum) throw new Refusal("unknown_code");
    const found = [...this.#loads].find(([, load]) => load.containers.has(drum.code) || load.containers.has(drum.short_code));
    if (!found) throw new Refusal("not_on_a_manifest", { container: grouped(drum) }, drum);
    const [number, load] = found;
    if (!blank(scan.manifest) && scan.manifest !== number) throw new Refusal("other_manifest", { container: grouped(drum), manifest: number }, drum);
    if (load.loaded.has(drum.code) || load.loaded.has(drum.short_code)) throw new Refusal("already_loaded", { container: grouped(drum) }, drum);
    return { drum, bay: drum.bay, grams: null, load, number };
  }

  #count(scan) {
    if (blank(scan.bay)) throw new Refusal("bay_missing");
    const bay = this.#bayOf(scan), { kind, code, text } = this.#read(scan);
    if (kind === "bay") throw new Refusal("is_a_bay");
    const drum = this.#drums.get(this.#codes.get(code) ?? code) ?? null, line = `${bay.code} ${drum?.code ?? code ?? text}`;
    if (this.#counted.has(line)) throw new Refusal("already_counted", { bay: bay.code }, drum);
    // Blind: where the books have it is not told.
    return { drum, bay: bay.code, grams: null, line };
  }

  // Only what this device did last, and has not been able to tell yet, can be undone without the site.
  #undo(scan) {
    const last = this.#done.at(-1);
    return last && last.nonce === String(scan.text).trim() ? { drum: last.drum, undo: last, grams: null } : { drum: null, kept: true };
  }

  // --- doing it ---

  #do({ drum, to, bay, grams, kept: unsure, load, line, undo }, nonce) {
    if (undo) {
      undo.back();
      this.#done.pop();
    }
    if (unsure || undo || !(to || load || line)) return;
    const before = drum && { place: drum.place, bay: drum.bay, mass_g: drum.mass_g };
    if (to) this.#move(drum, { place: to, bay, mass_g: grams ?? drum.mass_g });
    if (load) load.loaded.add(drum.code);
    if (line) this.#counted.add(line);
    const back = () => {
      if (to) this.#move(drum, before);
      if (load) load.loaded.delete(drum.code);
      if (line) this.#counted.delete(line);
    };
    this.#done.push({ nonce, drum, back });
  }

  #move(drum, { place, bay, mass_g }) {
    this.#bays.get(drum.bay)?.drums.delete(drum);
    if (place === "stock" && drum.place !== "stock") this.#entered = [...this.#entered.filter((one) => one !== drum), drum];
    Object.assign(drum, { place, bay, mass_g });
    if (place === "stock") {
      drum.state = "stored";
      this.#bays.get(bay)?.drums.add(drum);
    }
  }

  // --- what the scan names ---

  #read(scan) { return read(String(scan.text ?? ""), this.#snapshot.public_url); }

  // The drum, or null for a code that the snapshot does not know.
  #drumOf(scan) {
    const { kind, code } = this.#read(scan);
    if (code === null || (kind !== "container" && kind !== "short")) throw new Refusal(NO_DRUM[kind] ?? "not_a_code");
    return this.#drums.get(this.#codes.get(code) ?? code) ?? null;
  }

  // A bay by its code, its id, or the text of its sign; null where none is asked for.
  #bayOf(scan) {
    if (blank(scan.bay)) return null;
    const asked = String(scan.bay), { kind, code } = read(asked, this.#snapshot.public_url), bays = [...this.#bays.values()];
    if (kind === "bay") {
      const bay = bays.find((one) => String(one.id) === code);
      if (!bay) throw new Refusal("wrong_bay", { bay: "" });
      return bay;
    }
    const text = asked.trim().slice(0, 18), same = text.toUpperCase();
    const bay = bays.find((one) => one.code.toUpperCase() === same)
      ?? (/^[0-9]+$/.test(text) ? bays.find((one) => Number(one.id) === Number(text)) : undefined);
    if (!bay) throw new Refusal("unknown_bay", { bay: text });
    return bay;
  }

  // --- where it may stand ---

  // The code of the bay to use: the one asked for, else the best; null where the depot has none.
  #placeFor(drum, bay, mass, happened) {
    const loads = bay ? [bay] : [...this.#bays.values()];
    const problems = new Map(loads.map((one) => [one, this.problem(one, drum, mass)]));
    const fit = loads.filter((one) => problems.get(one) === null);
    const usual = bay || !this.#snapshot.depot.takes_from_others ? null : this.#usualBay(drum);
    if (fit.includes(usual)) return usual.code;
    if (fit.length) return fit.reduce((best, one) => (this.#likes(one, drum) < this.#likes(best, drum) ? one : best)).code;
    if (happened || !loads.length) return bay?.code ?? null;
    if (bay) throw new Refusal(problems.get(bay), { bay: bay.code }, drum);
    throw new Refusal([...problems.values()].some((problem) => UNSAFE.has(problem)) ? "no_safe_bay" : "no_room", {}, drum);
  }

  // Where the same waste came in last, as depots' likely_bays: null where it did not come lately.
  #usualBay(drum) {
    const lately = this.#entered.filter((one) => one.place === "stock" && one.bay !== null).slice(-LATELY);
    return this.#bays.get(lately.findLast((one) => one.waste_code === drum.waste_code)?.bay) ?? null;
  }

  // How well a bay suits, the smallest first: meant for just this waste, the same waste there already, then by code.
  #likes(bay, drum) {
    const alike = [...bay.drums].some((one) => one.waste_code === drum.waste_code);
    return `${bay.admits.length ? 0 : 1}${alike ? 0 : 1}${bay.code}`;
  }

  // Why a drum may not stand in a bay, the gravest reason; null when it may.
  problem(bay, drum, mass = drum.mass_g) {
    const there = [...bay.drums].filter((one) => one !== drum);
    if (!admits(bay, drum)) return "bay_not_admitted";
    if (there.some((one) => this.#react(drum.groups ?? [], one.groups ?? []))) return "bay_incompatible";
    // What nobody has said anything about is not to be taken for harmless: it stands with its own kind alone.
    const strangers = there.filter((one) => one.waste_code !== drum.waste_code);
    if (strangers.some((one) => drum.groups === null || one.groups === null)) return "bay_reaction_unknown";
    if (bay.capacity_g !== null && sum(there, (one) => one.mass_g) + mass > bay.capacity_g) return "bay_full";
    if (bay.places !== null && there.length + 1 > bay.places) return "bay_no_place";
    return bundTooSmall(bay, drum, there) ? "bund_too_small" : null;
  }

  #react(own, others) {
    return this.#snapshot.reactions.pairs.some(({ a, b }) => meet(own, others, a, b) || meet(others, own, a, b));
  }

  // Beyond the district's limits, in grams times a hundred: exact.
  #weighAgain(drum, grams) {
    const { limits } = this.#snapshot, difference = Math.abs(grams - drum.mass_g);
    if (!limits || !difference) return null;
    const share = difference * 100, over = (percent) => share > drum.mass_g * Number(percent);
    if (!over(limits.significant_percent) && !over(limits.notice_percent) && difference <= Number(limits.notice_kg) * GRAMS) return null;
    const percent = over(limits.significant_percent) ? limits.significant_percent : limits.notice_percent;
    return { declared_kg: kilograms(drum.mass_g), received_kg: kilograms(grams), limit_percent: percent };
  }
}

function meet(these, those, left, right) {
  if (right === ANYTHING) return these.includes(left) && !those.includes(left);
  return these.includes(left) && those.includes(right);
}

function admits(bay, drum) {
  const category = `HW${drum.waste_code.slice(-2)}`;
  const byCode = !bay.admits.length || bay.admits.includes(drum.waste_code) || bay.admits.includes(category);
  return byCode && (!bay.hazards.length || drum.hazards.every((letter) => bay.hazards.includes(letter)));
}

// The largest liquid container, or a tenth of them all (GB 18597 6.2.2); in tenths of a litre, so that it is exact.
function bundTooSmall(bay, drum, there) {
  if (drum.form !== LIQUID || bay.bund_l === null) return false;
  const volumes = [drum, ...there.filter((one) => one.form === LIQUID)].map((one) => Math.round(Number(one.volume_l) * 10));
  const bund = bay.bund_l * 10;
  return Math.max(...volumes) > bund || sum(volumes, (volume) => volume) > bund * 10;
}

function sum(rows, value) { return rows.reduce((total, row) => total + value(row), 0); }

const loadAfter = ({ containers, loaded }, manifest) => ({ manifest, expected: containers.size, done: loaded.size + 1 });
const blank = (value) => value === undefined || value === null || value === "";

// Whole grams; null where nothing was weighed.
function gramsOf(kg) { return blank(kg) ? null : Math.round(Number(kg) * GRAMS); }

const kilograms = (grams) => String(grams / GRAMS);
const grouped = (drum) => `${drum.short_code.slice(0, 4)}-${drum.short_code.slice(4)}`;

function told(drum) {
  const { code, short_code, state, waste_code, name, mass_g, generator, deadline = null } = drum;
  return { code, short_code, state, waste_code, name, mass_kg: kilograms(mass_g), generator, storage_deadline: deadline };
}
