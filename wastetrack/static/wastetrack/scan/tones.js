// Tones: each verdict has its own, told apart without looking.

const TONES = {
  accepted: [[1046, 0, 0.12, "sine"]],
  "repeated-accepted": [[784, 0, 0.07, "sine"], [784, 0.13, 0.07, "sine"]],
  flagged: [[880, 0, 0.12, "triangle"], [587, 0.16, 0.22, "triangle"]],
  weigh: [[659, 0, 0.1, "triangle"], [659, 0.15, 0.1, "triangle"], [659, 0.3, 0.1, "triangle"]],
  hand: [[988, 0, 0.05, "sine"]],
  kept: [[523, 0, 0.1, "sine"]],
  which: [[440, 0, 0.12, "square"], [440, 0.18, 0.12, "square"]],
  refused: [[140, 0, 0.45, "square"]],
  "repeated-refused": [[140, 0, 0.14, "square"], [140, 0.2, 0.14, "square"]],
};
const BUZZES = { refused: [200, 80, 200], "repeated-refused": [100, 60, 100], flagged: [120], weigh: [120], which: [120] };
let speaker = null;

// Browsers let a page sound only after somebody has touched it.
for (const kind of ["pointerdown", "keydown"]) {
  addEventListener(kind, () => {
    speaker ??= "AudioContext" in window ? new AudioContext() : null;
    speaker?.resume();
  }, { passive: true });
}

export function sound(kind) {
  if (BUZZES[kind]) navigator.vibrate?.(BUZZES[kind]);
  if (speaker?.state !== "running") return;
  for (const [pitch, start, length, shape] of TONES[kind] ?? []) {
    const tone = speaker.createOscillator(), level = speaker.createGain();
    const from = speaker.currentTime + start;
    tone.type = shape;
    tone.frequency.value = pitch;
    level.gain.setValueAtTime(0.25, from);
    level.gain.setTargetAtTime(0, from + length, 0.015);
    tone.connect(level).connect(speaker.destination);
    tone.start(from);
    tone.stop(from + length + 0.1);
  }
}
