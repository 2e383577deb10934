/** Owns what each of several workers says of itself. */
import { call } from "./system.ts";

/** Of the answer to `GET /stats`, what tests look at. */
export interface WorkerStats {
  JobExpander: { processedJobs: number; lag: number };
  SendWorker: { sent: number; lag: number };
  StatusAggregator: { receipts: number; lag: number };
  Scheduler: { started: number };
}

export async function statsAt(workersUrl: string): Promise<WorkerStats> {
  return (await call<{ workers: WorkerStats }>("GET", `${workersUrl}/stats`)).body.workers;
}

export function statsAtEach(workersUrls: readonly string[]): Promise<WorkerStats[]> {
  return Promise.all(workersUrls.map(statsAt));
}
