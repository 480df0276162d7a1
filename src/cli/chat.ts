/**
 * `contrail chat`: a conversation in the terminal.
 *
 * @module
 */
import type { GenerateOptions } from "../options.ts";
import { text } from "./arguments.ts";
import { type Command, type CommandArguments, UsageError } from "./command.ts";
import { Conversation } from "./conversation.ts";
import { Interrupts } from "./interrupts.ts";
import { lines } from "./lines.ts";
import { loadModel, MODEL_OPTIONS } from "./model_options.ts";
import { write } from "./output.ts";
import { SAMPLING_OPTIONS, samplingOptions } from "./sampling_options.ts";
import { messages, type ReadLine, terminalLines } from "./typed.ts";

const GREETING = "A backslash at the end of a line goes on with the next; Ctrl-C ends an answer; " +
  "/reset begins anew; Ctrl-D or /exit leaves.";

export const chatCommand: Command = {
  summary: "Talk with a model, line by line",
  usage: "[options]",
  options: {
    ...MODEL_OPTIONS,
    system: { type: "string", value: "TEXT", help: "the system message" },
    ...SAMPLING_OPTIONS,
  },
  example: "--temperature 0.7",
  run: chat,
};

async function chat(args: CommandArguments): Promise<number> {
  if (args.positionals.length > 0) {
    throw new UsageError(`Unknown argument "${args.positionals[0]}": type what to say later`);
  }
  const options = samplingOptions(args);
  await using runtime = await loadModel(args, { sessions: 1 });
  await using conversation = new Conversation(runtime, text(args, "system"));
  using interrupts = new Interrupts();
  const interactive = Deno.stdin.isTerminal();
  if (interactive) console.error(`${runtime.name}. ${GREETING}`);
  const input = messages(
    interactive ? terminalLines() : pipedLines(),
    () => console.error("\nCtrl-D or /exit leaves."),
  );
  for (;;) {
    const line = await Promise.race([
      input.next().then(({ value }) => value ?? undefined),
      interrupts.next(),
    ]);
    if (line === undefined || line.trim() === "/exit") break;
    if (line.trim() === "/reset") await conversation.reset();
    else if (line.trim() !== "") {
      await answer(conversation, line, options, interrupts);
      await write("\n"); // an interrupt that follows it is no longer for the answer
    }
  }
  if (interactive) await write("\n");
  return 0;
}

function pipedLines(): ReadLine {
  const input = lines(Deno.stdin.readable);
  return async () => (await input.next()).value ?? undefined;
}

/**
 * Prints the answer to one line, but no end of line. An error is told, and the conversation goes
 * on.
 */
async function answer(
  conversation: Conversation,
  line: string,
  options: GenerateOptions,
  interrupts: Interrupts,
): Promise<void> {
  const interrupt = new AbortController();
  const { signal } = interrupt;
  using _listening = interrupts.listen(() => interrupt.abort());
  try {
    for await (const token of conversation.say(line, { ...options, signal })) {
      await write(token.text);
      if (signal.aborted) break;
    }
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) throw error;
    if (!signal.aborted) {
      console.error(`${error instanceof Error ? error.message : error} (/reset begins anew)`);
    }
  }
}
