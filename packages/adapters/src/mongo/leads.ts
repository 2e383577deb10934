/** Owns the verbs on leads: recognise, import, read, change, remove, list. */
import type { Instant } from "@mini-crm/core/instant";
import { decodeLeads } from "@mini-crm/core/lead/encoded-leads";
import type { Lead, LeadInput } from "@mini-crm/core/lead/lead";
import { replaceFields } from "@mini-crm/core/lead/merge";
import { type Holders, holdersOfSigns, type IdentityField, MOST_HOLDERS, mergeList } from "@mini-crm/core/lead/merge-list";
import type { ImportCounts, LeadChange, LeadSortField, LeadStore, Page } from "@mini-crm/core/ports/store";
import type { Filter } from "mongodb";
import { noteActivity } from "./activity.ts";
import { compileRule } from "./compile-rule.ts";
import type { LeadDocument } from "./documents.ts";
import { leadDocument, leadOf, writeLeads } from "./lead-documents.ts";
import { LEADS, lock } from "./locks.ts";
import { countMatches } from "./segments.ts";
import { heedStops } from "./stops.ts";
import type { Tables } from "./tables.ts";

export async function importLeads(tables: Tables, newId: () => string, encoded: Uint8Array, now: Instant): Promise<ImportCounts> {
  await lock(tables, LEADS);
  return (await importAll(tables, decodeLeads(encoded), newId, now)).counts;
}

export async function addLead(
  tables: Tables,
  newId: () => string,
  input: LeadInput,
  now: Instant,
): Promise<{ kind: "added" | "merged"; lead: Lead }> {
  await lock(tables, LEADS);
  const { counts, lastId } = await importAll(tables, [input], newId, now);
  const lead = await readLead(tables, lastId);
  if (lead === null) throw new Error("A lead that was just written is not there");
  return { kind: counts.inserted === 1 ? "added" : "merged", lead };
}

export async function readLead(tables: Tables, id: string): Promise<Lead | null> {
  const document = await tables.lead.one({ _id: id });
  return document === null ? null : leadOf(document);
}

/** How many values one query asks for. */
const MOST_VALUES = 1_000;

async function readLeads(tables: Tables, ids: readonly string[]): Promise<Map<string, Lead>> {
  const leads = new Map<string, Lead>();
  for (let start = 0; start < ids.length; start += MOST_VALUES) {
    const documents = await tables.lead.find({ _id: { $in: ids.slice(start, start + MOST_VALUES) } });
    for (const document of documents) leads.set(document._id, leadOf(document));
  }
  return leads;
}

export async function changeLead(tables: Tables, id: string, input: LeadInput, now: Instant): Promise<LeadChange> {
  await lock(tables, LEADS);
  const document = await tables.lead.one({ _id: id });
  if (document === null) return { kind: "not_found" };
  const owner = input.external_id ? await tables.lead.one({ external_id: input.external_id }, { projection: { _id: 1 } }) : null;
  if (owner !== null && owner._id !== id) return { kind: "taken", field: "external_id", lead_id: owner._id };
  const known = leadOf(document);
  const { lead: replaced, changed } = replaceFields(known, input, now);
  if (!changed) return { kind: "changed", lead: replaced };
  // What a person has said here about consent is the last word; a new number brings its own.
  const [lead = replaced] = input.phones === undefined ? [] : await heedStops(tables, [replaced], now);
  if (lead.consent.state === "opted_out" && known.consent.state !== "opted_out") {
    await noteActivity(tables, { at: now, kind: "lead.opted_out", subject: id, data: { source: lead.consent.source } });
  }
  await rememberSharedPhones(tables, document);
  await writeLeads(tables, [lead]);
  await markSharedPhones(tables, lead.phones);
  return { kind: "changed", lead };
}

export async function removeLead(tables: Tables, id: string): Promise<boolean> {
  await lock(tables, LEADS);
  const document = await tables.lead.one({ _id: id });
  if (document === null) return false;
  await rememberSharedPhones(tables, document);
  await tables.lead.remove({ _id: id });
  await addToTotal(tables, -1);
  return true;
}

/** Merges each input into the lead that it is recognised as, or adds a lead: a few queries and writes, however many they are. */
async function importAll(tables: Tables, inputs: readonly LeadInput[], newId: () => string, now: Instant) {
  const holders = await knownHolders(tables, inputs);
  const candidates = [...new Set(inputs.flatMap((input) => holders.candidates(input)))];
  const known = await readLeads(tables, candidates);
  const list = mergeList(inputs, { holders, read: (id) => known.get(id) ?? null, newId, now });
  await writeLeads(tables, await heedStops(tables, list.changed, now));
  await tables.lead.insert((await heedStops(tables, list.added, now)).map(leadDocument));
  await addToTotal(tables, list.added.length);
  await markSharedPhones(tables, list.shared);
  return list;
}

