// What binds a signature to what was shown, and seals its PIN to the site (manifests/sealing.py): the device keeps
// nothing that anybody could read, and a seal opens for this stop, nonce, time and content alone. Pure: no DOM.

const INFO = "wastetrack signature v1", IV_BYTES = 12;
const bytes = (text) => new TextEncoder().encode(text);

// The digest of what both saw: a line for the parties, for each drum, for each new drum with its mass.
export async function shownDigest(head, drums, fresh) {
  const lines = [
    ...drums.map(({ code, seen }) => `drum ${code} ${seen}`),
    ...fresh.map(({ stream, seen, mass_kg }) => `new ${stream} ${seen} ${mass_kg}`),
  ].sort();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes([head, ...lines].join("\n"))));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export const boundTo = (role, stop, { nonce, shown, signed_at }) => [role, stop, nonce, shown, signed_at].join("\n");

// `told`: { pin, username? } → base64 of point, IV and ciphertext. The ephemeral key is gone with this call.
export async function seal(key64, bound, told) {
  const site = await crypto.subtle.importKey("raw", from64(key64), { name: "ECDH", namedCurve: "P-256" }, false, []);
  const own = await crypto.subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, false, ["deriveBits"]);
  const point = new Uint8Array(await crypto.subtle.exportKey("raw", own.publicKey));
  const secret = await crypto.subtle.deriveBits({ name: "ECDH", public: site }, own.privateKey, 256);
  const base = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveKey"]);
  const how = { name: "HKDF", hash: "SHA-256", salt: point, info: bytes(INFO) };
  const key = await crypto.subtle.deriveKey(how, base, { name: "AES-GCM", length: 256 }, false, ["encrypt"]);
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const box = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: bytes(bound) }, key, bytes(JSON.stringify(told)));
  return to64(new Uint8Array([...point, ...iv, ...new Uint8Array(box)]));
}

const from64 = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const to64 = (raw) => btoa(String.fromCharCode(...raw));
