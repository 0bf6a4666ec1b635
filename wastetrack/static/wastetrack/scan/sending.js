// Carries scans to the site in somebody's name: `send(path, body)` → {status, body}, body undefined when it is no JSON.
// Rejects when no answer came. A token that has gone stale is fetched anew, as long as the same person is signed in.

const ANSWER_MS = 10_000, MORE_MS_A_SCAN = 200;

export function sender({ owner, language = "", token = "", site = "", fetch = (...asked) => globalThis.fetch(...asked) }) {
  async function post(path, body) {
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
      signal: AbortSignal.timeout(ANSWER_MS + (body.scans?.length ?? 0) * MORE_MS_A_SCAN),
    });
    return { status: response.status, body: await response.json().catch(() => undefined) };
  }

  // Who is signed in here now, and the token of that session.
  async function renew() {
    const response = await fetch(`${site}/scan/session`, { cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) });
    const session = await response.json().catch(() => undefined);
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
