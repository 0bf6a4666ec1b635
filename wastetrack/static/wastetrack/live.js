// The live feed of the page: one websocket, a cursor that survives reloads, and events on <body>.
//
//   feed, feed:<kind>            each frame {after, index, kind, subject, at, data}, in order, once
//   live, live:<kind of subject>, live:<subject>
//                                gathered: at most one a second however many frames come; what htmx listens to
//   live-slow                    gathered over ten seconds, for pages that add up a lot
//
// Every frame names the one before it (after). One that follows another than the last we have shows that something was
// lost on the way: then the socket is opened anew after what we have. An answer to a ping is a frame without an entry,
// so what was lost last is missed as well.

const body = document.body;
const GATHER_MS = 1000, GATHER_SLOW_MS = 10000;
const PING_MS = 1500, ANSWER_MS = 2000, BLINK_MS = 800;     // together within 5 s
const GIVE_UP_MS = 8000;                                    // a slow line may still answer
const FIRST_WAIT_MS = 500, LONGEST_WAIT_MS = 5000;
const NOBODY = 4401, FOREIGN = 4403, RESYNC = 4408;

const place = `feed:${body.dataset.feedReader}`;
const start = Number(body.dataset.feedAfter);

function kept() {
  const value = sessionStorage.getItem(place);
  return value === null ? start : Math.min(Number(value), start);
}

let cursor = kept();
let socket = null, wait = FIRST_WAIT_MS, pings = null, awaited = [], lost = false, ended = false;

function keep(index) {
  cursor = index;
  sessionStorage.setItem(place, String(cursor));
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
  const opened = new WebSocket(`${scheme}://${location.host}/ws/feed?lines=1&after=${cursor}`);
  socket = opened;
  expect(opened);
  opened.onopen = () => {
    if (opened !== socket) return;
    ping(opened);
    pings = setInterval(() => ping(opened), PING_MS);
  };
  opened.onmessage = (message) => {
    if (opened !== socket) return;
    heard();
    found();
    for (const line of message.data.split("\n")) {
      if (!take(JSON.parse(line))) {
        leave();
        again();
        return;
      }
    }
  };
  opened.onclose = (event) => { if (opened === socket) closed(event); };
}

// False for a frame that shows a gap before it.
function take(frame) {
  if (frame.after > cursor) return false;
  if (!frame.kind) wait = FIRST_WAIT_MS;
  if (frame.index <= cursor) return true;
  keep(frame.index);
  if (!frame.kind) return true;
  body.dispatchEvent(new CustomEvent(`feed:${frame.kind}`, { detail: frame }));
  body.dispatchEvent(new CustomEvent("feed", { detail: frame }));
  gather(frame);
  gatherSlowly(frame);
  return true;
}

function ping(opened) {
  opened.send("ping");
  if (!awaited.length) expect(opened);
}

// A dead line does not always close its socket: silence is told, and at last the socket is given up.
function expect(opened) {
  const giveUp = () => {
    if (opened !== socket) return;
    leave();
    again();
  };
  awaited = [setTimeout(missing, ANSWER_MS), setTimeout(giveUp, GIVE_UP_MS)];
}

function heard() {
  awaited.forEach(clearTimeout);
  awaited = [];
}

function leave() {
  const old = socket;
  socket = null;
  clearInterval(pings);
  heard();
  old?.close();
}

function again() {
  setTimeout(() => { if (!socket && !ended) open(); }, wait * (0.75 + Math.random() / 2));
  wait = Math.min(wait * 2, LONGEST_WAIT_MS);
}

function closed(event) {
  leave();
  if (ended || event.code === FOREIGN) return;
  if (event.code === NOBODY) {
    // Scans go on where they are kept on the device: that page says by itself who has to sign in.
    if (document.getElementById("scan")) {
      body.dispatchEvent(new CustomEvent("signed-out"));
      return;
    }
    location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
    return;
  }
  if (event.code === RESYNC && event.reason === "ahead") {
    // We have seen more than there is: the site was set back to an earlier day.
    sessionStorage.removeItem(place);
    location.reload();
    return;
  }
  missing();
  again();
}

