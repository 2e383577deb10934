/** Owns how the rule language's comparisons are called in MongoDB, and how it is told a date. */
import type { Instant } from "@mini-crm/core/instant";
import type { JsonObject } from "@mini-crm/core/json";
import type { OrderOperator } from "@mini-crm/core/segment/rule";

export const ORDER_OPERATOR: Record<OrderOperator, string> = { ">": "$gt", ">=": "$gte", "<": "$lt", "<=": "$lte" };

/** Extended JSON, which the driver's `EJSON` turns into a date. */
export function isoDate(instant: Instant): JsonObject {
  return { $date: new Date(instant).toISOString() };
}
