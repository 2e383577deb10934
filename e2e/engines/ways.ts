/** Owns the choice among several ways to get a server: the first that works, or an error that says what was tried. */

export interface Way<Server> {
  /** As people call it: "Docker", "an installed mongod". */
  name: string;
  start: () => Promise<Server>;
}

export interface Chosen {
  /** Why the ways before it were not taken: a line, or more, for each. */
  passedOver: readonly string[];
}

export async function firstThatStarts<Server>(what: string, ways: readonly Way<Server>[]): Promise<Server & Chosen> {
  const failures: string[] = [];
  for (const { name, start } of ways) {
    try {
      return { ...(await start()), passedOver: failures };
    } catch (error) {
      failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new Error(`${what} cannot be had here. What was tried:\n${failures.map((failure) => `- ${failure}`).join("\n")}`);
}
