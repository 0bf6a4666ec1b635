// What stands beside the verdict: what is still missing, what is still to load, the last scans. From the site when there
// is time; without it, from what the device knows.

import { fill, grouped, make } from "./verdict.js";

const PAUSE_MS = 400;                           // after the last scan: twenty a second must not ask twenty times

export class Aside {
  constructor({ box, words, asked, local, place, busy }) {
    Object.assign(this, { box, words, asked, local, place, busy, timer: null });
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.refresh(), PAUSE_MS);
  }

  async refresh() {
    const known = await this.local();
    if (known) return this.drawLocal(known);
    if (this.busy()) return this.later();
    const { depot, container, intent } = this.asked(), query = new URLSearchParams({ depot, container, intent });
    const response = await fetch(`/scan/aside?${query}`, { headers: { "HX-Request": "true" } }).catch(() => null);
    if (!response?.ok) return;
    const read = new DOMParser().parseFromString(await response.text(), "text/html");
    const fresh = read.getElementById("scan-aside");
    if (!fresh || this.busy()) return;
    this.box.replaceChildren(...fresh.childNodes);
    const place = read.getElementById("scan-place");
    if (place?.content.childElementCount) this.place(place.content.childNodes, container);
    this.choose();
  }

  // Only what belongs to the mode.
  choose() {
    const { intent } = document.getElementById("scan").dataset;
    for (const card of this.box.querySelectorAll("[data-modes]")) card.hidden = !card.dataset.modes.split(" ").includes(intent);
  }

  drawLocal({ stock, waiting }) {
    if (!stock) return;
    const gone = new Set(waiting.filter((scan) => scan.said === "accepted").map((scan) => String(scan.text)));
    const done = (drum) => [...gone].some((text) => text.includes(drum.code) || text.toUpperCase().replaceAll("-", "").includes(drum.short_code));
    const loads = new Map();
    for (const drum of stock.expected ?? []) {
      const load = loads.get(drum.manifest) ?? loads.set(drum.manifest, []).get(drum.manifest);
      if (!done(drum)) load.push(drum);
    }
    const box = this.box.querySelector("#expected");
    if (!box) return;
    box.replaceChildren(...[...loads].map(([number, drums]) => {
      const load = make("article", "load"), missing = make("p", "load-missing");
      load.append(make("p", "load-head code", number), missing);
      missing.append(make("span", "muted", drums.length ? this.words.missing : fill(this.words.allIn, {})));
      for (const drum of drums.slice(0, 12)) missing.append(" ", make("span", "code", grouped(drum.short_code)));
      if (drums.length > 12) missing.append(" …");
      return load;
    }));
  }
}
