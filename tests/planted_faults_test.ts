import { assertEquals } from "@std/assert";
import { MUTATIONS } from "../tools/mutations.ts";

const kernels = new URL("../kernels/", import.meta.url);

Deno.test("every fault that deno task mutate plants has one place in the kernels", () => {
  const misplaced = MUTATIONS.filter(({ file, find }) =>
    Deno.readTextFileSync(new URL(file, kernels)).split(find).length !== 2
  );
  assertEquals(misplaced.map(({ file, find }) => `${file}: ${find}`), []);
});
