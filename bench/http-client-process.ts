/**
 * Owns the client's process. It sends at its pace whether or not the answers before have come, so that a server that stands
 * still is seen by every request that falls into that time.
 */
import { Agent, get } from "node:http";
import type { Look } from "./http-client.ts";

const REQUESTS_PER_SECOND = 200;
const TIMEOUT_MS = 30_000;

const urls = process.argv.slice(2);
const agent = new Agent({ keepAlive: true });
let looks: Look[] = [];
let underWay = new Set<Promise<void>>();
let pace: NodeJS.Timeout | undefined;

process.on("message", (order) => {
  if (order === "begin") begin();
  else void end();
});
process.once("disconnect", () => process.exit());

function begin(): void {
  looks = [];
  underWay = new Set();
  const startedAt = performance.now();
  let sent = 0;
  pace = setInterval(() => {
    const due = ((performance.now() - startedAt) / 1_000) * REQUESTS_PER_SECOND;
    for (; sent < due; sent += 1) {
      const request = look(urls[sent % urls.length] ?? "").finally(() => underWay.delete(request));
      underWay.add(request);
    }
  }, 1);
}

async function end(): Promise<void> {
  clearInterval(pace);
  await Promise.all(underWay);
  process.send?.(looks);
}

function look(url: string): Promise<void> {
  const sentAt = performance.now();
  const { promise, resolve } = Promise.withResolvers<void>();
  const note = (ok: boolean): void => {
    looks.push({ url, tookMs: performance.now() - sentAt, ok });
    resolve();
  };
  const request = get(url, { agent, timeout: TIMEOUT_MS }, (answer) => {
    answer.resume().on("end", () => note(answer.statusCode === 200));
  });
  request.on("timeout", () => request.destroy(new Error("No answer came in time.")));
  request.on("error", () => note(false));
  return promise;
}