/** Nobody else adds or removes leads meanwhile: the caller has the lock. */
async function addToTotal(tables: Tables, leads: number): Promise<void> {
  if (leads !== 0) await tables.lead_total.upsert({ _id: "lead" }, { $inc: { leads } });
}

/** How many leads with one number are marked as sharing it. */
const MOST_SHARING = 1_000;

/** Marks the leads among whom one of `phones` is shared: only they can make a campaign write to one number twice. */
async function markSharedPhones(tables: Tables, phones: Iterable<string>): Promise<void> {
  const holders = new Map([...phones].map((phone): [string, LeadDocument[]] => [phone, []]));
  for (const lead of await leadsWith(tables, "phones", [...holders.keys()], MOST_SHARING)) {
    for (const phone of lead.phones) holders.get(phone)?.push(lead);
  }
  const sharing = [...holders.values()].filter(({ length }) => length > 1).flat();
  const unmarked = new Set(sharing.filter(({ shares_phone }) => !shares_phone).map(({ _id }) => _id));
  await tables.lead.write(
    [...unmarked].map((_id) => ({ updateOne: { filter: { _id }, update: { $set: { shares_phone: true } } } })),
  );
}

/** Keeps the numbers of a lead that is about to lose them, where others have them too. */
async function rememberSharedPhones(tables: Tables, { _id: lead_id, phones, shares_phone }: LeadDocument): Promise<void> {
  if (!shares_phone) return;
  await tables.former_phone.write(
    phones.map((phone) => {
      const _id = `${phone} ${lead_id}`;
      return { replaceOne: { filter: { _id }, replacement: { _id, phone, lead_id }, upsert: true } };
    }),
  );
}

/** Who in the store has a sign that any of `inputs` has. */
async function knownHolders(tables: Tables, inputs: readonly LeadInput[]): Promise<Holders> {
  const holders = holdersOfSigns();
  for (const field of ["external_id", "phones", "emails"] as const) {
    const asked = new Set(inputs.flatMap((input) => input[field] || []));
    const found = await leadsWith(tables, field, [...asked], MOST_HOLDERS);
    // Identifiers rise with time.
    for (const lead of found.sort((a, b) => (a._id < b._id ? -1 : 1))) {
      for (const value of [lead[field] ?? []].flat()) if (asked.has(value)) holders.hold(field, value, lead._id);
    }
  }
  return holders;
}

/**
 * The leads that have one of `values`, of which the first `most` of each are surely among them; some may be there twice. Where
 * one value has very many, the question is parted until it stands alone, so that no answer is larger than what is asked for.
 */
export async function leadsWith(tables: Tables, field: IdentityField, values: string[], most: number): Promise<LeadDocument[]> {
  if (values.length === 0) return [];
  const limit = most * values.length;
  if (values.length <= MOST_VALUES) {
    const filter: Filter<LeadDocument> = { [field]: { $in: values } };
    const projection = { [field]: 1, shares_phone: 1 };
    // In no order: a planner that is asked for one may go through all leads in it.
    const found = await tables.lead.find(filter, { projection, limit });
    if (found.length < limit) return found;
    if (values.length === 1) return tables.lead.find(filter, { projection, sort: { _id: 1 }, limit });
  }
  const middle = Math.ceil(values.length / 2);
  const first = await leadsWith(tables, field, values.slice(0, middle), most);
  return [...first, ...(await leadsWith(tables, field, values.slice(middle), most))];
}

type ListRequest = Parameters<LeadStore["list"]>[0];

export async function listLeads(tables: Tables, request: ListRequest): Promise<Page<Lead>> {
  const { rule, page, limit, sort } = request;
  const total = rule === null ? await leadTotal(tables) : await countMatches(tables, rule, request.now);
  const skipped = (page - 1) * limit;
  const wanted = Math.min(limit, total - skipped);
  if (wanted <= 0) return { items: [], total };

  // The second half of a long list is read from its end, so that no page skips more than half of the leads.
  const fromEnd = skipped > total / 2;
  const direction = (sort.direction === "asc") !== fromEnd ? 1 : -1;
  // The page's identifiers come from an index alone; only they are looked up.
  const found = await tables.lead.find(rule === null ? {} : compileRule(rule, request.now), {
    projection: { _id: 1 },
    sort: orderBy(sort.by, direction),
    skip: fromEnd ? total - skipped - wanted : skipped,
    limit: wanted,
  });
  const ids = found.map(({ _id }) => _id);
  const leads = await readLeads(tables, ids);
  const items = ids.flatMap((id) => leads.get(id) ?? []);
  return { items: fromEnd ? items.reverse() : items, total };
}

/** The order of creation is the order of identifiers. */
function orderBy(field: LeadSortField, direction: 1 | -1): Record<string, 1 | -1> {
  return field === "created_at" ? { _id: direction } : { [field]: direction, _id: direction };
}

export async function leadTotal(tables: Tables): Promise<number> {
  return (await tables.lead_total.one({ _id: "lead" }))?.leads ?? 0;
}
