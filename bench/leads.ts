/** Owns the leads that benchmarks work on, the same in every run, and the fastest way to write them with this driver. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Connection, openConnection } from "@mini-crm/adapters/sqlite/connection";
import { contactsOf } from "@mini-crm/adapters/sqlite/lead-rows";
import { migrate } from "@mini-crm/adapters/sqlite/schema";
import { chanceFrom } from "@mini-crm/core/chance";
import { NOW } from "@mini-crm/core/contracts/samples";
import { idSource } from "@mini-crm/core/id";
import { readLead } from "@mini-crm/core/lead/intake";
import type { Lead } from "@mini-crm/core/lead/lead";
import { newLead } from "@mini-crm/core/lead/merge";
import { perSecond, type Setup, timed } from "./measure.ts";

export const LEADS_PER_BODY = 10_000;

const SEED = 20_250_915;
const FIRST_NAMES = ["John", "Alice", "Bob", "Carol", "David", "Ana", "Mehmet", "Priya", "Chloé", "Jürgen", "Wei", "Fatima"];
const LAST_NAMES = ["Doe", "Johnson", "Smith", "Williams", "Brown", "García", "Yılmaz", "Sharma", "Dubois", "Müller", "Chen"];
const SOURCES = ["website", "mobile_app", "referral", "social_media", "email_campaign"];
const TIERS = ["silver", "gold", "premium", "platinum"];
const PREFERENCES = ["electronics", "fashion", "books", "sports", "home"];
const YEAR_MS = 365 * 86_400_000;

/** A lead as a caller sends it. Of all leads, 8 % have spent more than 1,000. */
function sampleLead(index: number) {
  const chance = chanceFrom([SEED, index]);
  const one = (list: readonly string[]): string => list[Math.floor(chance() * list.length)] ?? "";
  const first = one(FIRST_NAMES);
  const last = one(LAST_NAMES);
  // No two leads share a number or an address, and neither comes in the order of its index.
  const scattered = (index * 7_368_787) % 7_999_999_993;
  return {
    name: `${first} ${last}`,
    emails: [`${last}.${scattered.toString(36)}@example.com`],
    phones: [`+1${2_000_000_000 + scattered}`],
    total_spend: Math.round(-Math.log(1 - chance()) * 40_000) / 100,
    visits: Math.floor(chance() ** 2 * 30),
    last_order_at: new Date(NOW - Math.floor(chance() * 2 * YEAR_MS)).toISOString(),
    metadata: { source: one(SOURCES), tier: one(TIERS), preferences: [...new Set([one(PREFERENCES), one(PREFERENCES)])] },
  };
}

/** A bulk body of the `count` leads from `start` on. */
export function bodyOf(start: number, count: number): Uint8Array {
  return new TextEncoder().encode(
    JSON.stringify({ leads: Array.from({ length: count }, (_, index) => sampleLead(start + index)) }),
  );
}

const newId = idSource({ now: () => NOW, random: chanceFrom([SEED, 0]) });

/** The same leads as the store holds them. */
export function leadsOf(start: number, count: number): Lead[] {
  return Array.from({ length: count }, (_, index) => {
    const read = readLead(sampleLead(start + index));
    if (!read.ok) throw new Error(`A sample lead is refused: ${JSON.stringify(read.problems)}`);
    return newLead(read.lead, newId(), NOW);
  });
}

/**
 * Returns how to write leads raw, in one transaction with nothing between the driver and the rows: values that lie ready,
 * statements that are prepared, contacts in the order of their index. Answers how many milliseconds the transaction took.
 */
export function rawWriter(connection: Connection): (leads: readonly Lead[]) => Promise<number> {
  const insertLead = connection.db.prepare(
    `INSERT INTO lead (_id, name, emails, phones, tags, total_spend, visits, last_order_at, consent, metadata, created_at, updated_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, jsonb(?), ?, ?)`,
  );
  const insertContact = connection.db.prepare("INSERT INTO lead_contact (kind, value, lead_id) VALUES (?, ?, ?)");
  const addToTotal = connection.db.prepare("UPDATE lead_total SET leads = leads + ?");
  return (leads) => {
    const rows = leads.map(rawRow);
    const contacts = leads.flatMap((lead) => contactsOf(lead).map(({ kind, value }) => [kind, value, lead._id] as const));
    contacts.sort((a, b) => (`${a[0]} ${a[1]}` < `${b[0]} ${b[1]}` ? -1 : 1));
    return timed(() =>
      connection.transaction(() => {
        for (const row of rows) insertLead.run(...row);
        for (const contact of contacts) insertContact.run(...contact);
        addToTotal.run(leads.length);
      }),
    );
  };
}

function rawRow(lead: Lead) {
  return [
    lead._id,
    lead.name,
    JSON.stringify(lead.emails),
    JSON.stringify(lead.phones),
    JSON.stringify(lead.tags),
    lead.total_spend,
    lead.visits,
    lead.last_order_at,
    lead.consent.state,
    JSON.stringify(lead.metadata),
    lead.created_at,
    lead.updated_at,
  ];
}

/** Returns the file of a database with the first `count` sample leads, written once a run. Who changes it copies it first. */
export async function databaseOf(count: number, { sharedFolder, print }: Setup): Promise<string> {
  const file = join(sharedFolder, `leads-${count}.db`);
  if (existsSync(file)) return file;
  const connection = openConnection(file, "read-write");
  migrate(connection.db, Date.now());
  const write = rawWriter(connection);
  let tookMs = 0;
  for (let start = 0; start < count; start += LEADS_PER_BODY) {
    tookMs += await write(leadsOf(start, Math.min(LEADS_PER_BODY, count - start)));
  }
  connection.close();
  print(`prepared ${count} leads (${Math.round(perSecond(count, tookMs))} leads/s, raw)`);
  return file;
}