// --- what the reader is told ---

const line = document.getElementById("link-lost");
let showing = null;

// A blink is not worth a word.
function missing() {
  if (lost) return;
  lost = true;
  showing = setTimeout(() => {
    line.textContent = line.dataset.lost;
    line.classList.remove("is-found");
    line.hidden = false;
  }, BLINK_MS);
}

function found() {
  if (!lost) return;
  lost = false;
  clearTimeout(showing);
  if (line.hidden) return;
  line.textContent = line.dataset.found;
  line.classList.add("is-found");
  setTimeout(() => { if (!lost) line.hidden = true; }, 2000);
}

// --- a new warning says so ---

const MOST_NAMED = 50;                        // the server asks no more of one page
const STAY_MS = 10000, ALARM_STAY_MS = 30000;  // long enough to be read, and held while somebody points at it
const CORNERS = ["", "is-left", "is-top", "is-top is-left"];
const toasts = document.getElementById("toasts");
const resolved = new Set();
let raised = [], announcing = null;

function leaves(note) {
  const stay = note.classList.contains("is-overdue") ? ALARM_STAY_MS : STAY_MS;
  let timer = setTimeout(() => note.remove(), stay);
  const hold = () => clearTimeout(timer);
  const goOn = () => {
    hold();
    if (!note.matches(":hover, :focus-within")) timer = setTimeout(() => note.remove(), stay);
  };
  for (const kind of ["pointerenter", "focusin"]) note.addEventListener(kind, hold);
  for (const kind of ["pointerleave", "focusout"]) note.addEventListener(kind, () => setTimeout(goOn));
}

// Into the corner where they cover the fewest things that one may want to press.
function settle() {
  const controls = [...document.querySelectorAll("main :is(a, button, input, select, summary, textarea)")]
    .map((one) => one.getBoundingClientRect());
  const covered = CORNERS.map((corner) => {
    toasts.className = `toasts ${corner}`;
    const notes = [...toasts.children].map((one) => one.getBoundingClientRect()).filter((box) => box.height);
    return controls.filter((one) => one.height && notes.some((box) => one.left < box.right && one.right > box.left
      && one.top < box.bottom && one.bottom > box.top)).length;
  });
  toasts.className = `toasts ${CORNERS[covered.indexOf(Math.min(...covered))]}`;
}

function announce(event) {
  raised.push(event.detail.subject.split(":")[1]);
  announcing ??= setTimeout(async () => {
    const ids = [...new Set(raised)];
    raised = [];
    announcing = null;
    const named = ids.slice(-MOST_NAMED), query = new URLSearchParams(named.map((id) => ["id", id]));
    query.set("more", String(ids.length - named.length));
    const answer = await fetch(`/alerts/toast?${query}`, { headers: { "HX-Request": "true" } }).catch(() => null);
    if (answer?.status !== 200) return;           // 204: none of them concerns this reader
    const box = document.createElement("div");
    box.innerHTML = await answer.text();
    const notes = [...box.children].filter((note) => !resolved.has(note.dataset.alert));
    toasts.replaceChildren(...notes);
    notes.forEach(leaves);
    settle();
  }, 300);
}

body.addEventListener("feed:alert.warn", announce);
body.addEventListener("feed:alert.fall_due", announce);
body.addEventListener("feed:alert.escalate", announce);

body.addEventListener("feed:alert.resolve", (event) => {
  const alert = event.detail.subject.split(":")[1];
  resolved.add(alert);
  toasts.querySelector(`[data-alert="${CSS.escape(alert)}"]`)?.remove();
});

addEventListener("offline", () => {
  if (!socket) return;
  leave();
  missing();
  again();
});
addEventListener("online", () => { wait = FIRST_WAIT_MS; if (!socket) open(); });
addEventListener("pagehide", () => { ended = true; leave(); });
addEventListener("pageshow", (event) => { if (event.persisted) { ended = false; if (!socket) open(); } });

if (!Number.isNaN(start) && body.dataset.feedAfter !== undefined) open();
