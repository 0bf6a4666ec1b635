// Carries scans to the site in somebody's name: `send(path, body)` → {status, body}, body undefined when it is no JSON.
// Rejects when no answer came. A token that has gone stale is fetched anew, as long as the same person is signed in.

const ANSWER_MS = 10_000, MORE_MS_A_SCAN = 200;

async function bodyOf(response, signal) {
  const body = await Promise.race([
    response.json().catch(() => undefined),
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true })),
  ]);
  // An answer that was cut off is none, whatever of it came.
  signal.throwIfAborted();
  return body;
}

// Gives up on an answer, and on the rest of one that began to come. The timer holds what it stops: a timeout signal that
// nothing else holds may be collected while a body is read, and then nobody ever stops waiting.
export async function within(ms, ask) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(new DOMException("no answer", "TimeoutError")), ms);
  try {
    return await ask(stop.signal);
  } finally {
    clearTimeout(timer);
  }
}

export function sender({ owner, language = "", token = "", site = "", fetch = (...asked) => globalThis.fetch(...asked) }) {
  async function post(path, body) {
    return within(ANSWER_MS + (body.scans?.length ?? 0) * MORE_MS_A_SCAN, async (signal) => {
      const response = await fetch(`${site}${path}`, {
        method: "POST",
        headers: {
          "Content-Type": "application/json",
          "X-CSRFToken": token,
          // Scans kept on the device are of whoever made them: the site refuses them in another name.
          "X-Owner": owner,
          ...(language && { "Accept-Language": language }),
        },
        body: JSON.stringify(body),
        signal,
      });
      return { status: response.status, body: await bodyOf(response, signal) };
    });
  }

  // Who is signed in here now, and the token of that session.
  async function renew() {
    const [response, session] = await within(ANSWER_MS, async (signal) => {
      const answer = await fetch(`${site}/scan/session`, { cache: "no-store", signal });
      return [answer, await bodyOf(answer, signal)];
    });
    if (response.status === 401) return { status: 401, body: session };
    if (!response.ok || !session?.token) throw new Error("no session");
    if (session.owner !== owner) return { status: 409, body: { code: "other_person", name: session.name } };
    token = session.token;
    return null;
  }

  return async function send(path, body) {
    const answer = await post(path, body);
    if (answer.status !== 403 || answer.body?.code !== "forged") return answer;
    return (await renew()) ?? (await post(path, body));
  };
}
