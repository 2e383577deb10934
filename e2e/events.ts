/** Owns how tests watch what happens: the server-sent events of a running system. */
import { expect } from "vitest";
import { eventually, type System } from "./system.ts";

interface SeenEvent {
  kind: string;
  data: Record<string, unknown>;
}

export interface Watch {
  /** Resolves with the first event after those that were expected before that is of the kind and matches `data`. */
  next(kind: string, data: object): Promise<Record<string, unknown>>;
  stop(): void;
}

/** Watches what happens from now on. */
export async function watchEvents({ backendUrl }: Pick<System, "backendUrl">, kinds: readonly string[]): Promise<Watch> {
  const stopping = new AbortController();
  const answer = await fetch(`${backendUrl}/api/v1/events?kinds=${kinds.join(",")}`, { signal: stopping.signal });
  const events: SeenEvent[] = [];
  let seen = 0;
  const read = async () => {
    let rest = "";
    for await (const chunk of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const blocks = (rest + chunk).split("\n\n");
      rest = blocks.pop() ?? "";
      events.push(...blocks.flatMap(eventIn));
    }
  };
  // It ends when it is stopped, or with the process that it comes from.
  read().catch(() => {});
  return {
    async next(kind, data) {
      const found = await eventually(async () => {
        const at = events.findIndex((event, index) => index >= seen && event.kind === kind && matches(event.data, data));
        if (at < 0) throw new Error(`No ${kind} like ${JSON.stringify(data)} in ${JSON.stringify(events.slice(seen))}`);
        return at;
      });
      seen = found + 1;
      return events[found]?.data ?? {};
    },
    stop: () => stopping.abort(),
  };
}

function eventIn(block: string): SeenEvent[] {
  const kind = /^event: (.+)$/m.exec(block)?.[1];
  const data = /^data: (.+)$/m.exec(block)?.[1];
  return kind === undefined || data === undefined ? [] : [{ kind, data: JSON.parse(data) }];
}

function matches(data: object, wanted: object): boolean {
  try {
    expect(data).toMatchObject(wanted);
    return true;
  } catch {
    return false;
  }
}
