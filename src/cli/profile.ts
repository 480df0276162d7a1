/**
 * Shows the time of each operator.
 *
 * @module
 */
import type { OperatorTime } from "../reports.ts";
import type { Runtime } from "../runtime.ts";

/** Time by operator as JSON has it: with the share of all of them. */
export interface ProfileEntry extends OperatorTime {
  readonly share: number;
}

/** Closes a runtime for its profile; nothing where none was asked for. */
export async function profileOf(runtime: Runtime): Promise<ProfileEntry[] | undefined> {
  await runtime.close();
  const times = runtime.profile;
  const total = times?.reduce((sum, { ms }) => sum + ms, 0) ?? 0;
  return times?.map((time) => ({ ...time, share: time.ms / total }));
}

/** The profile as a table. */
export function profileText(profile: readonly ProfileEntry[]): string {
  const width = Math.max(...profile.map(({ operator }) => operator.length));
  const head = `${"operator".padEnd(width)} ${"calls".padStart(9)} ${"ms".padStart(11)}    share`;
  const rows = profile.map(({ operator, calls, ms, share }) =>
    `${operator.padEnd(width)} ${`${calls}`.padStart(9)} ${ms.toFixed(2).padStart(11)} ` +
    `${(100 * share).toFixed(2).padStart(6)} %`
  );
  return [head, ...rows].join("\n");
}
