// What a scanner types into a field, cut into scans. A scan ends with its suffix (Enter, line feed or Tab), never with a
// pause; the field is emptied in the same step, as the next scan may already be on its way. Nothing is folded here.

const ENDS = /\r\n|[\r\n\t]/;
const KEYS = { Enter: "enter", NumpadEnter: "enter", Tab: "tab" };
const CONTROL_KEYS = { j: "feed", m: "enter" };  // Ctrl+J and Ctrl+M: what some scanners send for LF and CR
const LONGEST = 8192;                            // characters without an end: nothing that a scanner types

// Whole scans out of a text, and what is left behind the last end: { scans: [{ text, end }], rest }.
export function cut(text) {
  const scans = [];
  let rest = text;
  for (let match = ENDS.exec(rest); match; match = ENDS.exec(rest)) {
    const one = rest.slice(0, match.index);
    if (one.trim()) scans.push({ text: one, end: match[0] === "\t" ? "tab" : match[0] === "\n" ? "feed" : "enter" });
    rest = rest.slice(match.index + match[0].length);
  }
  return { scans, rest };
}

// A one-line field drops line ends and runs two scans together: with scripts it is a text area that looks like one.
export function keepingLines(field) {
  const area = document.createElement("textarea");
  for (const { name, value } of field.attributes) if (!["type", "value", "maxlength"].includes(name)) area.setAttribute(name, value);
  area.rows = 1;
  area.wrap = "off";
  area.value = field.value;
  field.replaceWith(area);
  return area;
}

export class Wedge {
  // taken(text, end): one scan. `tabEnds`: whether Tab ends a scan; where it does not, it walks through the page.
  constructor(field, taken, { tabEnds = true } = {}) {
    this.field = field;
    this.taken = taken;
    this.tabEnds = tabEnds;
    this.endAfterComposing = null;
    field.addEventListener("keydown", (event) => this.key(event));
    field.addEventListener("input", (event) => this.input(event));
    field.addEventListener("compositionend", () => this.composed());
  }

  // What stands in the field is one scan.
  take(end = "enter") {
    const text = this.field.value;
    this.field.value = "";
    if (text.trim()) this.taken(text, end);
  }

  cutField() {
    const { scans, rest } = cut(this.field.value);
    if (scans.length || rest !== this.field.value) this.field.value = rest.length > LONGEST ? "" : rest;
    for (const { text, end } of scans) this.taken(text, end);
  }

  input(event) {
    // An input method still owns the text: to change it now would type it twice.
    if (event.isComposing) return;
    this.cutField();
  }

  key(event) {
    const end = endOf(event);
    if (!end || event.shiftKey || event.altKey) return;
    if (event.isComposing || event.keyCode === 229) {
      // The input method takes this key for itself; the text is there when it is done.
      if (end !== "tab" || this.tabEnds) this.endAfterComposing = end;
      return;
    }
    // Tab goes on through the page where nothing was typed, or where the scanner is known to send Enter.
    if (end === "tab" && (!this.tabEnds || !this.field.value.trim())) return;
    event.preventDefault();
    this.take(end);
  }

  composed() {
    const end = this.endAfterComposing;
    this.endAfterComposing = null;
    this.cutField();
    if (end) this.take(end);
  }
}

function endOf(event) {
  if (event.ctrlKey) return CONTROL_KEYS[event.key.toLowerCase()] ?? (event.key === "Enter" ? "enter" : null);
  // With an input method on, `key` says "Process" and only `code` tells the key.
  return KEYS[event.key] ?? KEYS[event.code] ?? null;
}

// What the set-up learns of a scanner from one reading of a known text: how it ends, and what became of the text.
//   exact: as printed · folded: only case and width differ, which the site mends · layout: the marks of another keyboard
//   layout, which the site mends for its own labels · wrong: something else
export function learn(typed, wanted, fold) {
  if (typed === wanted) return "exact";
  if (fold(typed) === wanted) return "folded";
  const letters = (text) => text.replace(/[^0-9A-Z]/g, "");
  return letters(fold(typed)) === letters(wanted) ? "layout" : "wrong";
}
