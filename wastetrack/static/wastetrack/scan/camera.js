// The camera as a scanner: looks at the live picture, and says each code once while it stays in view.

const OUT_OF_VIEW_MS = 2_000;                   // a code counts anew when it was gone this long
const STEADY_MS = 120;                          // seen twice this far apart: not a misreading, and no second code beside it
const ALONE_MS = 600;                           // after two codes in view, one counts when it was alone this long
const LOOK_MS = 60;                             // pause between two looks: the page stays quick on a cheap phone

// What a row of looks means. Pure: told the texts in view and the time, it answers what is new.
export class Sight {
  constructor() {
    this.seen = new Map();                      // text that counted → when it was last in view
    this.candidate = null;                      // { text, since }: alone in view, not counted yet
    this.crowdAt = null;                        // when several were last in view together, one of them new
  }

  // { take: text } · { which: [texts] } · {}
  look(texts, now) {
    for (const [text, at] of this.seen) if (now - at >= OUT_OF_VIEW_MS) this.seen.delete(text);
    if (this.crowdAt !== null && now - this.crowdAt >= OUT_OF_VIEW_MS) this.crowdAt = null;
    const inView = [...new Set(texts)], fresh = inView.filter((text) => !this.seen.has(text));
    for (const text of inView) if (this.seen.has(text)) this.seen.set(text, now);
    if (inView.length > 1 && fresh.length) {
      this.candidate = null;
      this.crowdAt = now;
      return { which: inView };
    }
    if (!fresh.length) {
      // A look that read nothing is no sign that the code has gone.
      if (inView.length) this.candidate = null;
      return {};
    }
    return this.alone(fresh[0], now);
  }

  alone(text, now) {
    if (this.candidate?.text !== text) {
      this.candidate = { text, since: now };
      return {};
    }
    if (now - this.candidate.since < (this.crowdAt === null ? STEADY_MS : ALONE_MS)) return {};
    this.count([text], now);
    return { take: text };
  }

  // These are dealt with: they count again only when they were out of view.
  count(texts, now) {
    for (const text of texts) this.seen.set(text, now);
    this.candidate = this.crowdAt = null;
  }
}

// The browser's own reader where it knows QR codes, else zxing as WebAssembly, served from here.
async function reader({ detector, wasm }) {
  const formats = ["qr_code", "data_matrix"];
  if ("BarcodeDetector" in window) {
    const known = await window.BarcodeDetector.getSupportedFormats().catch(() => []);
    if (known.includes("qr_code")) return new window.BarcodeDetector({ formats: formats.filter((name) => known.includes(name)) });
  }
  const { BarcodeDetector, prepareZXingModule } = await import(new URL(detector, location.href).href);
  await prepareZXingModule({ overrides: { locateFile: () => wasm }, fireImmediately: true });
  return new BarcodeDetector({ formats });
}

export class Camera {
  // `files`: addresses of the detector's script and its wasm. tell: { take(text), which(texts), failed(code) }
  // with code no_camera | camera_denied | camera_busy | no_reader.
  constructor(video, files, tell) {
    Object.assign(this, { video, files, tell, stream: null, sight: new Sight(), wanted: false });
    document.addEventListener("visibilitychange", () => {
      // A camera that nobody looks through is off: light, battery, trust.
      if (document.hidden) this.close();
      else if (this.wanted) this.open();
    });
  }

  get on() { return this.stream !== null; }

  async start() {
    this.wanted = true;
    await this.open();
  }

  stop() {
    this.wanted = false;
    this.close();
  }

  async open() {
    if (this.stream || this.opening) return;
    this.opening = true;
    try {
      const stream = await this.ask();
      if (!stream) return;
      if (!this.wanted || document.hidden) return halt(stream);
      this.stream = stream;
      this.video.srcObject = stream;
      await this.video.play();
      this.reader ??= await reader(this.files);
    } catch {
      this.fail("no_reader");
      return;
    } finally {
      this.opening = false;
    }
    this.watch(this.stream);
  }

  async ask() {
    if (!navigator.mediaDevices?.getUserMedia) return this.fail("no_camera");
    const wish = { facingMode: { ideal: "environment" }, width: { ideal: 1280 }, height: { ideal: 720 } };
    try {
      return await navigator.mediaDevices.getUserMedia({ video: wish, audio: false });
    } catch (error) {
      const codes = { NotAllowedError: "camera_denied", SecurityError: "camera_denied", NotReadableError: "camera_busy" };
      return this.fail(codes[error.name] ?? "no_camera");
    }
  }

  fail(code) {
    this.stop();
    this.tell.failed(code);
    return null;
  }

  close() {
    if (this.stream) halt(this.stream);
    this.stream = this.video.srcObject = null;
  }

  async watch(stream) {
    while (this.stream === stream) {
      const texts = await this.look();
      if (this.stream !== stream) return;
      const now = performance.now(), told = this.sight.look(texts, now);
      if (told.take) this.tell.take(told.take);
      else if (told.which) this.tell.which(told.which);
      await new Promise((done) => setTimeout(done, LOOK_MS));
    }
  }

  async look() {
    if (this.video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return [];
    try {
      return (await this.reader.detect(this.video)).map((code) => code.rawValue).filter((text) => text.trim());
    } catch {
      return [];                                // a frame that could not be read; the next one comes
    }
  }

  // A person chose among several: none of them asks again while it stays in view.
  chosen(texts) { this.sight.count(texts, performance.now()); }

  get hasTorch() { return Boolean(this.stream?.getVideoTracks()[0]?.getCapabilities?.().torch); }

  async torch(on) { await this.stream?.getVideoTracks()[0]?.applyConstraints({ advanced: [{ torch: on }] }).catch(() => {}); }
}

function halt(stream) {
  for (const track of stream.getTracks()) track.stop();
}
