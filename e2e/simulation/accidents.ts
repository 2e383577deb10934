/** Owns every accident that can befall a simulated world: a new one is an entry here. */
import { text } from "@mini-crm/adapters/sqlite/connection";
import type { Topic, TopicEvent } from "@mini-crm/core/event/topics";
import type { Draws } from "./draws.ts";
import type { Fuse } from "./life.ts";
import type { World } from "./world.ts";

export interface Accident {
  /** How often it is drawn, against the others. */
  weight: number;
  /** Lets it happen, or sets it in motion; what comes of it later goes by `world.later`. */
  happen(world: World, draws: Draws): Promise<void> | void;
}

/** Most blows fall where it hurts: around one of these. */
const TENDER = ["admitMessages", "admitMessages", "claimMessages", "commit", "send", "receipts", "readTurn"];

/** Each seed draws some of these. */
export const ACCIDENTS = {
  crash: {
    weight: 10,
    happen(world, draws) {
      world.processes.some(draws)?.addFuse(fuseFrom(draws, "crash"));
    },
  },
  "crash of all": {
    weight: 1,
    happen(world) {
      for (const life of world.processes.awake()) world.processes.crash(life);
    },
  },
  freeze: {
    weight: 8,
    happen(world, draws) {
      world.processes.some(draws)?.addFuse(fuseFrom(draws, "freeze"));
    },
  },
  "sleep of the whole machine": {
    weight: 1,
    async happen(world, draws) {
      const asleep = world.processes.awake();
      for (const life of asleep) world.processes.freeze(life);
      await world.pass(draws.oneOf([90_000, 600_000, 3_600_000]));
      for (const life of asleep) world.processes.thaw(life);
    },
  },
  "one process more": {
    weight: 3,
    happen: (world) => world.processes.start({ buriesDead: false }),
  },
  "restart in order": {
    weight: 4,
    happen: (world, draws) => atAnEffect(world, draws, async () => world.processes.restartInOrder(draws)),
  },
  outage: {
    weight: 3,
    happen(world, draws) {
      const outside = draws.oneOf(world.outsides);
      outside.behave({ unreachable: true });
      world.later(draws.between(500, 60_000), () => outside.behave({ unreachable: false }));
    },
  },
  "account sends too fast": {
    weight: 2,
    happen(world, draws) {
      const outside = draws.oneOf(world.outsides);
      outside.behave({ rateLimited: { retryAfterMs: draws.between(500, 20_000) } });
      world.later(draws.between(500, 20_000), () => outside.behave({ rateLimited: null }));
    },
  },
  pause: {
    weight: 6,
    happen(world, draws) {
      atAnEffect(world, draws, async () => {
        const campaign = someCampaign(world, draws);
        if (draws.happens(0.8)) world.later(draws.between(0, 40_000), () => world.people.steer(campaign, "resume"));
        await world.people.steer(campaign, "pause");
      });
    },
  },
  cancel: {
    weight: 2,
    happen(world, draws) {
      atAnEffect(world, draws, () => world.people.steer(someCampaign(world, draws), "cancel"));
    },
  },
  "people opt out": {
    weight: 3,
    happen(world, draws) {
      const consent = { state: "opted_out", source: "a word", at: null } as const;
      const optOut = (id: string) => world.store.leads.change(id, { consent }, world.time.now());
      for (let count = draws.between(1, 6); count > 0; count -= 1) {
        atAnEffect(world, draws, () => world.people.touchLead(someLead(world, draws), optOut));
      }
    },
  },
  "people write stop": {
    weight: 2,
    happen(world, draws) {
      for (let count = draws.between(1, 4); count > 0; count -= 1) {
        const id = someLead(world, draws);
        const phones = world.connection.get("SELECT phones ->> 0 AS phone FROM lead WHERE _id = ?", id);
        if (typeof phones?.["phone"] === "string") draws.oneOf(world.outsides).receive(phones["phone"], "STOP");
      }
    },
  },
  "people are deleted": {
    weight: 2,
    happen(world, draws) {
      for (let count = draws.between(1, 4); count > 0; count -= 1) {
        atAnEffect(world, draws, () => world.people.touchLead(someLead(world, draws), (id) => world.store.leads.remove(id)));
      }
    },
  },
  "second import": {
    weight: 2,
    happen: (world, draws) => world.people.importAgain(draws),
  },
  "everything is looked at again": {
    weight: 2,
    async happen(world) {
      await world.bus.commit([{ step: "resume", input: { now: world.time.now() } }]);
    },
  },
  "old events come again": {
    weight: 3,
    async happen(world, draws) {
      const old = loggedEvents(world);
      if (old.length > 0) await world.bus.publish(Array.from({ length: draws.between(1, 5) }, () => draws.oneOf(old)));
    },
  },
  "a clock is set": {
    weight: 2,
    happen(world, draws) {
      const life = world.processes.some(draws);
      if (life !== null) world.processes.setClock(life, draws.between(-5_000, 5_000));
    },
  },
} as const satisfies Record<string, Accident>;

export type AccidentKind = keyof typeof ACCIDENTS;

/** Strikes soon, at some effect. */
function fuseFrom(draws: Draws, blow: Fuse["blow"]): Fuse {
  const when = draws.oneOf(["before", "after"] as const);
  if (draws.happens(0.4)) return { blow, when, effect: null, nth: draws.between(1, 60) };
  return { blow, when, effect: draws.oneOf(TENDER), nth: draws.between(1, 3) };
}

/** Lets something happen, once, between two effects of whichever process gets there first; now where there is none. */
function atAnEffect(world: World, draws: Draws, task: () => Promise<void>): void {
  let isDone = false;
  const once = () => {
    if (!isDone) world.atOnce(task);
    isDone = true;
  };
  const lives = world.processes.awake();
  const fuse = { ...fuseFrom(draws, once), effect: draws.oneOf(AROUND_SENDING) };
  for (const life of lives) life.addFuse(fuse);
  if (lives.length === 0) once();
}

/** Where it matters whether something happens just before or just after. */
const AROUND_SENDING = [null, "claimMessages", "claimMessages", "admitMessages", "admitMessages", "send"];

/** One that runs, where one does. */
function someCampaign({ connection, people }: World, draws: Draws): string {
  const running = connection.all("SELECT _id FROM campaign WHERE status = 'RUNNING' ORDER BY _id").map((row) => text(row, "_id"));
  return draws.oneOf(running.length > 0 ? running : people.campaigns());
}

/** Half of the time one whose message a process holds, where there is one; null where there are no leads. */
function someLead({ connection }: World, draws: Draws): string | null {
  const idsOf = (sql: string) => connection.all(sql).map((row) => text(row, "_id"));
  const held = draws.happens(0.5) ? idsOf("SELECT DISTINCT lead_id AS _id FROM message WHERE status = 'CLAIMED' ORDER BY 1") : [];
  const possible = held.length > 0 ? held : idsOf("SELECT _id FROM lead ORDER BY _id");
  return possible.length > 0 ? draws.oneOf(possible) : null;
}

/** What still lies in the log, handled or not. */
function loggedEvents({ connection }: World): TopicEvent[] {
  return connection
    .all("SELECT topic, payload FROM event_log WHERE topic NOT LIKE '%.dead' ORDER BY topic, partition, base")
    .flatMap((row) => {
      const events: { key: string; value: unknown }[] = JSON.parse(String(row["payload"]));
      return events.map(({ key, value }) => ({ topic: row["topic"] as Topic, key, value }) as TopicEvent);
    });
}
