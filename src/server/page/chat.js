/**
 * The page to talk to the model: what its controls do.
 *
 * @module
 */
import { Announcer } from "./announcer.js";
import { Api } from "./api.js";
import { Conversation } from "./conversation.js";
import { byId, element } from "./element.js";
import { showMemory } from "./memory.js";
import { MessageList } from "./messages.js";
import { readMarkers } from "./transcript.js";

/** How long a browser has to begin a download. */
const DOWNLOAD_MS = 60_000;
/** What the composer says where the last message has no answer. */
const AGAIN = "Send nothing to have the last message answered again";

/** The page once it knows the server's model. */
class Page {
  #model;
  #conversation;
  #messages;
  #announcer = new Announcer(byId("heard"));
  #names = [];
  #isBusy = false;

  constructor(api, model, markers) {
    this.#model = model;
    this.#conversation = new Conversation(api, markers, (message) => this.#changed(message));
    this.#messages = new MessageList(byId("messages"), {
      rewind: (message) => this.#do("Gone back", () => this.#conversation.rewind(message)),
      branch: (message, text) =>
        this.#answer(() => this.#conversation.branch(message, text, sampling())),
    });
    byId("model").textContent = model.id;
  }

  /** Shows the session that the address names, if it is there. */
  async start() {
    const named = namedByAddress();
    this.#listen();
    await this.#do("Ready", async () => {
      if ((await this.#conversation.names()).includes(named)) await this.#conversation.open(named);
    });
  }

  #listen() {
    const conversation = this.#conversation;
    byId("new").onclick = () => this.#do("New session", () => conversation.leave());
    byId("upload").onclick = () => byId("file").click();
    byId("file").onchange = ({ target }) => this.#upload(target);
    byId("download").onclick = () => this.#do("Downloaded", () => this.#download());
    byId("delete").onclick = () => {
      if (!confirm(`Delete ${conversation.id} for good?`)) return;
      this.#do("Deleted", () => conversation.delete());
    };
    byId("stop").onclick = () => conversation.stop();
    byId("composer").onsubmit = (event) => {
      event.preventDefault();
      this.#send();
    };
    byId("prompt").onkeydown = (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#send();
    };
    document.onkeydown = ({ key }) => {
      if (key === "Escape") conversation.stop();
    };
    byId("sampling").onsubmit = (event) => event.preventDefault();
  }

  #send() {
    const prompt = byId("prompt");
    const text = prompt.value.trim();
    if (this.#isBusy || !byId("sampling").reportValidity()) return;
    if (text === "" && !this.#awaitsAnswer()) return;
    this.#answer(async () => {
      prompt.value = "";
      try {
        return await this.#conversation.send(text, sampling(), byId("system").value.trim());
      } catch (error) {
        if (!this.#conversation.messages.some((message) => message.text === text)) {
          prompt.value = text;
        }
        throw error;
      }
    });
  }

  /** Does what makes the model answer, and tells whether the answer is whole. */
  #answer(work) {
    return this.#do("Answered", async () => {
      try {
        return await work() ? undefined : "Stopped";
      } finally {
        this.#announcer.end();
      }
    });
  }

  /** Whether the model can go on without another message. */
  #awaitsAnswer() {
    const last = this.#conversation.messages.at(-1);
    return last !== undefined && last.role !== "assistant";
  }

  #upload(input) {
    const [file] = input.files;
    input.value = "";
    if (file) this.#do("Uploaded", () => this.#conversation.upload(file));
  }

  async #download() {
    const url = URL.createObjectURL(await this.#conversation.download());
    element("a", { href: url, download: `${this.#conversation.id}.snapshot` }).click();
    // Browsers may read it after the click.
    setTimeout(() => URL.revokeObjectURL(url), DOWNLOAD_MS);
  }

  /** Does one thing at a time; says what was done, unless the work tells it, or went wrong. */
  async #do(done, work) {
    if (this.#isBusy) return;
    this.#isBusy = true;
    byId("problem").textContent = "";
    byId("status").textContent = "Working";
    this.#changed();
    let status = "";
    try {
      status = await work() ?? done;
    } catch (error) {
      byId("problem").textContent = error.message;
    }
    this.#names = await this.#conversation.names().catch(() => this.#names);
    this.#isBusy = false;
    this.#changed();
    byId("status").textContent = status;
    // What was clicked could not keep the focus.
    if (document.activeElement === document.body) byId("prompt").focus();
  }

  /** Shows what is new: a message that grows, or anything. */
  #changed(message) {
    const { facts, speed, messages, answering } = this.#conversation;
    if (message) {
      this.#messages.update(message);
      this.#announcer.follow(message);
    } else {
      this.#messages.show(messages, this.#isBusy);
      this.#showSessions();
      byId("stop").disabled = !answering;
      if (answering) byId("status").textContent = "Answering";
    }
    showMemory(byId("chart"), byId("facts"), { meta: this.#model.meta, facts, speed });
  }

  #showSessions() {
    const { id } = this.#conversation;
    byId("name").textContent = id ?? "New session";
    document.title = `${id ? `${id} · ` : ""}Contrail`;
    byId("start").hidden = this.#conversation.messages.length > 0;
    byId("system-field").hidden = !this.#conversation.takesSystem;
    byId("prompt").placeholder = this.#awaitsAnswer() && !this.#isBusy ? AGAIN : "";
    history.replaceState(null, "", `${location.pathname}${id ? `#${encodeURIComponent(id)}` : ""}`);
    for (const name of ["new", "upload", "send"]) byId(name).disabled = this.#isBusy;
    for (const name of ["download", "delete"]) byId(name).disabled = this.#isBusy || !id;
    byId("sessions").replaceChildren(...this.#names.map((name) => {
      const button = element("button", {
        type: "button",
        textContent: name,
        disabled: this.#isBusy,
        onclick: () => this.#do(`Opened ${name}`, () => this.#conversation.open(name)),
      });
      if (name === id) button.setAttribute("aria-current", "true");
      return element("li", {}, [button]);
    }));
  }
}

/** The name after the address, as far as it is one. */
function namedByAddress() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return "";
  }
}

/** The sampling that the form asks for, without what is left to the model. */
function sampling() {
  const given = [...new FormData(byId("sampling"))].filter(([, value]) => value !== "");
  return Object.fromEntries(given.map(([name, value]) => [name, Number(value)]));
}

/** Asks for a key, once for all that wait for one. */
function keyDialog() {
  let asked;
  return () =>
    asked ??= new Promise((resolve) => {
      const dialog = byId("key");
      dialog.onclose = () => {
        asked = undefined;
        if (byId("key-text").value === "") return dialog.showModal();
        resolve(byId("key-text").value);
        byId("key-text").value = "";
      };
      dialog.showModal();
    });
}

try {
  const api = new Api(keyDialog());
  const { data: [model] } = await api.json("v1/models");
  await new Page(api, model, await readMarkers(api)).start();
} catch (error) {
  byId("problem").textContent = error.message;
}
