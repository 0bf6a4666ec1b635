// The service worker: with it the scan page and a driver's round open without a network. Served at /sw.js behind a line
// that gives VERSION, STATIC (the address all static files begin with) and FILES (those of these pages, their names with
// a hash). It keeps static files and these pages of whoever is signed in, never an answer of the API or another page.

const KEPT = `static-${VERSION}`, PAGES = "pages", SHELL = "/scan", OFFLINE = "/offline";
const ROUND = /^\/rounds\/\d+$/;
const DOORS = new Set(["/sign-in", "/sign-out", "/act-as"]);
const PATIENCE_MS = 4_000;                      // a network that takes longer than this to bring the page is none
const HASHED = /\.[0-9a-f]{12}\./;

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("message", (event) => {
  if (event.data?.keep && event.source) event.waitUntil(keepAgain(event.source.url));
});
self.addEventListener("fetch", (event) => {
  const { request } = event, url = new URL(request.url);
  if (url.origin !== location.origin) return;
  // Whoever comes or goes: the pages of the one before are not for the next.
  if (request.method === "POST" && DOORS.has(url.pathname)) event.waitUntil(caches.delete(PAGES));
  if (request.method !== "GET") return;
  if (url.pathname.startsWith(STATIC)) event.respondWith(file(request));
  else if (request.mode === "navigate") event.respondWith(isKept(url) ? keptPage(event, url) : page(request));
});

async function install() {
  const cache = await caches.open(KEPT);
  await Promise.all(FILES.map(async (address) => {
    // A file whose name carries its hash is the same in every version.
    const same = HASHED.test(address) ? await caches.match(address) : undefined;
    await (same ? cache.put(address, same) : cache.add(new Request(address, { cache: "reload" })));
  }));
  await cache.add(new Request(OFFLINE, { cache: "reload" }));
  await self.skipWaiting();
}

async function activate() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name !== KEPT && name !== PAGES).map((name) => caches.delete(name)));
  await self.clients.claim();
}

async function file(request) {
  return (await caches.match(request)) ?? fetch(request);
}

// Any other page: from the network, or words that say why not.
async function page(request) {
  try {
    return await fetch(request);
  } catch {
    return (await caches.match(OFFLINE)) ?? Response.error();
  }
}

// A page that is kept: from the network while it answers in time, else as it was at the last visit.
async function keptPage(event, url) {
  const asked = fetch(event.request).then((response) => keep(url, response));
  event.waitUntil(asked.catch(() => {}));
  const kept = await found(url);
  if (!kept) return asked.catch(async () => (await caches.match(OFFLINE)) ?? Response.error());
  const late = new Promise((done) => setTimeout(done, PATIENCE_MS, kept));
  const fresh = asked.then((response) => (response.status >= 500 ? kept : response), () => kept);
  return Promise.race([fresh, late]);
}

const isKept = (url) => url.pathname === SHELL || ROUND.test(url.pathname);
const keyOf = (url) => (url.pathname === SHELL ? `${SHELL}?depot=${url.searchParams.get("depot") ?? ""}` : url.pathname);

async function found(url) {
  const pages = await caches.open(PAGES);
  // The page of another depot is better than none: it says which one it is of.
  return (await pages.match(keyOf(url))) ?? (url.pathname === SHELL ? pages.match(SHELL) : undefined);
}

async function keep(url, response) {
  if (response.type === "opaqueredirect") await caches.delete(PAGES);        // to the door: nobody is signed in
  if (!response.ok || response.redirected) return response;
  const pages = await caches.open(PAGES);
  await pages.put(keyOf(url), response.clone());
  if (url.pathname === SHELL) await pages.put(SHELL, response.clone());
  return response;
}

// The very first visit came before there was a worker to keep it.
async function keepAgain(address) {
  const url = new URL(address);
  if (isKept(url)) await keep(url, await fetch(address, { redirect: "manual" }));
}
