// A weight as people type it, the same as the site's units.typed_kg; and a weight with a code behind it. Pure.

const CODES = new Set(["container", "short", "bay", "foreign"]);
const LONGEST = 12;                             // characters of a weight

// "" for nothing typed, null for what is no weight.
export function typedKg(text) {
  const plain = text.normalize("NFKC").trim().toLowerCase().replace(/\s*(kg|公斤|千克)$/, "");
  if (!plain) return "";
  const match = /^(\d*)([.,。]?)(\d*)$/.exec(plain);
  if (!match || !(match[1] || match[3])) return null;
  const [, whole, sign, rest] = match;
  // "1,234" may be one or a thousand.
  if (rest.length > 3 || (sign === "," && rest.length === 3 && !/^0*$/.test(whole))) return null;
  return rest ? `${whole || "0"}.${rest}` : whole;
}

// What the mass field holds when a scanner may have typed into it: { kilograms, code }. `kindOf(text)` reads a code.
export function partedMass(text, kindOf) {
  if (CODES.has(kindOf(text))) return { kilograms: "", code: text };
  for (let at = 1; at <= Math.min(LONGEST, text.length - 8); at++) {
    const kilograms = typedKg(text.slice(0, at)), code = text.slice(at);
    if (kilograms !== null && CODES.has(kindOf(code))) return { kilograms, code };
  }
  const kilograms = typedKg(text);
  // A code that is none of ours is still no weight.
  if (kilograms === null && /[^\d.,。\skgKG公斤千克]/.test(text.normalize("NFKC"))) return { kilograms: "", code: text };
  return { kilograms, code: "" };
}
