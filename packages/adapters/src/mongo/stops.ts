/** Owns the last words of numbers: which of them want no messages. */
import type { Instant } from "@mini-crm/core/instant";
import * as wishes from "@mini-crm/core/lead/heed-wishes";
import type { Lead } from "@mini-crm/core/lead/lead";
import type { Wish } from "@mini-crm/core/lead/stop-words";
import type { Tables } from "./tables.ts";

/** Heeds the last words of the leads' numbers. */
export async function heedStops(tables: Tables, leads: readonly Lead[], now: Instant): Promise<Lead[]> {
  const stops = await lastStops(tables, [...new Set(leads.flatMap(({ phones }) => phones))]);
  return stops.size === 0 ? [...leads] : wishes.heedStops(leads, stops, now);
}

/** Of those numbers whose last wish is a stop, when that was. */
export async function lastStops(tables: Tables, phones: readonly string[]): Promise<Map<string, Instant>> {
  // Nearly everywhere nobody has said stop yet, and then nothing needs to be looked up.
  if ((await tables.inbound_message.one({ wish: "stop" }, { projection: { _id: 1 } })) === null) return new Map();
  const stops = await lastWishes(tables, "stop", phones);
  const stopped = stops.map(({ phone }) => phone);
  return wishes.lastStops([...stops, ...(await lastWishes(tables, "start", stopped))]);
}

/** The last wish of this kind from each of the numbers that had one. */
async function lastWishes(tables: Tables, wish: Wish, phones: readonly string[]): Promise<wishes.HeardWish[]> {
  if (phones.length === 0) return [];
  const last = await tables.inbound_message.aggregate<{ _id: string; at: Instant }>([
    { $match: { wish, phone: { $in: phones } } },
    { $group: { _id: "$phone", at: { $max: "$at" } } },
  ]);
  return last.map(({ _id: phone, at }) => ({ phone, wish, at }));
}
