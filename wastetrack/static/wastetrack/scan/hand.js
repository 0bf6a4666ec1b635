// Putting away, drum first: the drums in hand, and the bays that may take them. They are kept on the device until a
// bay is scanned or tapped, or somebody puts them down again.

import { standing } from "./rules.js";
import { button, fill, make } from "./verdict.js";

const ASK_MS = 1_500;                           // no answer by then: the device proposes by what it knows

export class Hand {
  // place(drums, bay): somebody chose a bay for these. judge(drum): { bays: [{ code, name, problem }], best first, or null;
  // stands_in; stands_right }.
  constructor(box, { owner, words, place, judge }) {
    Object.assign(this, { box, words, place, judge, where: `hand:${owner}`, drums: [], asked: 0 });
    try {
      this.drums = JSON.parse(localStorage.getItem(this.where) ?? "[]");
    } catch {
      // A browser that keeps nothing: in hand as long as the page lives.
    }
  }

  get empty() { return this.drums.length === 0; }

  add(drum) {
    this.drums = [...this.drums.filter((one) => one.code !== drum.code), drum];
    this.keep();
  }

  drop(code) {
    this.drums = this.drums.filter((one) => one.code !== code);
    this.keep();
  }

  // All of them go there.
  give(bay) {
    const drums = this.drums;
    this.drums = [];
    this.keep();
    this.place(drums, bay);
  }

  keep() {
    try {
      localStorage.setItem(this.where, JSON.stringify(this.drums));
    } catch {
      // Not kept, then.
    }
    this.draw();
  }

  draw() {
    this.box.hidden = this.empty;
    this.box.replaceChildren(...this.drums.map((drum) => {
      const chip = make("span", "hand-drum");
      const down = button("icon-button", "×", () => this.drop(drum.code));
      down.setAttribute("aria-label", `${this.words.putDown}: ${drum.shown}`);
      chip.append(make("span", "code", drum.shown), down);
      return chip;
    }));
    if (!this.empty) this.box.prepend(make("span", "muted", fill(this.words.inHand, { n: this.drums.length })));
  }

  // { bays, stands_in, stands_right, … }: what may take this drum, by the site, or by the device when no answer comes. Null when a
  // later question has overtaken this one.
  async propose(drum, depot, online) {
    const turn = ++this.asked;
    const told = (online && await ask(drum, depot)) || this.judge(drum);
    return turn === this.asked ? told : null;
  }

  // Buttons of the bays, the best one big; those that may not take it are shown last and say so.
  choices(bays) {
    const able = (bays ?? []).filter((bay) => !bay.problem);
    return able.slice(0, 6).map((bay, index) => {
      const chosen = button(index ? "btn btn-lg bay-choice" : "btn btn-lg bay-choice is-best", "", () => this.give(bay.code));
      chosen.dataset.bay = bay.code;
      chosen.append(make("span", "place-code", bay.code));
      const about = [index ? "" : this.words.best, bay.name].filter(Boolean).join(" · ");
      if (about) chosen.append(make("span", "small", about));
      return chosen;
    });
  }
}

async function ask(drum, depot) {
  const query = new URLSearchParams({ depot, container: drum.code });
  const answer = await fetch(`/scan/proposal?${query}`, { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(ASK_MS) }).catch(() => null);
  return answer?.ok ? answer.json().catch(() => null) : null;
}

// The other bays of the stock that this device knows, those that may take the drum first, and where it stands; `bays` is
// null where the device knows none.
export function fitting(judge, stock, waiting, drum) {
  if (!stock) return { bays: null, stands_in: null, stands_right: false };
  const here = standing(stock, waiting, drum);
  const bays = stock.bays.filter(({ code }) => code !== here?.bay).map(({ code, name, admits }) => {
    const { verdict, reason } = judge(stock, waiting, { text: drum.text, intent: "put_away", bay: code });
    return { code, name, problem: verdict === "refused" ? reason : null, meant: admits.length > 0 };
  });
  bays.sort((a, b) => Number(Boolean(a.problem)) - Number(Boolean(b.problem)) || Number(b.meant) - Number(a.meant));
  return { bays, stands_in: here?.bay ?? null, stands_right: here?.problem === null };
}
