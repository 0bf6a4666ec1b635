// Setting up a scanner: one reading of a known code tells how it ends and what becomes of its letters and marks.

import { fold } from "./codes.js";
import { fill } from "./verdict.js";
import { Wedge, keepingLines, learn } from "./wedge.js";

const PLACE = "scan-suffix";

// enter | feed | tab, as learned on this device; null before.
export function learnedEnd() {
  try {
    return localStorage.getItem(PLACE);
  } catch {
    return null;
  }
}

// learned(end): the scanner's end is known now; closed(): the page has its field back.
export function setUp(dialog, words, learned, closed) {
  const wanted = dialog.querySelector("[data-wanted]").dataset.wanted;
  const says = dialog.querySelector("[role=status]"), field = keepingLines(dialog.querySelector("input"));
  const tell = (text, kind = "") => {
    says.textContent = text;
    says.dataset.kind = kind;
  };
  new Wedge(field, (text, end) => {
    const found = learn(text, wanted, fold);
    if (found === "wrong") return tell(fill(words.setupWrong, { s: text.slice(0, 60) }), "wrong");
    try {
      localStorage.setItem(PLACE, end);
    } catch {
      // Not remembered: every suffix ends a scan, as before.
    }
    tell(fill(words[{ exact: "setupExact", folded: "setupFolded", layout: "setupLayout" }[found]], { e: words[end] }), found);
    learned(end);
  });
  field.addEventListener("input", () => {
    if (field.value && learn(field.value, wanted, fold) !== "wrong") tell(words.setupNoEnd, "wrong");
  });
  dialog.querySelector("#scan-setup-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    field.value = "";
    closed();
    // It is opened at the foot of the page; the verdicts are at its head.
    scrollTo({ top: 0 });
  });
  return () => {
    tell(words.setupWait);
    dialog.showModal();
    field.focus();
  };
}
