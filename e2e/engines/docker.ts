/** Owns servers that run in a container of the machine's Docker engine. */
import { type Environment, lastLines, run, whenGone } from "./children.ts";
import { type IsReady, type Server, untilReady } from "./server.ts";

export interface Container {
  image: string;
  /** What follows the image's name on the command line. */
  command: readonly string[];
  environment: Environment;
  /** The same inside and outside. */
  port: number;
  isReady: IsReady;
}

const ANSWER_LIMIT_MS = 20_000;
const PULL_LIMIT_MS = 300_000;

/** Rejects when no Docker engine answers, when the image cannot be had, or when the server in it ends. */
export async function startContainer({ image, command, environment, port, isReady }: Container): Promise<Server> {
  await run("docker", ["info", "--format", "{{.ServerVersion}}"], ANSWER_LIMIT_MS);
  const name = `mini-crm-engine-${port}`;
  const variables = Object.entries(environment).flatMap(([key, value]) => ["--env", `${key}=${value}`]);
  const published = ["--publish", `127.0.0.1:${port}:${port}`];
  const docker = (...args: string[]) => run("docker", args, ANSWER_LIMIT_MS);

  const forget = whenGone(["docker", "rm", "--force", "--volumes", name]);
  const stop = async () => {
    await docker("rm", "--force", "--volumes", name);
    forget();
  };
  const failure = async () => {
    if ((await docker("inspect", "--format", "{{.State.Running}}", name)) === "true") return null;
    return `Its container ended. Its log ends with:\n${lastLines(await docker("logs", name))}`;
  };
  const ready = () => untilReady(isReady, failure);

  try {
    await run("docker", ["run", "--detach", "--name", name, ...published, ...variables, image, ...command], PULL_LIMIT_MS);
    await ready();
  } catch (error) {
    await stop().catch(() => {}); // Why it did not start says more than why nothing could be removed.
    throw error;
  }
  return {
    stop,
    kill: async () => void (await docker("kill", name)),
    restart: async () => {
      await docker("start", name);
      await ready();
    },
    suspend: async () => void (await docker("pause", name)),
    resume: async () => void (await docker("unpause", name)),
  };
}
