/**
 * A model to download, and a cache folder to download it to.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { pull, type PullOptions } from "../src/hub.ts";
import { HubStandIn, NAME } from "./hub_stand_in.ts";

const GOLDEN = new URL("golden/tiny-4b/", import.meta.url);
/** The file that faults are tried with. */
export const SHARD = "model-00001-of-00002.safetensors";
export const LICENSE = "You may use it to test.\n";

/** A hub that has the golden model, with a license and with files that nobody needs. */
export function goldenHub(name: string = NAME): HubStandIn {
  const golden = ["config.json", "model.safetensors.index.json", SHARD, SHARD.replace("1-", "2-")];
  const encoder = new TextEncoder();
  return new HubStandIn({
    ...Object.fromEntries(golden.map((name) => [name, Deno.readFileSync(new URL(name, GOLDEN))])),
    "LICENSE": encoder.encode(LICENSE),
    "README.md": encoder.encode("# Tiny\n"),
    "pytorch_model.bin": new Uint8Array(100),
    "onnx/model.safetensors": new Uint8Array(100),
  }, name);
}

/** A cache folder of a test's own. */
export class TestCache implements Disposable {
  readonly folder = Deno.makeTempDirSync();
  readonly model = `${this.folder}/models--org--tiny`;

  /** Pulls from `hub` without waiting between tries. */
  pull(hub: HubStandIn, options: PullOptions = {}): Promise<string> {
    return pull(NAME, { endpoint: hub.url, cacheFolder: this.folder, retryDelay: 1, ...options });
  }

  /** Pulls, and wants it to fail with one sentence and no model. Returns the sentence. */
  async fails(hub: HubStandIn, options: PullOptions = {}): Promise<string> {
    const { message } = await assertRejects(() => this.pull(hub, options), Error);
    assertEquals(message.split("\n").length, 1);
    assertEquals([this.names("snapshots"), this.names("refs")], [[], []]);
    return message;
  }

  /** Sorted names of what is in a folder of the model. */
  names(folder: string): string[] {
    try {
      return [...Deno.readDirSync(`${this.model}/${folder}`)].map(({ name }) => name).sort();
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  }

  /** Names of files that are not whole yet. */
  incomplete(): string[] {
    return this.names("blobs").filter((name) => name.endsWith(".incomplete"));
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.folder, { recursive: true });
  }
}
