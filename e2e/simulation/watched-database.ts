/** Owns the database of a simulated run: in memory, shared by every process, with each change of a status noted as it happens. */
import { type Answer, answerOn } from "@mini-crm/adapters/sqlite/answer";
import { type Connection, openConnection, text, textOrNull } from "@mini-crm/adapters/sqlite/connection";
import type { Database } from "@mini-crm/adapters/sqlite/database";
import { migrate } from "@mini-crm/adapters/sqlite/schema";
import { createVerbs, type Verbs } from "@mini-crm/adapters/sqlite/verbs";
import { AppError } from "@mini-crm/core/app-error";
import type { CampaignStatus } from "@mini-crm/core/campaign/campaign";
import type { ConsentState } from "@mini-crm/core/lead/lead";
import type { MessageStatus } from "@mini-crm/core/message/message";
import type { Clock } from "@mini-crm/core/ports/clock";

/** Carries a verb out at once, in one transaction. */
export type Ask = (verb: keyof Verbs, args: readonly unknown[]) => Answer;

/** A message has gone from one status to another (`from` null: its row is new), as things stood at that moment. */
export interface MessageMove {
  campaign_id: string;
  lead_id: string;
  from: MessageStatus | null;
  to: MessageStatus;
  worker: string | null;
  campaignStatus: CampaignStatus;
  /** Null where the lead has been deleted. */
  consent: ConsentState | null;
}

export interface CampaignMove {
  campaign_id: string;
  from: CampaignStatus;
  to: CampaignStatus;
}

/** What one transaction has moved, in its order. */
export interface Moves {
  messages: readonly MessageMove[];
  campaigns: readonly CampaignMove[];
}

export interface WatchedDatabase {
  ask: Ask;
  /** For looking, and for planting what no verb would do. */
  connection: Connection;
  close(): void;
}

/** The many small calls that keep a process going: looked at as well, they would take a tenth of a run. */
const MOVES_NOTHING: ReadonlySet<keyof Verbs> = new Set(["dataVersion", "readTurn", "signProcess", "readCampaign"] as const);

const WATCH = `
  CREATE TEMP TABLE message_move (campaign_id, lead_id, was, is_now, worker, campaign_status, consent);
  CREATE TEMP TRIGGER message_added AFTER INSERT ON main.message BEGIN
    INSERT INTO message_move SELECT new.campaign_id, new.lead_id, NULL, new.status, NULL, c.status, NULL
      FROM main.campaign AS c WHERE c._id = new.campaign_id;
  END;
  CREATE TEMP TRIGGER message_moved AFTER UPDATE OF status ON main.message WHEN old.status <> new.status BEGIN
    INSERT INTO message_move SELECT new.campaign_id, new.lead_id, old.status, new.status, new.worker, c.status,
      (SELECT consent FROM main.lead WHERE _id = new.lead_id) FROM main.campaign AS c WHERE c._id = new.campaign_id;
  END;
  CREATE TEMP TABLE campaign_move (campaign_id, was, is_now);
  CREATE TEMP TRIGGER campaign_moved AFTER UPDATE OF status ON main.campaign WHEN old.status <> new.status BEGIN
    INSERT INTO campaign_move VALUES (new._id, old.status, new.status);
  END;
`;

/** `onMoves` hears of every transaction that moved something, right after it. */
export function openWatchedDatabase(clock: Pick<Clock, "now" | "random">, onMoves: (moves: Moves) => void): WatchedDatabase {
  const connection = openConnection(":memory:", "read-write");
  migrate(connection.db, clock.now());
  connection.db.exec(WATCH);
  const verbs = createVerbs(connection, clock);

  return {
    connection,
    ask(verb, args) {
      const answer = answerOn(() => verbs, { verb, args });
      const moves = MOVES_NOTHING.has(verb) ? null : takeMoves(connection);
      if (moves !== null) onMoves(moves);
      return answer;
    },
    close: () => connection.close(),
  };
}

function takeMoves(connection: Connection): Moves | null {
  const messages = connection.all("SELECT * FROM temp.message_move ORDER BY rowid").map(
    (row): MessageMove => ({
      campaign_id: text(row, "campaign_id"),
      lead_id: text(row, "lead_id"),
      from: textOrNull(row, "was") as MessageStatus | null,
      to: text(row, "is_now") as MessageStatus,
      worker: textOrNull(row, "worker"),
      campaignStatus: text(row, "campaign_status") as CampaignStatus,
      consent: textOrNull(row, "consent") as ConsentState | null,
    }),
  );
  const campaigns = connection.all("SELECT * FROM temp.campaign_move ORDER BY rowid").map(
    (row): CampaignMove => ({
      campaign_id: text(row, "campaign_id"),
      from: text(row, "was") as CampaignStatus,
      to: text(row, "is_now") as CampaignStatus,
    }),
  );
  if (messages.length === 0 && campaigns.length === 0) return null;
  if (messages.length > 0) connection.run("DELETE FROM temp.message_move");
  if (campaigns.length > 0) connection.run("DELETE FROM temp.campaign_move");
  return { messages, campaigns };
}

/** The database as one process sees it; `call` is given every verb with what carries it out. */
export function databaseOn(ask: Ask, call: <T>(verb: keyof Verbs, act: () => Promise<T>) => Promise<T>): Database {
  return {
    call: (_lane, verb, ...args) =>
      call(verb, async () => {
        const answer = ask(verb, args);
        if (answer.ok) return answer.value as ReturnType<Verbs[typeof verb]>;
        throw new AppError(answer.code, answer.message, { retryable: answer.retryable });
      }),
    close: async () => {},
  };
}
