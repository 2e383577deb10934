/** Owns a database thread: one connection, asked for one verb after the other. */
import { workerData } from "piscina";
import { type Answer, answerOn, type Call } from "./answer.ts";
import { openConnection } from "./connection.ts";
import { migrate } from "./schema.ts";
import { createVerbs } from "./verbs.ts";

/** What a thread is started with. */
export interface ThreadData {
  file: string;
  access: "read-write" | "read-only";
}

const { file, access } = workerData as ThreadData;
const connection = openConnection(file, access);
if (access === "read-write") migrate(connection.db);
const verbs = createVerbs(connection, { now: Date.now, random: Math.random });

/** A call comes as JSON, or as it is where it holds bytes. */
export default function answer(call: Call | string): Answer {
  return answerOn(verbs, typeof call === "string" ? JSON.parse(call) : call);
}
