/** Owns a campaign's delivery as it stands on the wire: its ledger by status, and the messages behind it. */
import { type Static, Type } from "typebox";
import { success } from "./envelope.ts";
import { MessageJson, MessageStatusJson } from "./message.ts";
import { PageFields, Pagination } from "./pagination.ts";

export const StatusBreakdown = Type.Object({
  SENT: Type.Integer({ description: "Also those that were delivered and read since" }),
  DELIVERED: Type.Integer({ description: "Also those that were read since" }),
  READ: Type.Integer(),
  FAILED: Type.Integer(),
  SKIPPED: Type.Integer(),
  UNCERTAIN: Type.Integer(),
  CANCELLED: Type.Integer(),
  PENDING: Type.Integer({ description: "Everything that has not come to an end" }),
});
export type StatusBreakdown = Static<typeof StatusBreakdown>;

const FilterFields = {
  status: Type.Optional(
    Type.Enum(MessageStatusJson.enum, {
      description: "The status it has now; those that went on to DELIVERED or READ are not SENT any more",
    }),
  ),
  code: Type.Optional(
    Type.String({ minLength: 1, maxLength: 100, description: "Only with this reason, such as opted_out or 131026" }),
  ),
};
export const DeliveryQuery = Type.Object({ ...PageFields, ...FilterFields }, { additionalProperties: false });
export const ExportQuery = Type.Object(FilterFields, { additionalProperties: false });

export const DeliveryAnswer = success(
  Type.Object({
    campaignId: Type.String(),
    totalMessages: Type.Integer(),
    statusBreakdown: StatusBreakdown,
    deliveryLogs: Type.Array(MessageJson, { description: "The messages of this page, in the order of their leads" }),
    pagination: Pagination,
  }),
);
