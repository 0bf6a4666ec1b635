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
(document.querySelector("input[aria-invalid], select[aria-invalid]") ?? document.querySelector("[data-focus]"))?.focus();

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
  const show = () => {
    const picked = boxes().filter((box) => box.checked).length;
    bar.classList.toggle("is-on", picked > 0);
    bar.querySelector("[data-count]").textContent = String(picked);
    if (all) {
      all.checked = picked > 0 && picked === boxes().length;
      all.indeterminate = picked > 0 && !all.checked;
    }
  };
  form.addEventListener("change", (event) => {
    if (event.target === all) for (const box of boxes()) box.checked = all.checked;
    show();
  });
  show();
}

// What is live does not change under somebody's hands: no refresh while a field in it has the focus or a fold is open.
// A part that keeps its own fields (data-keeps: they are all hx-preserve) follows the feed all the same.
document.body.addEventListener("htmx:beforeRequest", (event) => {
  const { elt, requestConfig } = event.detail;
  if (!requestConfig.triggeringEvent?.type.startsWith("live") || elt.hasAttribute("data-keeps")) return;
  const busy = elt.contains(document.activeElement) && document.activeElement.matches("input, select, textarea");
  if (busy || elt.querySelector("details[open]")) event.preventDefault();
});

// <p data-stale="live:alert" hidden>: says that the page is old, once something has come.
for (const note of document.querySelectorAll("[data-stale]")) {
  document.body.addEventListener(note.dataset.stale, () => { note.hidden = false; });
}
