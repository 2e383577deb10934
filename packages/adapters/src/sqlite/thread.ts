/** Owns a database thread: one connection, asked for one verb after the other. */
import { workerData } from "piscina";
import { type Answer, answerOn, type Call } from "./answer.ts";
import { openConnection } from "./connection.ts";
import { migrate } from "./schema.ts";
import { createVerbs, type Verbs } from "./verbs.ts";

/** What a thread is started with. */
export interface ThreadData {
  file: string;
  access: "read-write" | "read-only";
}

let verbs: Verbs | null = null;

/**
 * A call comes as JSON, or as it is where it holds bytes. The first one opens the file, so that what stands in its way is that
 * call's answer: a thread that died of it would have nobody to tell.
 */
export default function answer(call: Call | string): Answer {
  const opened = () => {
    verbs ??= open(workerData as ThreadData);
    return verbs;
  };
  return answerOn(opened, typeof call === "string" ? JSON.parse(call) : call);
}

function open({ file, access }: ThreadData): Verbs {
  const connection = openConnection(file, access);
  if (access === "read-write") migrate(connection.db, Date.now());
  return createVerbs(connection, { now: Date.now, random: Math.random });
}
