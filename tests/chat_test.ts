/**
 * Chat templates: the official template's conversations where it is, the bundled model's, and small
 * ones for what can go wrong.
 *
 * @module
 */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { chatEndTokens, ChatTemplate } from "../src/chat.ts";
import type { ChatMessage } from "../src/options.ts";
import { Tokenizer } from "../src/tokenizer.ts";
import cases from "./golden/chat/cases.json" with { type: "json" };

const FABLE = `${import.meta.dirname}/../models/fable`;
const OFFICIAL = `${import.meta.dirname}/../../shared/golden/chat`;
const HELLO = [{ role: "user", content: "Hi" }];

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

async function load(folder: string): Promise<ChatTemplate> {
  const template = await ChatTemplate.load(folder);
  if (!template) throw new Error(`${folder} has no chat template`);
  return template;
}

async function withFiles(
  files: Readonly<Record<string, string>>,
  test: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, contents] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, contents);
    }
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test({
  name: "render() agrees with the official conversations (needs ../shared/golden/chat)",
  ignore: !await exists(`${OFFICIAL}/chat_template.jinja`),
  async fn() {
    const template = await load(OFFICIAL);
    assertEquals(cases.length, 8);
    for (const { messages, tools, add_generation_prompt, rendered } of cases) {
      const text = template.render(messages, {
        ...(tools ? { tools } : {}),
        addGenerationPrompt: add_generation_prompt,
      });
      assertEquals(text, rendered);
    }
  },
});

Deno.test("render() follows the template of the bundled model", async () => {
  const template = await load(FABLE);
  const messages = [...HELLO, { role: "assistant", content: "Grüße 😀" }];
  const turns = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nGrüße 😀<|im_end|>\n";
  assertEquals(template.render(messages, { addGenerationPrompt: false }), turns);
  assertEquals(template.render(messages), `${turns}<|im_start|>assistant\n`);
});

Deno.test("render() writes JSON with spaces, in order, without escapes of its own", () => {
  const template = new ChatTemplate("{{ tools | tojson }}");
  const tools = [{ z: 'Köln <b> & "q" \'', a: [1, 2.5, null, true], e: {}, u: undefined }];
  assertEquals(
    template.render(HELLO, { tools }),
    `[{"z": "Köln <b> & \\"q\\" '", "a": [1, 2.5, null, true], "e": {}}]`,
  );
  assertEquals(template.render(HELLO), "null");
});

Deno.test("render() knows the tokens of tokenizer_config.json", () => {
  const source = "{{ bos_token }}|{{ eos_token }}|{{ bos_token is defined }}";
  const config = { bos_token: null, eos_token: { content: "</s>" } };
  assertEquals(new ChatTemplate(source, config).render(HELLO), "|</s>|false");
  const both = { bos_token: "<s>", eos_token: "</s>" };
  assertEquals(new ChatTemplate(source, both).render(HELLO), "<s>|</s>|true");
});

Deno.test("render() takes the template for tools only with tools", () => {
  const template = new ChatTemplate([
    { name: "default", template: "plain" },
    { name: "tool_use", template: "tools" },
  ]);
  assertEquals(template.render(HELLO), "plain");
  assertEquals(template.render(HELLO, { tools: [] }), "tools");
});

Deno.test("render() throws a TypeError when the template refuses", () => {
  const refusing = new ChatTemplate("{{ raise_exception('Roles must alternate') }}");
  assertThrows(() => refusing.render(HELLO), TypeError, "Roles must alternate");
  const unknown = new ChatTemplate("{{ messages[0].content | nosuchfilter }}");
  assertThrows(() => unknown.render(HELLO), TypeError, "Cannot render the chat template");
});

Deno.test("render() throws a TypeError that names the message that is wrong", () => {
  const template = new ChatTemplate("{{ messages | length }}");
  const wrong: [unknown, string][] = [
    [[], "messages"],
    ["Hi", "messages"],
    [[null], "messages[0].role is undefined"],
    [[...HELLO, { role: 1, content: "x" }], "messages[1].role is of type number"],
    [[{ role: "user" }], "messages[0].content is undefined"],
    [[{ role: "user", content: null }], "messages[0].content is null"],
    [[{ role: "user", content: [{ type: "text" }] }], "messages[0].content is a list"],
  ];
  for (const [messages, sentence] of wrong) {
    assertThrows(() => template.render(messages as ChatMessage[]), TypeError, sentence);
  }
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  assertThrows(() => template.render(HELLO, { tools: [circular] }), TypeError, "circular");
});

Deno.test("ChatTemplate.load() prefers chat_template.jinja", async () => {
  const config = JSON.stringify({ chat_template: "from config", eos_token: "</s>" });
  await withFiles({ "tokenizer_config.json": config }, async (folder) => {
    assertEquals((await load(folder)).render(HELLO), "from config");
  });
  const files = { "tokenizer_config.json": config, "chat_template.jinja": "file {{ eos_token }}" };
  await withFiles(files, async (folder) => {
    assertEquals((await load(folder)).render(HELLO), "file </s>");
  });
  await withFiles({ "chat_template.jinja": "alone" }, async (folder) => {
    assertEquals((await load(folder)).render(HELLO), "alone");
  });
});

Deno.test("ChatTemplate.load() gives undefined when there is no template", async () => {
  await withFiles({}, async (folder) => {
    assertEquals(await ChatTemplate.load(folder), undefined);
  });
  await withFiles({ "tokenizer_config.json": '{"chat_template": null}' }, async (folder) => {
    assertEquals(await ChatTemplate.load(folder), undefined);
  });
});

Deno.test("ChatTemplate.load() names the file when it is damaged", async () => {
  const damaged: [string, string][] = [
    ["tokenizer_config.json", "{"],
    ["tokenizer_config.json", '{"chat_template": 7}'],
    ["tokenizer_config.json", '{"chat_template": [{"name": "rag", "template": ""}]}'],
    ["tokenizer_config.json", '{"chat_template": [{"name": "default"}]}'],
    ["chat_template.jinja", "{% if messages %}"],
    ["chat_template.jinja", "{{ 'open"],
  ];
  for (const [name, contents] of damaged) {
    await withFiles({ [name]: contents }, async (folder) => {
      await assertRejects(() => ChatTemplate.load(folder), Error, `${folder}/${name}`);
    });
  }
});

Deno.test("chatEndTokens() adds the end of a turn when the tokenizer has it", async () => {
  const file = JSON.parse(await Deno.readTextFile(`${FABLE}/tokenizer.json`));
  const tokenizer = new Tokenizer(file);
  assertEquals(chatEndTokens(tokenizer, [2045]), [2045, 2047]);
  assertEquals(chatEndTokens(tokenizer, [2047, 2045, 2045]), [2047, 2045]);
  const plain = new Tokenizer({ ...file, added_tokens: [] });
  assertEquals(chatEndTokens(plain, [3]), [3]);
});
