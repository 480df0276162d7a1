/**
 * A conversation in a session of the server. The session is all that is kept of it: its messages
 * are read out of its tokens.
 *
 * @module
 */
import { findMessages } from "./transcript.js";

const SESSIONS = "v1/sessions";
/** How long the server is left to notice that nobody reads an answer any more. */
const SETTLE_MS = 50;
const SETTLE_ATTEMPTS = 100;

/** The session that the page shows, and what can be done with it, one thing at a time. */
export class Conversation {
  /** The session's name; `undefined` before the first message. */
  id;
  /** What the server last said of it: its position, bytes and exactness. */
  facts;
  /** Each with a role, a text, and the positions before and after it. */
  messages = [];
  /** Tokens a second of the last answer, from its first token to its last. */
  speed;
  #api;
  #markers;
  #changed;
  #stopping;

  /** `markers` are what the chat template writes; `changed` is called when there is news. */
  constructor(api, markers, changed) {
    this.#api = api;
    this.#markers = markers;
    this.#changed = changed;
  }

  /** Whether an answer is being given. */
  get answering() {
    return this.#stopping !== undefined;
  }

  /** The names of all sessions, the one used last first. */
  async names() {
    const { data } = await this.#api.json(SESSIONS);
    return data.sort((a, b) => b.used_at - a.used_at).map(({ id }) => id);
  }

  /** Leaves the session where it is; the next message begins another one. */
  leave() {
    this.id = this.facts = this.speed = undefined;
    this.messages = [];
    this.#changed();
  }

  /** Shows a session with what was said in it. */
  async open(id) {
    const { first, token_ids, ...facts } = await this.#api.json(`${pathOf(id)}/tokens`);
    // Where the beginning is not known any more, nobody can tell who said what.
    const found = findMessages(token_ids, first === 0 ? this.#markers : undefined);
    const messages = await Promise.all(found.map(async ({ role, ids, start, end }) => {
      const text = ids.length === 0
        ? ""
        : (await this.#api.json("detokenize", { tokens: ids })).content;
      return { role, text, start: first + start, end: first + end };
    }));
    Object.assign(this, { id, facts, messages, speed: undefined });
    this.#changed();
  }

  /** Whether a system prompt can stand before the first message. */
  get takesSystem() {
    return this.#markers?.system !== undefined;
  }

  /**
   * Says `text`, begins a session where there is none, with a `system` prompt unless that is empty,
   * and lets the model answer. Tells whether the answer was not stopped.
   */
  async send(text, sampling, system = "") {
    if (this.id === undefined) {
      this.facts = await this.#create("chat");
      this.id = this.facts.id;
    }
    if (this.messages.length === 0 && system !== "" && this.takesSystem) {
      this.messages = [{ role: "system", text: system, start: 0, end: 0 }];
    }
    if (text !== "") await this.#append(text);
    return await this.#answer(sampling);
  }

  /** Ends the answer that is being given, after what has come of it. */
  stop() {
    this.#stopping?.abort();
  }

  /** Goes back to the end of a message: what came after it is gone. */
  async rewind(message) {
    await this.#goBack(message.end);
    this.messages = this.messages.slice(0, this.messages.indexOf(message) + 1);
    this.#changed();
  }

  /** Says `text` in place of a message, in another session that is the same up to there. */
  async branch(message, text, sampling) {
    const kept = this.messages.slice(0, this.messages.indexOf(message));
    const fork = (id) => this.#api.json(`${pathOf(this.id)}/fork`, { id });
    const { id } = await this.#withFreeName(stemOf(this.id), fork);
    const position = message.start;
    const facts = await this.#api.json(`${pathOf(id)}/rewind`, { position }).catch(
      async (error) => {
        await this.#api.json(pathOf(id), undefined, "DELETE");
        throw error;
      },
    );
    Object.assign(this, { id, facts, messages: kept, speed: undefined });
    this.#changed();
    return await this.send(text, sampling);
  }

  /** The session as a file's content. */
  async download() {
    return await (await this.#api.request(`${pathOf(this.id)}/snapshot`)).blob();
  }

  /** Begins a session with a file that was downloaded, and shows it. */
  async upload(file) {
    const put = (id) => this.#api.json(`${pathOf(id)}/snapshot`, file, "PUT");
    const name = file.name.replace(/\.snapshot$/, "").replaceAll(/[^\w.~:@-]/g, "-");
    const stem = stemOf(name.replace(/^[^A-Za-z0-9]+/, ""));
    const { id } = await this.#withFreeName(stem, put);
    await this.open(id);
  }

  /** Deletes the session at the server. */
  async delete() {
    await this.#api.json(pathOf(this.id), undefined, "DELETE");
    this.leave();
  }

  #create(stem) {
    return this.#withFreeName(stem, (id) => this.#api.json(SESSIONS, { id }));
  }

  /** Does `work` with a name that no session has, also when others take names meanwhile. */
  async #withFreeName(stem, work) {
    const taken = new Set(await this.names());
    for (let number = 1;; number++) {
      const id = `${stem}-${number}`;
      if (taken.has(id)) continue;
      try {
        return await work(id);
      } catch (error) {
        if (error.code !== "session_exists") throw error;
      }
    }
  }

