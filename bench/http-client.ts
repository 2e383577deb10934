/** Owns a caller that looks at a server at an even pace, on a thread of its own, so that no other work delays its clock. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";

export interface Client {
  /** Answers how many milliseconds each GET took that was sent while `work` went on. */
  measure(work: () => Promise<void>): Promise<number[]>;
  close(): Promise<void>;
}

export interface ClientData {
  /** Asked for in turn. */
  urls: readonly string[];
  requestsPerSecond: number;
}

const REQUESTS_PER_SECOND = 200;

export function startClient(urls: readonly string[]): Client {
  const workerData: ClientData = { urls, requestsPerSecond: REQUESTS_PER_SECOND };
  const thread = new Worker(new URL("./http-client-thread.ts", import.meta.url), { workerData });
  return {
    async measure(work) {
      thread.postMessage("begin");
      await work();
      const ended = once(thread, "message");
      thread.postMessage("end");
      const [latenciesMs]: number[][] = await ended;
      return latenciesMs ?? [];
    },
    async close() {
      await thread.terminate();
    },
  };
}
