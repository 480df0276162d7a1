/**
 * Reads the messages of a conversation out of the tokens that a session holds, by what the model's
 * chat template writes around them.
 *
 * @module
 */

/** Stands for a message where the template is asked what it writes around one. */
const MESSAGE = "MESSAGE";

/**
 * What the chat template writes before the first question (`head`), between a question and its
 * answer, and between an answer and the next question, as token ids; and `system`, what it writes
 * before a system prompt and between that and the first question, where it takes one. `undefined`
 * where there is no template, or one that writes something else each time.
 */
export async function readMarkers(api) {
  const talk = ["user", "assistant", "user"];
  const texts = await textsAround(api, talk);
  if (texts === undefined || texts[1] !== texts[3]) return undefined;
  const [head, answer, question] = await tokensOf(api, texts.slice(0, 3));
  const more = await textsAround(api, ["system", ...talk]);
  const takesSystem = more !== undefined && more.slice(2).join() === texts.slice(1).join();
  return {
    head,
    answer,
    question,
    system: takesSystem ? await tokensOf(api, more.slice(0, 2)) : undefined,
  };
}

/** What the template writes around messages of these roles; `undefined` where it cannot. */
async function textsAround(api, roles) {
  const messages = roles.map((role) => ({ role, content: MESSAGE }));
  try {
    const { prompt } = await api.json("apply-template", { messages });
    const texts = prompt.split(MESSAGE);
    return texts.length === roles.length + 1 ? texts : undefined;
  } catch (error) {
    if (error.status === 400) return undefined;
    throw error;
  }
}

function tokensOf(api, texts) {
  return Promise.all(
    texts.map(async (content) => (await api.json("tokenize", { content })).tokens),
  );
}

/**
 * The messages that stand in `ids`: each with its role (`text` where no template was followed), its
 * own ids, the position at which the session was before it, and the one after it.
 */
export function findMessages(ids, markers) {
  if (ids.length === 0) return [];
  const isChat = markers && markers.answer.length > 0 && markers.question.length > 0;
  const system = isChat ? systemPrompt(ids, markers) : undefined;
  if (!system && !(isChat && standsAt(ids, markers.head, 0))) {
    return [{ role: "text", ids, start: 0, end: ids.length }];
  }
  // A system prompt is not said alone: before the first question there is nothing.
  const messages = system ? [{ role: "system", ids: system.ids, start: 0, end: 0 }] : [];
  let start = 0;
  let from = system?.end ?? markers.head.length;
  for (let role = "user"; from < ids.length; role = role === "user" ? "assistant" : "user") {
    const marker = role === "user" ? markers.answer : markers.question;
    const at = find(ids, marker, from);
    if (at === undefined) {
      const own = role === "user" ? ids.slice(from) : withoutEnd(ids.slice(from), marker);
      return [...messages, { role, ids: own, start, end: ids.length }];
    }
    // What the template ends an answer with goes when the next question goes.
    const end = role === "user" ? at + marker.length : at;
    messages.push({ role, ids: ids.slice(from, at), start, end });
    start = end;
    from = at + marker.length;
  }
  return messages;
}

/** The system prompt at the beginning, unless it is what the template writes without one. */
function systemPrompt(ids, { head, system }) {
  if (!system || standsAt(ids, head, 0) || !standsAt(ids, system[0], 0)) return undefined;
  const from = system[0].length;
  const at = system[1].length > 0 ? find(ids, system[1], from) : undefined;
  return at === undefined ? undefined : { ids: ids.slice(from, at), end: at + system[1].length };
}

/** Ids without those at the end that a marker begins with. */
function withoutEnd(ids, marker) {
  for (let length = Math.min(marker.length, ids.length); length > 0; length--) {
    const start = ids.length - length;
    if (standsAt(ids, marker.slice(0, length), start)) return ids.slice(0, start);
  }
  return ids;
}

function find(ids, part, from) {
  for (let at = from; at + part.length <= ids.length; at++) {
    if (standsAt(ids, part, at)) return at;
  }
  return undefined;
}

function standsAt(ids, part, at) {
  return part.every((id, i) => ids[at + i] === id);
}
