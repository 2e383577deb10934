/**
 * Owns the client's thread. It sends at its pace whether or not the answers before have come, so that a server that stands
 * still is seen by every request that falls into that time.
 */
import { Agent, get } from "node:http";
import { parentPort, workerData } from "node:worker_threads";
import type { ClientData } from "./http-client.ts";

const { urls, requestsPerSecond } = workerData as ClientData;
const agent = new Agent({ keepAlive: true });
let latenciesMs: number[] = [];
let underWay = new Set<Promise<void>>();
let pace: NodeJS.Timeout | undefined;

parentPort?.on("message", (order: "begin" | "end") => {
  if (order === "begin") begin();
  else void end();
});

function begin(): void {
  latenciesMs = [];
  underWay = new Set();
  const startedAt = performance.now();
  let sent = 0;
  pace = setInterval(() => {
    const due = ((performance.now() - startedAt) / 1_000) * requestsPerSecond;
    for (; sent < due; sent += 1) {
      const request = look(urls[sent % urls.length] ?? "").finally(() => underWay.delete(request));
      underWay.add(request);
    }
  }, 1);
}

async function end(): Promise<void> {
  clearInterval(pace);
  await Promise.all(underWay);
  parentPort?.postMessage(latenciesMs);
}

function look(url: string): Promise<void> {
  const sentAt = performance.now();
  return new Promise((resolve, reject) => {
    const request = get(url, { agent }, (answer) => {
      if (answer.statusCode !== 200) reject(new Error(`${url} answered ${answer.statusCode}.`));
      answer.resume().on("end", () => {
        latenciesMs.push(performance.now() - sentAt);
        resolve();
      });
    });
    request.on("error", reject);
  });
}
