/** Owns bugs that are planted in a simulated run, to see that it catches them: none of them is in the product. */
import { type Connection, text } from "@mini-crm/adapters/sqlite/connection";
import { countChanges } from "@mini-crm/adapters/sqlite/counters";
import type { Verbs } from "@mini-crm/adapters/sqlite/verbs";
import { type MessageStatus, messageId, parseMessageId } from "@mini-crm/core/message/message";
import type { Step } from "@mini-crm/core/ports/steps";
import type { Ask, WatchedDatabase } from "./watched-database.ts";

/** What a planted bug does. Where it moves messages, it keeps the counters right, so that only its own harm can give it away. */
export interface PlantedBug {
  /** Stands between the processes and the database. */
  inCalls?: (database: WatchedDatabase) => Ask;
  /** Happens when a process has died. */
  atDeath?: (database: WatchedDatabase, worker: string) => void;
}

export const PLANTED_BUGS: Readonly<Record<string, PlantedBug>> = {
  "what a dead worker was sending is sent again": {
    atDeath({ connection }, worker) {
      moveAll(connection, "SENDING", "PENDING", "worker", worker);
    },
  },
  "a receipt goes backwards": {
    inCalls: ({ ask, connection }) =>
      afterSteps(ask, (step) => {
        if (step.step !== "fold") return;
        for (const { message_id, status } of step.input.receipts) {
          if (status === "DELIVERED") moveOne(connection, message_id, "READ", status);
          if (status === "SENT") moveOne(connection, message_id, "DELIVERED", status);
        }
      }),
  },
  "a counter is bumped twice": {
    inCalls: ({ ask, connection }) =>
      afterSteps(ask, (step) => {
        if (step.step !== "record") return;
        const sent = step.input.outcomes.find(({ outcome }) => outcome.kind === "sent");
        if (sent !== undefined) count(connection, sent.message_id, "SENDING", "SENT");
      }),
  },
  "a claim ignores leases": {
    inCalls:
      ({ ask, connection }) =>
      (verb, args) => {
        if (verb === "claimMessages") {
          const [{ campaign_id }] = args as Parameters<Verbs["claimMessages"]>;
          for (const held of ["CLAIMED", "SENDING"] as const) moveAll(connection, held, "PENDING", "campaign_id", campaign_id);
        }
        return ask(verb, args);
      },
  },
  "admission ignores the campaign's status": {
    inCalls: ({ ask, connection }) =>
      afterAdmission(ask, ({ messages }, { admitted, opted_out }) => {
        const refused = messages.filter(({ _id }) => !admitted.includes(_id) && !opted_out.includes(_id));
        for (const { _id } of refused) if (moveOne(connection, _id, "CLAIMED", "SENDING")) admitted.push(_id);
      }),
  },
  "admission ignores an opt-out": {
    inCalls: ({ ask, connection }) =>
      afterAdmission(ask, (_request, { admitted, opted_out }) => {
        for (const id of opted_out.splice(0)) if (moveOne(connection, id, "CLAIMED", "SENDING")) admitted.push(id);
      }),
  },
  "the rate limit does not outlive a process": {
    atDeath({ connection }) {
      connection.run("DELETE FROM channel_send");
    },
  },
  "the log loses an event": {
    inCalls: ({ ask, connection }) =>
      afterSteps(ask, ({ step }) => {
        if (step !== "expand") return;
        connection.run(
          `DELETE FROM event_log WHERE (topic, partition, base) =
             (SELECT topic, partition, base FROM event_log WHERE topic = 'campaign.messages' ORDER BY at DESC, base DESC LIMIT 1)`,
        );
      }),
  },
  "an outcome is not written down": {
    inCalls:
      ({ ask }) =>
      (verb, args) =>
        stepsOf(verb, args).some(({ step }) => step === "record")
          ? { ok: true, value: { results: [{ applied: 0 }], topics: [] } }
          : ask(verb, args),
  },
  "a refusal is taken for a success": {
    inCalls:
      ({ ask }) =>
      (verb, args) => {
        for (const step of stepsOf(verb, args)) {
          if (step.step !== "record") continue;
          const outcomes = step.input.outcomes.map((tried) =>
            tried.outcome.kind === "failed" ? { ...tried, outcome: { kind: "sent", providerId: "none" } as const } : tried,
          );
          step.input = { ...step.input, outcomes };
        }
        return ask(verb, args);
      },
  },
};

function stepsOf(verb: keyof Verbs, args: readonly unknown[]): readonly Step[] {
  return verb === "commit" ? (args as Parameters<Verbs["commit"]>)[0].steps : [];
}

/** Does more after each step that was carried out. */
function afterSteps(ask: Ask, more: (step: Step) => void): Ask {
  return (verb, args) => {
    const answer = ask(verb, args);
    if (answer.ok) for (const step of stepsOf(verb, args)) more(step);
    return answer;
  };
}

type Admit = Verbs["admitMessages"];

/** Changes what an admission answers. */
function afterAdmission(ask: Ask, more: (request: Parameters<Admit>[0], admission: ReturnType<Admit>) => void): Ask {
  return (verb, args) => {
    const answer = ask(verb, args);
    if (verb === "admitMessages" && answer.ok) more((args as Parameters<Admit>)[0], answer.value as ReturnType<Admit>);
    return answer;
  };
}

/** Moves a message from one status to another, where it is there; tells whether it was. */
function moveOne(connection: Connection, id: string, from: MessageStatus, to: MessageStatus): boolean {
  const key = parseMessageId(id);
  if (key === null) return false;
  const moved = connection.run(
    "UPDATE message SET status = ? WHERE campaign_id = ? AND lead_id = ? AND status = ?",
    to,
    key.campaignId,
    key.leadId,
    from,
  );
  if (moved === 1) count(connection, id, from, to);
  return moved === 1;
}

function moveAll(connection: Connection, from: MessageStatus, to: MessageStatus, column: string, value: string): void {
  const rows = connection.all(`SELECT campaign_id, lead_id FROM message WHERE status = ? AND ${column} = ?`, from, value);
  for (const row of rows) moveOne(connection, messageId(text(row, "campaign_id"), text(row, "lead_id")), from, to);
}

function count(connection: Connection, id: string, from: MessageStatus, to: MessageStatus): void {
  const key = parseMessageId(id);
  if (key === null) return;
  const changes = countChanges(connection);
  changes.moved(key.campaignId, key.leadId, { status: from }, { status: to });
  changes.write();
}
