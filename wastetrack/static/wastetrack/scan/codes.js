// What a scanned or typed text means: the same reading as the site's labels/codes.py, for a device without a network.
// Pure: no DOM. `read(text, publicUrl)` → {kind: container|short|bay|foreign|garbage, code, text}; never throws for a text.

export const MAX_TEXT = 512;

// GB 32100: digits and capitals without I, O, S, V, Z.
const ALPHABET31 = "0123456789ABCDEFGHJKLMNPQRTUWXY";
const SHORT_LENGTH = 8, SHORT_WEIGHTS = [8, 7, 6, 5, 4, 3, 2, 1];
const LOOKALIKES = { I: "1", O: "0", S: "5", Z: "2" };
const CONTAINER = `[${ALPHABET31}]{18}[0-9]{8}[0-9]{8}[0-9]{3}`;
const WHOLE = new RegExp(`^([${ALPHABET31}]{18})([0-9]{8})([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{3})$`);
const INSIDE = new RegExp(`(?<![0-9A-Z])${CONTAINER}(?![0-9A-Z])`);
const URL_SHAPE = /^HTTPS?:\/\/([^/?#]+)([^?#]*)/;
const BAY_ID = /^[0-9A-Z-]{1,64}$/;
const AIM = /^\][A-Z][0-9A-Z]/;
// A Chinese input method types these for the keys . / ]
const IME = { "。": ".", "、": "/", "】": "]" };
// What Python's str.isspace() calls a space; a browser's \s differs in the separators and the byte-order mark.
const SPACE = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/u;
const SPACES = new RegExp(SPACE.source, "gu");
const HIDDEN = /\p{C}/u;

// Half-width capitals without control or invisible characters, AIM identifier or space around; at most MAX_TEXT.
export function fold(text) {
  const plain = text.normalize("NFKC").toUpperCase().replace(/[。、】]/g, (mark) => IME[mark]);
  let shown = "";
  for (const character of plain) {
    if (SPACE.test(character)) shown += " ";
    else if (!HIDDEN.test(character)) shown += character;
  }
  return cut(strip(strip(shown).replace(AIM, "")));
}

export function read(text, publicUrl) {
  if (longer(text)) return { kind: "garbage", code: null, text: cut(text) };
  const folded = fold(text);
  const plain = folded.replaceAll(" ", "");
  const [kind, code] = (plain.includes("://") ? readUrl(plain, publicUrl) : readBare(plain, publicUrl)) ?? ["garbage", null];
  return { kind, code, text: folded };
}

// As typed → as stored: no dash or space, capitals, look-alikes I O S Z read as 1 0 5 2.
export function shortCode(text) {
  const kept = text.normalize("NFKC").toUpperCase().replace(SPACES, "").replace(/\p{Pd}/gu, "");
  return kept.replace(/[IOSZ]/g, (letter) => LOOKALIKES[letter]);
}

// Whether this normalised text is a short code whose check character holds.
export function shortCodeOk(text) {
  if (text.length !== SHORT_LENGTH) return false;
  let sum = 0;
  for (let place = 0; place < SHORT_LENGTH; place++) {
    const value = ALPHABET31.indexOf(text[place]);
    if (value < 0) return false;
    sum += value * SHORT_WEIGHTS[place];
  }
  return sum % 31 === 0;
}

// The 37 characters of a container code, spaces and small letters allowed; null when it is none.
export function containerCode(text) {
  const code = text.replace(SPACES, "").toUpperCase();
  const match = WHOLE.exec(code);
  return match && isDay(Number(match[3]), Number(match[4]), Number(match[5])) && match[6] !== "000" ? code : null;
}

function isDay(year, month, day) {
  if (year < 1 || month < 1 || month > 12 || day < 1) return false;
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return day <= [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1];
}

function readUrl(text, publicUrl) {
  const match = URL_SHAPE.exec(text);
  if (!match) return null;
  const here = withoutScheme(match[0]).replace(/\/+$/, "");
  const ours = withoutScheme(siteAddress(publicUrl));
  if (here.split("/")[0] === ours.split("/")[0]) return here.startsWith(`${ours}/`) ? readPath(here.slice(ours.length)) : null;
  const inside = INSIDE.exec(text);
  return ["foreign", inside ? containerCode(inside[0]) : null];
}

function readPath(path) {
  const [, letter, name = "", ...more] = path.split("/");
  if (more.some(Boolean)) return null;
  const code = letter === "W" ? containerCode(name) : null;
  if (code) return ["container", code];
  return letter === "B" && BAY_ID.test(name) ? ["bay", name] : null;
}

function readBare(text, publicUrl) {
  const code = containerCode(text);
  if (code) return ["container", code];
  const short = shortCode(text);
  return shortCodeOk(short) ? ["short", short] : readMistyped(text, publicUrl);
}

// Our own payload through a keyboard layout that has other marks on the keys : / . and -.
function readMistyped(text, publicUrl) {
  const letters = lettersOf(text), prefix = lettersOf(`${siteAddress(publicUrl)}W`);
  const code = letters.startsWith(prefix) ? containerCode(letters.slice(prefix.length)) : null;
  return code ? ["container", code] : null;
}

const lettersOf = (text) => text.replace(/[^0-9A-Z]/g, "");

// SCHEME://HOST/PREFIX in capitals.
function siteAddress(publicUrl) {
  const [, scheme, host, path] = /^(https?):\/\/([^/?#]+)([^?#]*)/i.exec(publicUrl);
  return `${scheme}://${host}${path.replace(/\/+$/, "")}`.toUpperCase();
}

// HOST/PREFIX; the port that goes without saying goes unsaid, and http and https are one site.
function withoutScheme(address) {
  const [scheme, rest] = halves(address, "://");
  const [host, path] = halves(rest, "/");
  const port = scheme === "HTTPS" ? ":443" : ":80";
  const bare = host.endsWith(port) ? host.slice(0, -port.length) : host;
  return rest.includes("/") ? `${bare}/${path}` : bare;
}

function halves(text, mark) {
  const at = text.indexOf(mark);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + mark.length)];
}

function strip(text) {
  return text.replace(/^ +| +$/g, "");
}

// Lengths count characters, as the site does, not the halves of a pair.
function longer(text) {
  return text.length > MAX_TEXT && (text.length > 2 * MAX_TEXT || [...text].length > MAX_TEXT);
}

function cut(text) {
  return text.length > MAX_TEXT ? [...text].slice(0, MAX_TEXT).join("") : text;
}
