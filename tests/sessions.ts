/**
 * Watches the sessions that others open on a runtime.
 *
 * @module
 */
import type { Runtime } from "../src/runtime.ts";
import type { Session } from "../src/session.ts";

/** A runtime that calls `change` with every session that is opened. */
export function withSessions(runtime: Runtime, change: (session: Session) => void): Runtime {
  const session: Runtime["session"] = async (options) => {
    const opened = await runtime.session(options);
    change(opened);
    return opened;
  };
  return new Proxy(runtime, {
    get(target, name) {
      if (name === "session") return session;
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** A runtime, and how each generation on it has ended: by itself, or because its reader left. */
export function watched(runtime: Runtime): { runtime: Runtime; ends: ("finished" | "left")[] } {
  const ends: ("finished" | "left")[] = [];
  const watching = withSessions(runtime, (session) => {
    const generate = session.generate.bind(session);
    session.generate = async function* (options) {
      let end: "finished" | "left" = "left";
      try {
        for await (const token of generate(options)) {
          if (token.finishReason) end = "finished";
          yield token;
        }
      } finally {
        ends.push(end);
      }
    };
  });
  return { runtime: watching, ends };
}

/** Waits until a session is free, and throws when none becomes free. */
export async function sessionIsFree(runtime: Runtime): Promise<void> {
  await until(() => hasFreeSession(runtime), "All sessions stay in use");
}

/** Waits until no session is free, and throws when one stays free. */
export async function sessionsAreTaken(runtime: Runtime): Promise<void> {
  await until(async () => !await hasFreeSession(runtime), "A session stays free");
}

/** Waits until every session is free, and throws when some stay in use. */
export async function allSessionsAreFree(runtime: Runtime): Promise<void> {
  await until(() => Promise.resolve(runtime.activity.open === 0), "Some sessions stay in use");
}

/** Looks again and again, for more than ten seconds. */
async function until(holds: () => Promise<boolean>, otherwise: string): Promise<void> {
  for (let attempt = 0; attempt < 2000; attempt++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(otherwise);
}

async function hasFreeSession(runtime: Runtime): Promise<boolean> {
  try {
    await using _session = await runtime.session({ wait: false });
    return true;
  } catch {
    return false;
  }
}
