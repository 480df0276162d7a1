/**
 * Shows the messages of a conversation.
 *
 * @module
 */
import { element } from "./element.js";
import { showMarkdown } from "./markdown.js";

/** Pixels from the end within which the list stays at its end while a message grows. */
const FOLLOWS_WITHIN = 48;
const SPEAKERS = { system: "System", user: "You", assistant: "Model", text: "Text" };

/** A list of messages that only changes where they do, so that what has the focus keeps it. */
export class MessageList {
  #list;
  #actions;
  #items = new WeakMap();
  #last;
  /** Messages that have grown since they were drawn. */
  #grown = new Set();

  /** `actions` are `rewind(message)` and `branch(message, text)`. */
  constructor(list, actions) {
    this.#list = list;
    this.#actions = actions;
  }

  /** Shows these messages. Nothing can be done with them while the page is busy. */
  show(messages, isBusy) {
    this.#draw();
    for (const [i, message] of messages.entries()) {
      const item = this.#itemOf(message);
      const there = this.#list.children[i];
      if (there !== item) this.#list.insertBefore(item, there ?? null);
      for (const button of item.querySelectorAll("button")) button.disabled = isBusy;
      const rewind = item.querySelector(".rewind");
      if (rewind) rewind.hidden = message === messages.at(-1);
    }
    while (this.#list.children.length > messages.length) this.#list.lastElementChild.remove();
    this.#list.setAttribute("aria-busy", String(isBusy));
    if (messages.at(-1) !== this.#last) this.#list.scrollTop = this.#list.scrollHeight;
    this.#last = messages.at(-1);
  }

  /** Shows what has been added to a message, once for each picture that the screen shows. */
  update(message) {
    if (this.#grown.size === 0) requestAnimationFrame(() => this.#draw());
    this.#grown.add(message);
  }

  #draw() {
    const { scrollHeight, scrollTop, clientHeight } = this.#list;
    const follows = scrollHeight - scrollTop - clientHeight < FOLLOWS_WITHIN;
    for (const message of this.#grown) {
      showText(this.#itemOf(message).querySelector(".text"), message);
    }
    this.#grown.clear();
    if (follows) this.#list.scrollTop = this.#list.scrollHeight;
  }

  #itemOf(message) {
    const item = this.#items.get(message) ?? this.#make(message);
    this.#items.set(message, item);
    return item;
  }

  #make(message) {
    const text = element("div", { className: "text" });
    showText(text, message);
    const item = element("li", { className: message.role }, [
      element("h3", { textContent: SPEAKERS[message.role] }),
      text,
    ]);
    // A system prompt goes with the first message.
    if (message.role !== "system") item.append(this.#controls(message, text));
    return item;
  }

  /** What can be done with a message whose text is shown in `text`. */
  #controls(message, text) {
    const rewind = element("button", {
      type: "button",
      className: "rewind",
      textContent: "Rewind to here",
      onclick: () => this.#actions.rewind(message),
    });
    const controls = element("div", { className: "actions" }, [rewind]);
    if (message.role === "user") {
      const edit = element("button", {
        type: "button",
        className: "edit",
        textContent: "Edit and branch",
        onclick: () => text.replaceWith(this.#editor(message, text, edit)),
      });
      rewind.before(edit);
    }
    return controls;
  }

  /** A form in the place of a message's text. */
  #editor(message, text, edit) {
    edit.hidden = true;
    const area = element("textarea", { rows: 3, value: message.text });
    const close = () => {
      form.replaceWith(text);
      edit.hidden = false;
      edit.focus();
    };
    const form = element("form", {
      className: "editor",
      onsubmit: (event) => {
        event.preventDefault();
        const changed = area.value.trim();
        close();
        if (changed !== "") this.#actions.branch(message, changed);
      },
      onkeydown: ({ key }) => {
        if (key === "Escape") close();
      },
    }, [
      element("label", {}, ["Another message in its place", area]),
      element("button", { type: "submit", textContent: "Send in a branch" }),
      element("button", { type: "button", textContent: "Cancel", onclick: close }),
    ]);
    queueMicrotask(() => area.focus());
    return form;
  }
}

function showText(place, { role, text }) {
  if (role === "assistant") showMarkdown(place, text);
  else place.textContent = text;
}
