// The live feed of the page: one websocket, a cursor that survives reloads, and events on <body>.
//
//   feed, feed:<kind>            each frame {index, kind, subject, at, data}, in order, once
//   live, live:<kind of subject>, live:<subject>
//                                gathered: at most one a second however many frames come; what htmx listens to
//   live-slow                    gathered over ten seconds, for pages that add up a lot

const body = document.body;
const GATHER_MS = 1000, GATHER_SLOW_MS = 10000;
const PING_MS = 2000, SILENCE_MS = 4500;      // lost within 5 s
const FIRST_WAIT_MS = 500, LONGEST_WAIT_MS = 15000;
const CAUGHT_UP_MS = 5000;
const NOBODY = 4401, FOREIGN = 4403;

const place = `feed:${body.dataset.feedReader}`;
const start = Number(body.dataset.feedAfter);

function kept() {
  const value = sessionStorage.getItem(place);
  return value === null ? start : Math.min(Number(value), start);
}

let cursor = kept();
let socket = null, wait = FIRST_WAIT_MS, pings = null, answered = false, heard = 0, lost = false, ended = false;

function keep(index) {
  if (index > cursor) {
    cursor = index;
    sessionStorage.setItem(place, String(cursor));
  }
}

// --- gathering ---

function gatherer(period, tell) {
  let kinds = new Set(), timer = null, last = -Infinity;
  const fire = () => {
    const told = kinds;
    kinds = new Set();
    timer = null;
    last = performance.now();
    tell(told);
  };
  return (frame) => {
    kinds.add(frame.subject.split(":")[0]).add(frame.subject);
    timer ??= setTimeout(fire, Math.max(50, last + period - performance.now()));
  };
}

const gather = gatherer(GATHER_MS, (kinds) => {
  for (const kind of kinds) body.dispatchEvent(new CustomEvent(`live:${kind}`));
  body.dispatchEvent(new CustomEvent("live", { detail: { kinds: [...kinds] } }));
});
const gatherSlowly = gatherer(GATHER_SLOW_MS, () => body.dispatchEvent(new CustomEvent("live-slow")));

// --- the socket ---

function open() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const opened = new WebSocket(`${scheme}://${location.host}/ws/feed?after=${cursor}`);
  socket = opened;
  heard = performance.now();
  answered = false;
  opened.onopen = () => {
    heard = performance.now();
    pings = setInterval(() => ping(opened), PING_MS);
    // What came before the page is sent first and in order. Once that is over, nothing up to the page's own start is
    // missing, so the cursor need not stay behind at the last frame that this reader happened to see.
    setTimeout(() => { if (socket === opened) keep(start); }, CAUGHT_UP_MS);
  };
  opened.onmessage = (message) => {
    heard = performance.now();
    if (lost) found();
    wait = FIRST_WAIT_MS;
    if (message.data === "pong") { answered = true; return; }
    const frame = JSON.parse(message.data);
    if (frame.index <= cursor) return;
    keep(frame.index);
    body.dispatchEvent(new CustomEvent(`feed:${frame.kind}`, { detail: frame }));
    body.dispatchEvent(new CustomEvent("feed", { detail: frame }));
    gather(frame);
    gatherSlowly(frame);
  };
  opened.onclose = (event) => { if (socket === opened) closed(event.code); };
}

function ping(opened) {
  if (opened !== socket) return;
  if (answered && performance.now() - heard > SILENCE_MS) {
    drop();
  } else if (opened.readyState === WebSocket.OPEN) {
    opened.send("ping");
  }
}

// A dead line does not always close the socket: then it is given up here.
function drop() {
  const old = socket;
  socket = null;
  if (old) old.close();
  closed(0);
}

function closed(code) {
  clearInterval(pings);
  socket = null;
  if (ended) return;
  if (code === NOBODY) {
    // Scans go on where they are kept on the device: that page says by itself who has to sign in.
    if (document.getElementById("scan")) {
      body.dispatchEvent(new CustomEvent("signed-out"));
      return;
    }
    location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
    return;
  }
  if (code === FOREIGN) return;
  missing();
  setTimeout(() => { if (!socket) open(); }, wait * (0.75 + Math.random() / 2));
  wait = Math.min(wait * 2, LONGEST_WAIT_MS);
}

// --- what the reader is told ---

const line = document.getElementById("link-lost");
let showing = null;

function missing() {
  if (lost) return;
  lost = true;
  // A blink is not worth a word.
  showing = setTimeout(() => {
    line.textContent = line.dataset.lost;
    line.classList.remove("is-found");
    line.hidden = false;
  }, 800);
}

function found() {
  lost = false;
  clearTimeout(showing);
  if (line.hidden) return;
  line.textContent = line.dataset.found;
  line.classList.add("is-found");
  setTimeout(() => { if (!lost) line.hidden = true; }, 2000);
}

// --- a new warning says so ---

let raised = [], announcing = null;

function announce(event) {
  raised.push(event.detail.subject.split(":")[1]);
  announcing ??= setTimeout(async () => {
    const ids = [...new Set(raised)];
    raised = [];
    announcing = null;
    const shown = ids.slice(-2), query = new URLSearchParams(shown.map((id) => ["id", id]));
    query.set("more", String(ids.length - shown.length));
    const answer = await fetch(`/alerts/toast?${query}`, { headers: { "HX-Request": "true" } }).catch(() => null);
    if (!answer?.ok) return;
    const box = document.createElement("div");
    box.innerHTML = await answer.text();
    document.getElementById("toasts").replaceChildren(...box.children);
  }, 300);
}

body.addEventListener("feed:alert.warn", announce);
body.addEventListener("feed:alert.fall_due", announce);

addEventListener("offline", drop);
addEventListener("online", () => { wait = FIRST_WAIT_MS; if (!socket) open(); });
addEventListener("pagehide", () => { ended = true; socket?.close(); });
addEventListener("pageshow", (event) => { if (event.persisted) { ended = false; if (!socket) open(); } });

if (!Number.isNaN(start) && body.dataset.feedAfter !== undefined) open();
