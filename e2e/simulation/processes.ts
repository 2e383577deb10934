/** Owns the workers of a simulated world: processes over one database, started, crashed, frozen and stopped. */
import type { Clock } from "@mini-crm/core/ports/clock";
import { type Draws, drawsFor } from "./draws.ts";
import { type Blow, createLife, type Life } from "./life.ts";
import { type Closable, startWorkerProcess, type WorkerProcessDeps } from "./worker-process.ts";

export interface Processes {
  awake(): Life[];
  /** One that is awake; null where none is. */
  some(draws: Draws): Life | null;
  /** Starts one more, unless there are enough; `buriesDead`: on the machine of the dead, whose leases it ends. */
  start(options: { buriesDead: boolean }): void;
  crash(life: Life): void;
  freeze(life: Life): void;
  thaw(life: Life): void;
  setClock(life: Life, offsetMs: number): void;
  /** Stops one as SIGTERM does, and starts another when it is gone. */
  restartInOrder(draws: Draws): void;
  /** No more accidents; what is frozen wakes up, and somebody is there. */
  heal(): void;
  /** Those that crashed or froze. */
  unlucky: ReadonlySet<string>;
  clocksDifferByMs(): number;
}

export interface ProcessesDeps extends WorkerProcessDeps {
  time: Clock;
  /** Sets something in motion that nobody waits for. */
  atOnce: (task: () => Promise<void>) => void;
  later: (delayMs: number, task: () => void) => void;
  onDeath: (worker: string) => void;
}

interface Running {
  life: Life;
  workers: Promise<Closable>;
  isStopping: boolean;
}

const MOST_AT_ONCE = 3;

export function createProcesses(deps: ProcessesDeps): Processes {
  const { seed, time, outsides, trace, atOnce, later, onDeath } = deps;
  let running: Running[] = [];
  let started = 0;
  const dead: string[] = [];
  const unlucky = new Set<string>();
  const offsets = [0];

  const alive = () => running.map(({ life }) => life).filter((life) => life.state() !== "dead");
  const awake = () => alive().filter((life) => life.state() === "awake");
  const lookWhoListens = () => {
    for (const outside of outsides) outside.lookWhoListens();
  };

  function start({ buriesDead }: { buriesDead: boolean }): void {
    if (alive().length >= MOST_AT_ONCE) return;
    started += 1;
    const name = `w${started}`;
    const life = createLife({ name, time, seed, onStruck: (blow) => struck(life, blow) });
    trace.note(name, buriesDead ? "starts and buries the dead" : "starts", dead.join(" "));
    const workers = startWorkerProcess(life, buriesDead ? dead.splice(0) : [], deps);
    atOnce(async () => void (await workers));
    running.push({ life, workers, isStopping: false });
  }

  function gone(life: Life): void {
    running = running.filter((one) => one.life !== life);
    lookWhoListens();
  }

  function crash(life: Life): void {
    life.crash();
    struck(life, "crash");
  }

  function struck(life: Life, blow: Blow): void {
    trace.note(life.name, blow === "crash" ? "crashes" : "freezes");
    unlucky.add(life.name);
    const draws = drawsFor(seed, `${blow} of ${life.name}`);
    if (blow === "freeze") {
      lookWhoListens();
      later(draws.between(500, 45_000), () => thaw(life));
      if (draws.happens(0.7)) later(draws.between(0, 15_000), () => start({ buriesDead: false }));
      return;
    }
    dead.push(life.name);
    gone(life);
    onDeath(life.name);
    const buriesDead = draws.happens(0.6);
    const afterMs = draws.between(0, draws.oneOf([3_000, 35_000]));
    if (awake().length === 0 || draws.happens(0.8)) later(afterMs, () => start({ buriesDead }));
  }

  function thaw(life: Life): void {
    if (life.state() !== "frozen") return;
    trace.note(life.name, "goes on");
    life.thaw();
    lookWhoListens();
  }

  return {
    unlucky,
    awake,
    some: (draws) => (awake().length === 0 ? null : draws.oneOf(awake())),
    start,
    crash,
    freeze(life) {
      trace.note(life.name, "sleeps");
      unlucky.add(life.name);
      life.freeze();
      lookWhoListens();
    },
    thaw,
    setClock(life, offsetMs) {
      trace.note(life.name, "sets its clock", `${offsetMs} ms`);
      offsets.push(offsetMs);
      life.setClock(offsetMs);
    },
    restartInOrder(draws) {
      const stopping = running.find(({ life, isStopping }) => life.state() === "awake" && !isStopping);
      if (stopping === undefined) return;
      stopping.isStopping = true;
      const { life, workers } = stopping;
      trace.note(life.name, "stops");
      atOnce(async () => {
        await (await workers).close();
        trace.note(life.name, "has stopped");
        life.crash();
        gone(life);
        if (awake().length === 0 || draws.happens(0.5)) start({ buriesDead: false });
      });
    },
    heal() {
      for (const life of alive()) {
        life.clearFuses();
        thaw(life);
      }
      if (awake().length === 0) start({ buriesDead: true });
    },
    clocksDifferByMs: () => Math.max(...offsets) - Math.min(...offsets),
  };
}
