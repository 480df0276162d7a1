/**
 * Lets screen readers say an answer sentence by sentence while it comes. The list of messages
 * itself changes with every token, which nobody can listen to.
 *
 * @module
 */
import { element } from "./element.js";

/** What ends a sentence, with what has come after it. */
const SENTENCES = /^.*(?:[.!?…:;]["'”’)\]*]*\s|\n)/s;

/** Adds what is to be heard to a log that nobody sees. */
export class Announcer {
  #log;
  #message;
  #said = 0;

  constructor(log) {
    this.#log = log;
  }

  /** The message has grown. */
  follow(message) {
    if (message !== this.#message) {
      this.#log.replaceChildren();
      [this.#message, this.#said] = [message, 0];
    }
    const [whole = ""] = message.text.slice(this.#said).match(SENTENCES) ?? [];
    this.#say(whole);
  }

  /** Nothing more comes. */
  end() {
    if (this.#message) this.#say(this.#message.text.slice(this.#said));
    this.#message = undefined;
  }

  #say(text) {
    this.#said += text.length;
    if (text.trim() !== "") this.#log.append(element("p", { textContent: text.trim() }));
  }
}
