// A split: what is left to place while masses are typed, one more drum, the rest into the last. Without it the page
// works by round trips, and the server adds up all the same.
const form = document.querySelector("form[data-regroup]");
const wholeG = Number(form.dataset.wholeG), list = form.querySelector("[data-parts]"), sum = form.querySelector("[data-sum]");
const add = form.querySelector("[data-add]"), rest = form.querySelector("[data-rest]");
const masses = () => [...list.querySelectorAll("[data-mass]")];

// Grams of a mass as people type it (units.typed_kg); null for what the server must judge, 0 for an empty field.
function gramsOf(text) {
  const plain = text.normalize("NFKC").trim().toLowerCase().replace(/\s*(kg|公斤|千克)$/, "");
  if (!plain) return 0;
  const match = /^(\d*)[.,。]?(\d{0,3})$/.exec(plain);
  if (!match || !(match[1] || match[2])) return null;
  if (plain.includes(",") && match[2].length === 3 && /[1-9]/.test(match[1])) return null;
  return Number(match[1] || 0) * 1000 + Number(match[2].padEnd(3, "0"));
}

function left() {
  return masses().reduce((grams, field) => grams - (gramsOf(field.value) ?? 0), wholeG);
}

const kg = (grams) => String(Math.abs(grams) / 1000);

function show() {
  const grams = left(), word = grams > 0 ? "left" : grams < 0 ? "over" : "even";
  sum.querySelector("[data-left]").textContent = kg(grams);
  for (const span of sum.querySelectorAll("[data-word]")) span.hidden = span.dataset.word !== word;
  sum.classList.toggle("is-even", word === "even");
  sum.classList.toggle("is-over", word === "over");
  rest.hidden = grams <= 0;
}

function one() {
  const parts = [...list.querySelectorAll("[data-part]")], part = parts.at(-1).cloneNode(true), number = parts.length;
  for (const error of part.querySelectorAll(".invalid-feedback")) error.remove();
  for (const field of part.querySelectorAll("input, select")) {
    const id = field.id.replace(/\d+$/, number);
    part.querySelector(`label[for="${field.id}"]`).htmlFor = id;
    field.id = id;
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
    if (field.tagName === "SELECT") field.value = parts.at(-1).querySelector("select").value;
  }
  const mass = part.querySelector("[data-mass]");
  mass.value = "";
  list.append(part);
  if (add) add.hidden = number + 1 >= Number(add.dataset.most);
  show();
  mass.focus();
}

add?.addEventListener("click", (event) => {
  event.preventDefault();
  one();
});
rest.addEventListener("click", () => {
  const last = masses().at(-1);
  last.value = kg(left() + (gramsOf(last.value) ?? 0));
  show();
  last.focus();
});
// Not saved before it adds up; a mass that cannot be read here is the server's to refuse, in words.
form.addEventListener("submit", (event) => {
  if (left() === 0 || masses().some((field) => gramsOf(field.value) === null)) return;
  event.preventDefault();
  sum.classList.remove("is-called");
  requestAnimationFrame(() => sum.classList.add("is-called"));
  (masses().find((field) => !gramsOf(field.value)) ?? masses().at(-1)).focus();
});
for (const kind of ["input", "change"]) form.addEventListener(kind, show);
addEventListener("pageshow", show);
show();
