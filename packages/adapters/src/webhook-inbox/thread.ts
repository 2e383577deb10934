/** Owns the thread of an inbox: a commit waits for the disk, and on the main thread every request would wait with it. */
import { workerData } from "piscina";
import { type Answer, answering } from "../sqlite/answer.ts";
import { type InboxVerbs, openInboxFile } from "./inbox-file.ts";

/** A verb by its name with its arguments. */
export interface InboxCall {
  verb: keyof InboxVerbs;
  args: readonly unknown[];
}

/** What the thread is started with. */
export interface InboxThreadData {
  file: string;
}

let verbs: InboxVerbs | null = null;

export default function answer({ verb, args }: InboxCall): Answer {
  return answering(() => {
    verbs ??= openInboxFile((workerData as InboxThreadData).file);
    const called = verbs[verb] as (...given: readonly unknown[]) => unknown;
    return called(...args);
  });
}
