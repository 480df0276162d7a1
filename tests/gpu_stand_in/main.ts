/**
 * Checks the host of one GPU, `cuda` or `metal`, for `tools/mutate.ts`: ends with status 1 at the
 * first thing that is wrong, and with 2 where what it checks cannot be built.
 *
 * @module
 */
import { cudaChecks } from "./cuda_checks.ts";
import { metalChecks } from "./metal_checks.ts";
import { StandIns } from "./stand_ins.ts";

async function main(backend: string | undefined): Promise<number> {
  await using standIns = new StandIns();
  let doing = "build";
  try {
    const checks = await (backend === "metal" ? metalChecks : cudaChecks)(standIns);
    for (const { name, run } of checks) {
      doing = name;
      await run();
    }
    return 0;
  } catch (error) {
    console.error(`${doing}: ${error instanceof Error ? error.message : error}`);
    return doing === "build" ? 2 : 1;
  }
}

if (import.meta.main) Deno.exitCode = await main(Deno.args[0]);
