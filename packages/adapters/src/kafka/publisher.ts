/** Owns the way of events to the brokers: one request after the other, each with all that has been waiting meanwhile. */
import { compatibilityPartitioner, Producer, stringSerializers } from "@platformatic/kafka";
import type { Cluster } from "./cluster.ts";

export interface OutgoingRecord {
  topic: string;
  key: string;
  value: string;
}

export interface Publisher {
  /** Resolves when every replica in sync has all of them. One that rejects may have written some: publish all again. */
  send(records: readonly OutgoingRecord[]): Promise<void>;
  close(): Promise<void>;
}

/** Brokers refuse a batch of more than 1 MB for a partition. */
const MOST_BYTES_PER_REQUEST = 500_000;
const TIMEOUT_MS = 6_000;

interface Call {
  records: readonly OutgoingRecord[];
  done: PromiseWithResolvers<void>;
}

export function createPublisher(cluster: Cluster): Publisher {
  let producer: Producer<string, string, string, string> | null = null;
  let waiting: Call[] = [];
  let running: Promise<void> | null = null;

  const discard = async (): Promise<void> => {
    const old = producer;
    producer = null;
    await old?.close(true).catch(() => {});
  };
  const send = async (messages: OutgoingRecord[]): Promise<void> => {
    producer ??= new Producer({
      ...cluster.client,
      retries: 2,
      retryDelay: 200,
      idempotent: true,
      serializers: stringSerializers,
      // As every other client does by default: the same key goes to the same partition, whoever publishes.
      partitioner: compatibilityPartitioner,
    });
    const to = producer;
    try {
      await cluster.answer("publishing events", TIMEOUT_MS, () => to.send({ messages, acks: ALL_IN_SYNC }));
    } catch (error) {
      // Its numbering has a gap, or it still waits for an answer: what comes next begins anew.
      void discard();
      throw error;
    }
  };
  const run = async (): Promise<void> => {
    for (let calls = takeCalls(); calls.length > 0; calls = takeCalls()) {
      try {
        for (const request of requestsOf(calls.flatMap(({ records }) => records))) await send(request);
        for (const { done } of calls) done.resolve();
      } catch (error) {
        for (const { done } of calls) done.reject(error);
      }
    }
    running = null; // In one go with the look that found nothing waiting, or a call between the two would wait forever.
  };
  const takeCalls = (): Call[] => {
    const calls = waiting;
    waiting = [];
    return calls;
  };

  return {
    async send(records) {
      if (records.length === 0) return;
      const done = Promise.withResolvers<void>();
      waiting.push({ records, done });
      running ??= run();
      await done.promise;
    },
    async close() {
      await running;
      await discard();
    },
  };
}

const ALL_IN_SYNC = -1;

function requestsOf(records: readonly OutgoingRecord[]): OutgoingRecord[][] {
  const requests: OutgoingRecord[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const record of records) {
    const size = Buffer.byteLength(record.key) + Buffer.byteLength(record.value);
    if (bytes + size > MOST_BYTES_PER_REQUEST) {
      requests.push([]);
      bytes = 0;
    }
    requests.at(-1)?.push(record);
    bytes += size;
  }
  return requests;
}
