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

export default function answer(call: Call): Answer {
  return answerOn(verbs, call);
}
