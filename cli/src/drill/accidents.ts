/** Owns the plan of a drill: which accidents happen, in which order and at which moments, all drawn from one seed. */
import { type Chance, chanceFrom, hashOf } from "@mini-crm/core/chance";
import type { SimulatorBehaviour } from "@mini-crm/runtime/engines";
import { type Layout, PARTS, type Part, SEVERAL } from "./system.ts";

export type Behaviour = Partial<SimulatorBehaviour>;

export type Accident =
  /** As soon as `moved` shows that this process has moved something, and `afterMs` later. What was killed stays dead for a while. */
  | { kind: "kill"; parts: readonly Part[]; moved: "outbox" | "ledger"; afterMs: number; deadForMs: number }
  /** SIGSTOP for longer than a lease while another process takes over and the drill goes on; then both live, then the first ends. */
  | { kind: "freeze"; frozenForMs: number; livesOnForMs: number; endsBy: "SIGKILL" | "SIGTERM" }
  /** WhatsApp behaves like this from now on. */
  | { kind: "misbehave"; behaviour: Behaviour }
  /** WhatsApp is out of reach. */
  | { kind: "outage"; forMs: number }
  /** Some messages get no answer for longer than a send waits for one. */
  | { kind: "hang"; behaviour: Behaviour; forMs: number };

export interface PlanRequest {
  seed: number;
  layout: Layout;
  kills: number;
}

/** `leaseMs` and `sendTimeoutMs` of the workers, in ms, with what it takes to notice that they are over. */
const LONGER_THAN_A_LEASE_MS = 34_000;
const LONGER_THAN_A_SEND_MS = 22_000;

/** Freezes and hangs take half a minute each, so they are few: one in so many kills, the first a third of the way through. */
const KILLS_PER_FREEZE = 40;

/** The receipts of a message all come within so many ms of it: a few seconds for READ, late, and late once more. */
export const LAST_RECEIPT_AFTER_MS = 8_000;

/** WhatsApp as it is between the accidents. */
export const CALM: Behaviour = {
  readShare: 0.3,
  hangShare: 0,
  hangFor: { fromMs: 100, toMs: 1_500 },
  cutShare: 0,
  retryableShare: 0,
  notOnWhatsAppShare: 0,
  undeliverableShare: 0,
  doubledShare: 0,
  lateShare: 0,
  lateBy: { fromMs: 200, toMs: 2_500 },
  shuffledShare: 0,
  unreachable: false,
};

/** Each setting, and the most that is drawn for it. */
const WORST_SHARES = {
  hangShare: 0.03,
  cutShare: 0.05,
  retryableShare: 0.02,
  notOnWhatsAppShare: 0.02,
  undeliverableShare: 0.03,
  doubledShare: 0.4,
  lateShare: 0.4,
  shuffledShare: 0.4,
} as const;

/** The accidents of one layout, in their order: the same for the same request. */
export function planAccidents({ seed, layout, kills }: PlanRequest): Accident[] {
  const chance = chanceFrom(hashOf(seed, layout));
  const plan: Accident[] = [];
  const firstFreeze = Math.floor(Math.min(kills, KILLS_PER_FREEZE) / 3);
  for (let kill = 0; kill < kills; kill += 1) {
    if (chance() < 0.35) plan.push({ kind: "misbehave", behaviour: drawBehaviour(chance) });
    if (chance() < 0.12) plan.push({ kind: "outage", forMs: between(chance, 500, 2_000) });
    if (kill % KILLS_PER_FREEZE === firstFreeze) plan.push(drawFreeze(chance), drawHang(chance));
    plan.push(drawKill(chance, layout));
  }
  return plan;
}

function drawKill(chance: Chance, layout: Layout): Accident {
  return {
    kind: "kill",
    parts: drawParts(chance, layout),
    moved: chance() < 0.5 ? "outbox" : "ledger",
    // Mostly within what a claim takes from its admission to its record, sometimes well after.
    afterMs: chance() < 0.8 ? between(chance, 0, 400) : between(chance, 400, 1_500),
    deadForMs: chance() < 0.5 ? 0 : between(chance, 0, 1_500),
  };
}

function drawParts(chance: Chance, layout: Layout): readonly Part[] {
  if (layout === "one process") return ["backend", "workers"];
  if (layout === SEVERAL) {
    // One of them or some, now and then all.
    const drawn = PARTS[layout].filter(() => chance() < 0.35);
    return drawn.length > 0 ? drawn : ["workers"];
  }
  const draw = chance();
  if (draw < 0.5) return ["workers"];
  return draw < 0.75 ? ["backend"] : ["backend", "workers"];
}

function drawFreeze(chance: Chance): Accident {
  return {
    kind: "freeze",
    frozenForMs: LONGER_THAN_A_LEASE_MS,
    livesOnForMs: between(chance, 500, 4_000),
    endsBy: chance() < 0.5 ? "SIGKILL" : "SIGTERM",
  };
}

function drawHang(chance: Chance): Accident {
  const hangFor = { fromMs: LONGER_THAN_A_SEND_MS, toMs: LONGER_THAN_A_SEND_MS + 3_000 };
  return { kind: "hang", behaviour: { ...CALM, hangShare: 0.002 + chance() * 0.008, hangFor }, forMs: LONGER_THAN_A_SEND_MS };
}

/** Each kind of trouble is on in two of five cases, so that they come alone and together. */
function drawBehaviour(chance: Chance): Behaviour {
  const shares = Object.entries(WORST_SHARES).map(([name, most]) => [name, chance() < 0.4 ? chance() * most : 0]);
  return { ...CALM, ...Object.fromEntries(shares) };
}

function between(chance: Chance, from: number, to: number): number {
  return from + Math.floor(chance() * (to - from + 1));
}
