// Small helpers every page may use. All of it is comfort: pages work without.

// <button data-copy="text">: puts the text on the clipboard and says so for a moment.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    const range = document.createRange();
    range.selectNodeContents(button.querySelector(".code") ?? button);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    document.execCommand("copy");
  }
  button.classList.add("is-copied");
  setTimeout(() => button.classList.remove("is-copied"), 1200);
});

// <details class="menu">: closes by Escape and by a click elsewhere.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
  document.getElementById("toasts")?.replaceChildren();
});

// <button data-close-toast>
document.addEventListener("click", (event) => event.target.closest("[data-close-toast]")?.closest(".toast-note").remove());

// A refused form is gone on with at its first wrong field, or at its message.
const wrong = document.querySelector("[aria-invalid='true']");
(wrong?.querySelector("input:not([type=hidden], :disabled)") ?? wrong ?? document.querySelector("[data-focus]"))?.focus();

// A form that creates (data-once) goes once; brought back by the Back button, it is asked for anew.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.target || !form.querySelector("[data-once]")) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
});
addEventListener("pageshow", (event) => {
  if (event.persisted && document.querySelector("form[data-sent]")) location.reload();
});

// What was typed into a form that creates outlives a detour: the door, the other language, an old page. It is kept by
// who typed it, in this tab, for half an hour; never a password, a hidden field or a file.
const KEPT_MS = 30 * 60_000, KEPT = "typed:";
const lasting = [...document.querySelectorAll("form:not([data-forget]):has([data-once])")];
const placeOf = (form) => `${KEPT}${form.querySelector("[data-once]").dataset.once}:${form.getAttribute("action")}:${location.search}`;
const lasts = (control) => control.name && !control.matches("[type=hidden], [type=password], [type=file], [type=submit], button, fieldset");
const ticks = (control) => control.matches("[type=checkbox], [type=radio]");

function keep(form, sent) {
  const values = {};
  for (const control of [...form.elements].filter(lasts)) {
    values[control.name] ??= [];
    if (!ticks(control) || control.checked) values[control.name].push(control.value);
  }
  try {
    sessionStorage.setItem(placeOf(form), JSON.stringify({ values, sent, at: Date.now() }));
  } catch {
    // A browser that keeps nothing: the form works without.
  }
}

function kept(place) {
  try {
    return JSON.parse(sessionStorage.getItem(place));
  } catch {
    return null;
  }
}

function restore(form) {
  const found = kept(placeOf(form));
  // A refused form came back with what was typed; a half-hour old one is another day's.
  if (!found || form.querySelector(".refusal, [aria-invalid='true']")) return;
  for (const control of [...form.elements].filter(lasts)) {
    const values = found.values[control.name];
    if (!values || control.disabled) continue;
    const before = ticks(control) ? control.checked : control.value;
    if (ticks(control)) control.checked = values.includes(control.value);
    else if (values.length) control.value = values.shift();
    const fold = control.closest("details:not([open])");
    if (fold && before !== (ticks(control) ? control.checked : control.value)) fold.open = true;
  }
  form.dispatchEvent(new Event("change"));
  form.querySelector("input[data-row]")?.dispatchEvent(new Event("change", { bubbles: true }));
}

try {
  // What was sent and led to another page is done with, unless that page is the door or a refusal.
  const detour = document.querySelector(".refusal-page, .door-parts");
  const here = new Set(lasting.map(placeOf));
  for (const place of Object.keys(sessionStorage).filter((name) => name.startsWith(KEPT))) {
    const found = kept(place);
    if (!found || Date.now() - found.at > KEPT_MS || (found.sent && !detour && !here.has(place))) sessionStorage.removeItem(place);
  }
} catch {
  // No storage, nothing to forget.
}
// Once htmx listens too: what hangs on a choice is read anew.
addEventListener("DOMContentLoaded", () => lasting.forEach(restore));
for (const kind of ["input", "change", "submit"]) {
  document.addEventListener(kind, (event) => {
    const form = event.target.closest("form");   // not `.form`: a form may have a field of that name
    if (lasting.includes(form)) keep(form, kind === "submit");
  });
}

// <form data-auto>: sends itself when a choice changes (its button stays for those without scripts).
document.addEventListener("change", (event) => {
  const form = event.target.form;
  if (form?.hasAttribute("data-auto") && event.target.matches("select, input[type=checkbox], input[type=radio]")) {
    form.requestSubmit();
  }
});

// <table data-pick>: a bar that counts the ticked rows, and one tick for all.
for (const form of document.querySelectorAll("form[data-pick]")) {
  const boxes = () => [...form.querySelectorAll("input[type=checkbox][data-row]")];
  const all = form.querySelector("[data-all]"), bar = form.querySelector("[data-bar]");
  if (!bar) continue;
  const show = () => {
    const ticked = boxes().filter((box) => box.checked), picked = ticked.length;
    bar.classList.toggle("is-on", picked > 0);
    bar.querySelector("[data-count]").textContent = String(picked);
    const mass = bar.querySelector("[data-mass]");
    if (mass) {
      // As everywhere: kg below a tonne, t above.
      const kg = ticked.reduce((sum, box) => sum + Number(box.dataset.massG), 0) / 1000, heavy = kg >= 1000;
      mass.textContent = String(heavy ? Math.round(kg) / 1000 : kg);
      const unit = bar.querySelector("[data-unit]");
      if (unit) unit.textContent = heavy ? "t" : "kg";
    }
    if (all) {
      all.checked = picked > 0 && picked === boxes().length;
      all.indeterminate = picked > 0 && !all.checked;
    }
  };
  form.addEventListener("change", (event) => {
    if (event.target === all) for (const box of boxes()) box.checked = all.checked;
    show();
  }, true);                                     // before htmx reads the form
  show();
}

// What is live does not change under somebody's hands: no refresh while a field in it has the focus or a fold is open.
// A part that keeps its own fields (data-keeps: they are all hx-preserve) follows the feed all the same.
document.body.addEventListener("htmx:beforeRequest", (event) => {
  const { elt, requestConfig } = event.detail;
  if (!requestConfig.triggeringEvent?.type.startsWith("live") || elt.hasAttribute("data-keeps")) return;
  const busy = elt.contains(document.activeElement) && document.activeElement.matches("input, select, textarea");
  if (!busy && !elt.querySelector("details[open]")) return;
  event.preventDefault();
  // <p data-held hidden> inside the part: says that it is older than what has come.
  elt.querySelector("[data-held]")?.removeAttribute("hidden");
});
