/** Owns a caller that looks at a server at an even pace, in a process of its own, so that no other work delays its clock. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** One GET: which address, how long until the answer's last byte, and whether the answer was a 200. */
export interface Look {
  url: string;
  tookMs: number;
  ok: boolean;
}

export interface Client {
  /** Answers every GET that was sent while `work` went on. */
  measure(work: () => Promise<void>): Promise<Look[]>;
  close(): void;
}

/** Asks for `urls` in turn. */
export function startClient(urls: readonly string[]): Client {
  const client = fork(fileURLToPath(new URL("http-client-process.ts", import.meta.url)), urls);
  return {
    async measure(work) {
      client.send("begin");
      await work();
      const ended = once(client, "message");
      client.send("end");
      const [looks]: Look[][] = await ended;
      return looks ?? [];
    },
    close: () => client.disconnect(),
  };
}
