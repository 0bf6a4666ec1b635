// What this device still keeps: how many scans wait and since when, and those that a person has to look at.

import { button, fill, grouped, make } from "./verdict.js";

const FRESH_MS = 2_000;                         // a scan on its way is not yet one that waits

export function span(milliseconds, words) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return fill(words.seconds, { n: seconds });
  if (seconds < 3600) return fill(words.minutes, { n: Math.floor(seconds / 60) });
  if (seconds < 48 * 3600) return fill(words.hours, { n: Math.floor(seconds / 3600) });
  return fill(words.days, { n: Math.floor(seconds / 86400) });
}

export class Kept {
  constructor({ line, list, words, queue }) {
    Object.assign(this, { line, list, words, queue, state: null });
    this.says = line.querySelector("[data-part=kept]");
    this.opener = line.querySelector("button");
    this.opener.addEventListener("click", () => this.open(this.list.hidden));
    setInterval(() => this.draw(), 1_000);
  }

  told(state) {
    const before = this.state?.parked ?? 0;
    this.state = state;
    this.draw();
    if (state.parked !== before || (state.parked && !this.list.querySelector("li"))) this.drawParked();
  }

  draw() {
    if (!this.state) return;
    const { waiting, oldestAt, parked, sending } = this.state, age = oldestAt ? Date.now() - oldestAt : 0;
    const waits = waiting > 1 || (waiting === 1 && age > FRESH_MS);
    this.line.dataset.waits = waits ? "yes" : "no";
    const calm = waiting || sending ? this.words.sending : this.words.allSent;
    const text = waits ? fill(this.words.waiting, { n: waiting, t: span(age, this.words) }) : calm;
    // A reader of the screen hears it when it changes, not every second.
    if (this.says.textContent !== text) this.says.textContent = text;
    this.opener.hidden = !parked;
    this.opener.textContent = fill(this.words.settled, { n: parked });
    this.line.hidden = false;
  }

  open(on) {
    this.list.hidden = !on;
    this.opener.setAttribute("aria-expanded", String(on));
  }

  async drawParked() {
    const parked = await this.queue().parked();
    this.list.querySelector("ul").replaceChildren(...parked.map((one) => this.row(one)));
    if (!parked.length) this.open(false);
  }

  row({ nonce, scan, answer, at }) {
    const row = make("li"), drum = answer.container;
    const time = make("time", "muted small figure", new Date(scan.scanned_at ?? at).toLocaleString(this.words.language));
    const text = String(scan.text ?? "").trim();
    row.append(
      make("strong", "code", drum ? grouped(drum.short_code) : text.split("/").pop().slice(0, 40)), " ",
      make("span", "muted", this.words.modes[scan.intent] ?? scan.intent), " ", time,
      make("p", "", answer.flag?.message ?? answer.message ?? answer.reason ?? ""),
    );
    const doing = make("p", "parked-do");
    if (answer.action?.href) {
      const way = make("a", "btn", answer.action.label);
      way.href = answer.action.href;
      doing.append(way);
    }
    doing.append(button("btn", this.words.seen, () => this.queue().putAway(nonce)));
    row.append(doing);
    return row;
  }
}
