/**
 * Asks the server that the page came from.
 *
 * @module
 */

const KEY = "contrail-key";
/** How often a session that is still in use is asked for again. */
const ATTEMPTS = 20;
const RETRY_MS = 250;

/** What the server answered that it cannot do. */
export class ApiError extends Error {
  constructor(status, { message, code }) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** The server, with the key that it was given in this tab. */
export class Api {
  #askForKey;

  /** `askForKey` gives a key once the user has typed one. */
  constructor(askForKey) {
    this.#askForKey = askForKey;
  }

  /** The JSON that a route answers with; with a body it is asked by POST. */
  async json(path, body, method) {
    return await (await this.request(path, { body, method })).json();
  }

  /** The response of a route. Asks for a key, and waits for a session that is in use. */
  async request(path, { body, method = body === undefined ? "GET" : "POST", signal } = {}) {
    for (let attempt = 1;; attempt++) {
      const response = await fetch(path, { method, signal, ...withBody(body) });
      if (response.ok) return response;
      const error = await errorOf(response);
      if (error.status === 401) {
        sessionStorage.setItem(KEY, await this.#askForKey());
      } else if (error.code === "session_in_use" && attempt < ATTEMPTS) {
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      } else {
        throw error;
      }
    }
  }

  /** The events of a stream, as they come. */
  async *events(path, body, signal) {
    const response = await this.request(path, { body: { ...body, stream: true }, signal });
    let rest = "";
    for await (const text of chunks(response.body.pipeThrough(new TextDecoderStream()))) {
      const parts = (rest + text).split("\n\n");
      rest = parts.pop();
      for (const part of parts) {
        const data = part.replace(/^data: /, "");
        if (data === "[DONE]") return;
        const event = JSON.parse(data);
        if (event.error) throw new ApiError(500, event.error);
        yield event;
      }
    }
    throw new Error("The server ended the answer before it was complete");
  }
}

/** The chunks of a stream; not all browsers can iterate over one. */
async function* chunks(stream) {
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

/** Headers and body of a request: JSON, or bytes as they are. */
function withBody(body) {
  const key = sessionStorage.getItem(KEY);
  // No key has other characters than headers can; what was typed may, and is then refused as wrong.
  const headers = key ? { Authorization: `Bearer ${encodeURI(key)}` } : {};
  if (body === undefined || body instanceof Blob) return { headers, body };
  const type = { "Content-Type": "application/json" };
  return { headers: { ...headers, ...type }, body: JSON.stringify(body) };
}

async function errorOf(response) {
  const { status, statusText } = response;
  const answer = await response.json().catch(() => undefined);
  const error = answer?.error ?? { message: `The server answered ${status} ${statusText}` };
  return new ApiError(status, error);
}
