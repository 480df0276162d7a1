import { Targets } from "./native.ts";
import { checkLoad } from "./operator_checks/load.ts";

Deno.test("load() agrees with the reference when types, rows and views differ", () => {
  using targets = new Targets();
  for (const { several } of targets.all) checkLoad(several);
});