  async #append(text) {
    const { position } = this.facts;
    const message = { role: this.#markers ? "user" : "text", text, start: position, end: position };
    this.messages = [...this.messages, message];
    this.#changed();
    const said = position === 0 ? this.messages : [message];
    const body = this.#markers
      ? { messages: said.map(({ role, text }) => ({ role, content: text })) }
      : { text };
    try {
      this.facts = await this.#api.json(`${pathOf(this.id)}/append`, body);
    } catch (error) {
      // A system prompt went with it.
      this.messages = position === 0 ? [] : this.messages.filter((one) => one !== message);
      throw error;
    }
    message.end = this.facts.position;
  }

  async #answer(sampling) {
    const { position } = this.facts;
    const role = this.#markers ? "assistant" : "text";
    const message = { role, text: "", start: position, end: position };
    this.messages = [...this.messages, message];
    this.#stopping = new AbortController();
    const { signal } = this.#stopping;
    this.#changed();
    let isWhole = false;
    try {
      await this.#read(message, this.#api.events(`${pathOf(this.id)}/generate`, sampling, signal));
      isWhole = true;
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#stopping = undefined;
      if (message.end === message.start) this.messages = this.messages.slice(0, -1);
      if (!isWhole) await this.#settle(message.end);
    }
    return isWhole;
  }

  /** Adds the tokens of an answer as they come. */
  async #read(message, events) {
    this.speed = undefined;
    let tokens = 0;
    let began;
    for await (const { text, token_ids, position, bytes, exact, inexact_from } of events) {
      message.text += text;
      message.end = position;
      this.facts = { position, bytes, exact, inexact_from };
      began ??= performance.now();
      tokens += token_ids.length;
      if (token_ids.length > 0 && tokens > 1) {
        this.speed = (tokens - 1) / ((performance.now() - began) / 1000);
      }
      this.#changed(message);
    }
  }

  /** Lets a session be what was shown of it: the server may have been ahead of what has come. */
  async #settle(position) {
    for (let attempt = 0; attempt < SETTLE_ATTEMPTS; attempt++) {
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      const { data } = await this.#api.json(SESSIONS);
      if (!data.some(({ id, state }) => id === this.id && state === "open")) break;
    }
    await this.#goBack(position);
  }

  async #goBack(position) {
    this.facts = await this.#api.json(`${pathOf(this.id)}/rewind`, { position });
  }
}

function pathOf(id) {
  return `${SESSIONS}/${encodeURIComponent(id)}`;
}

/** A name without the number at its end. */
function stemOf(name) {
  return name.replace(/-\d+$/, "").slice(0, 100) || "chat";
}
