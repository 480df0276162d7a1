/**
 * Reads the messages of a conversation out of the tokens that a session holds, by what the model's
 * chat template writes around them.
 *
 * @module
 */

/** Stands for a message where the template is asked what it writes around one. */
const MESSAGE = "MESSAGE";

/**
 * What the chat template writes before the first question, between a question and its answer, and
 * between an answer and the next question, as token ids; `undefined` where there is no template, or
 * one that writes something else each time.
 */
export async function readMarkers(api) {
  const [user, assistant] = ["user", "assistant"].map((role) => ({ role, content: MESSAGE }));
  try {
    const { prompt } = await api.json("apply-template", { messages: [user, assistant, user] });
    const texts = prompt.split(MESSAGE);
    if (texts.length !== 4 || texts[1] !== texts[3]) return undefined;
    const [head, answer, question] = await Promise.all(
      texts.slice(0, 3).map(async (content) => (await api.json("tokenize", { content })).tokens),
    );
    return { head, answer, question };
  } catch (error) {
    if (error.status === 400) return undefined;
    throw error;
  }
}

/**
 * The messages that stand in `ids`: each with its role (`text` where no template was followed), its
 * own ids, the position at which the session was before it, and the one after it.
 */
export function findMessages(ids, markers) {
  if (ids.length === 0) return [];
  const isChat = markers && markers.answer.length > 0 && markers.question.length > 0 &&
    standsAt(ids, markers.head, 0);
  if (!isChat) return [{ role: "text", ids, start: 0, end: ids.length }];
  const messages = [];
  let start = 0;
  let from = markers.head.length;
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
