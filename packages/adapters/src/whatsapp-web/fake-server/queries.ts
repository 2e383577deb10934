/** Owns the answers to a logged-in client's queries; only for tests, production code never imports it. */
import { type BinaryNode, encodeBigEndian, getAllBinaryNodeChildren, getBinaryNodeChild, getBinaryNodeChildren } from "baileys";
import { type Device, type Devices, storeKeys } from "./devices.ts";
import { MEDIA_HOST } from "./media.ts";
import { attribute, child, contentOf, node, nowSeconds, resultOf } from "./nodes.ts";
import type { People, Person } from "./people.ts";

export interface QueryContext {
  account: Person;
  people: People;
  devices: Devices;
  /** Whether the person has no WhatsApp. */
  isUnregistered: (person: Person) => boolean;
  /** Until when the account may not begin new chats, in milliseconds since 1970; null: it may. */
  restrictedUntil: () => number | null;
}

/** What the server answers; queries that change nothing that a test could see are answered with an empty result. */
export async function answerTo(query: BinaryNode, device: Device, context: QueryContext): Promise<BinaryNode> {
  switch (query.attrs["xmlns"]) {
    case "encrypt":
      return answerToEncrypt(query, device, context);
    case "usync":
      return resultOf(query, [synchronized(child(query, "usync"), context)]);
    case "privacy":
      return resultOf(query, [node("privacy")]);
    case "w:m":
      return resultOf(query, [
        node("media_conn", { auth: "fake", ttl: "3600" }, [
          node("host", { hostname: MEDIA_HOST, maxContentLengthBytes: "16777216" }),
        ]),
      ]);
    case "w:sync:app:state":
      return resultOf(query, [node("sync", {}, collectionsOf(query))]);
    case "w:mex":
      return resultOf(query, [node("result", {}, restriction(context.restrictedUntil()))]);
    default:
      return resultOf(query);
  }
}

async function answerToEncrypt(query: BinaryNode, device: Device, context: QueryContext): Promise<BinaryNode> {
  if (query.attrs["type"] === "set") {
    storeKeys(device, getBinaryNodeChild(query, "rotate") ?? query);
    return resultOf(query);
  }
  if (getBinaryNodeChild(query, "count")) return resultOf(query, [node("count", { value: String(device.preKeys.length) })]);
  if (getBinaryNodeChild(query, "digest")) {
    return resultOf(query, [node("digest", {}, [node("registration", {}, encodeBigEndian(device.registrationId))])]);
  }
  const asked = getBinaryNodeChildren(child(query, "key"), "user").map((user) => attribute(user, "jid"));
  const bundles = await Promise.all(asked.map((jid) => bundleOf(jid, context)));
  return resultOf(query, [node("list", {}, bundles)]);
}

async function bundleOf(jid: string, { people }: QueryContext): Promise<BinaryNode> {
  const person = people.at(jid);
  if (person === null) return node("user", { jid }, [node("error", { code: "404", text: "item-not-found" })]);
  return node("user", { jid }, await person.bundle());
}

/** Who has WhatsApp, with which devices and which LID. */
function synchronized(usync: BinaryNode, context: QueryContext): BinaryNode {
  const asked = getAllBinaryNodeChildren(child(usync, "query")).map(({ tag }) => tag);
  const users = getBinaryNodeChildren(child(usync, "list"), "user");
  return node("usync", {}, [
    node(
      "list",
      {},
      users.flatMap((user) => userOf(user, asked, context)),
    ),
  ]);
}

function userOf(user: BinaryNode, asked: readonly string[], context: QueryContext): BinaryNode[] {
  const contact = getBinaryNodeChild(user, "contact");
  const byNumber = user.attrs["jid"] === undefined && contact !== undefined;
  const person = byNumber ? context.people.withPhone(contentOf(contact).toString()) : context.people.at(attribute(user, "jid"));
  if (person === null) return [];
  const jid = user.attrs["jid"] ?? person.jid;
  const unregistered = context.isUnregistered(person);
  const answers: BinaryNode[] = [];
  if (asked.includes("contact")) answers.push(node("contact", { type: unregistered ? "out" : "in" }));
  if (asked.includes("devices") && !unregistered) answers.push(devicesOf(person, context));
  if (asked.includes("lid") && !unregistered && jid !== person.lid) answers.push(node("lid", { val: person.lid }));
  return [node("user", { jid }, answers)];
}

/** Everybody has a phone, which is device 0; the account has its linked devices besides. */
function devicesOf(person: Person, { account, devices }: QueryContext): BinaryNode {
  const linked = person === account ? devices.all() : [];
  const list = linked.map(({ index }) => node("device", { id: String(index), "key-index": String(index) }));
  return node("devices", {}, [
    node("device-list", {}, [node("device", { id: "0" }), ...list]),
    node("key-index-list", { ts: nowSeconds() }),
  ]);
}

/** Every collection of settings is empty. */
function collectionsOf(query: BinaryNode): BinaryNode[] {
  return getBinaryNodeChildren(child(query, "sync"), "collection").map((one) =>
    node("collection", { name: attribute(one, "name"), version: "0" }),
  );
}

function restriction(until: number | null): Uint8Array {
  const timelock = until === null ? { is_active: false } : activeTimelock(until);
  return Buffer.from(JSON.stringify({ data: { xwa2_fetch_account_reachout_timelock: timelock } }));
}

/** How WhatsApp tells that the account may not begin new chats until then. */
export function activeTimelock(until: number) {
  return { is_active: true, time_enforcement_ends: String(Math.floor(until / 1000)), enforcement_type: "DEFAULT" };
}
