/** Owns how an event looks on a topic: its key as text, its value as JSON with a `version`, readable by anybody. */
import type { Consumer } from "@platformatic/kafka";

type FetchResponse = Awaited<ReturnType<Consumer["fetch"]>>;

/** The versions of event values that this program understands. */
const KNOWN_VERSION = 1;

/** An event where it lies; `problem` says why it cannot be handled, and then `value` is what stands there. */
export interface Record {
  offset: bigint;
  key: string;
  value: unknown;
  problem: string | null;
}

/** The records of one partition in a fetch's answer, from `from` on, and the offset behind them. */
export function recordsOf(response: FetchResponse, partition: number, from: bigint): { records: Record[]; next: bigint } {
  const records: Record[] = [];
  let next = from;
  for (const { partitions } of response.responses) {
    for (const answered of partitions) {
      if (answered.partitionIndex !== partition) continue;
      for (const batch of answered.records ?? []) {
        next = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n;
        if ((batch.attributes & CONTROL) !== 0) continue;
        for (const { offsetDelta, key, value } of batch.records) {
          const offset = batch.firstOffset + BigInt(offsetDelta);
          // Brokers answer whole batches, also where the offset asked for lies in the middle of one.
          if (offset >= from) records.push({ offset, key: key?.toString() ?? "", ...read(value) });
        }
      }
    }
  }
  return { records, next: next > from ? next : from };
}

/** Marks of transactions, which are no events. */
const CONTROL = 0x20;

function read(bytes: Buffer | null): Pick<Record, "value" | "problem"> {
  const text = bytes?.toString() ?? "";
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { value: text, problem: "The event is not JSON" };
  }
  const version = typeof value === "object" && value !== null && "version" in value ? value.version : undefined;
  if (version === KNOWN_VERSION) return { value, problem: null };
  return { value, problem: `The event's version must be ${KNOWN_VERSION}, but is ${JSON.stringify(version) ?? "missing"}` };
}
