/** Owns the choice of ports for servers that must keep theirs when they are started again. */
import { once } from "node:events";
import { createServer } from "node:net";

/** Below those that systems hand out by themselves, so that nobody is given one while its server is down. */
const FIRST = 20_000;
const COUNT = 10_000;
const MOST_TRIES = 100;

/** A port of 127.0.0.1 on which nothing listens. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (await isFree(port)) return port;
  }
  throw new Error(`None of ${MOST_TRIES} ports of 127.0.0.1 from ${FIRST} on that were tried is free.`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch {
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}
