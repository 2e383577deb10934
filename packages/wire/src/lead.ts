/** Owns leads as they stand on the wire: what may be sent, filtered by, and what is answered. */
import { type Static, Type } from "typebox";
import { success } from "./envelope.ts";
import { InboundJson } from "./inbound.ts";
import { MessageJson } from "./message.ts";
import { PageFields, Pagination } from "./pagination.ts";
import { NumberOrNull, TextOrNull, Time, TimeOrNull } from "./text.ts";

const ConsentState = Type.Enum(["unknown", "opted_in", "opted_out"]);
const Metadata = Type.Record(Type.String(), Type.Unknown(), { description: "Any JSON object, searchable as metadata.<path>" });

export const LeadJson = Type.Object({
  _id: Type.String(),
  external_id: TextOrNull,
  name: TextOrNull,
  emails: Type.Array(Type.String()),
  phones: Type.Array(Type.String({ description: "E.164" })),
  total_spend: NumberOrNull,
  visits: NumberOrNull,
  last_order_at: TimeOrNull,
  tags: Type.Array(Type.String()),
  timezone: TextOrNull,
  consent: Type.Object({ state: ConsentState, source: TextOrNull, at: TimeOrNull }),
  metadata: Metadata,
  created_at: Time,
  updated_at: Time,
});
export type LeadJson = Static<typeof LeadJson>;

/** What may be said of a lead. It documents; the domain itself reads it, so that one row and a bulk of them follow one rule. */
export const LeadBody = Type.Object(
  {
    external_id: Type.Optional(TextOrNull),
    name: Type.Optional(TextOrNull),
    emails: Type.Optional(Type.Array(Type.String())),
    phones: Type.Optional(Type.Array(Type.String({ description: "With country code; kept in E.164" }))),
    total_spend: Type.Optional(NumberOrNull),
    visits: Type.Optional(NumberOrNull),
    last_order_at: Type.Optional(TimeOrNull),
    tags: Type.Optional(Type.Array(Type.String())),
    timezone: Type.Optional(TextOrNull),
    consent: Type.Optional(
      Type.Union([
        ConsentState,
        Type.Object({ state: ConsentState, source: Type.Optional(TextOrNull), at: Type.Optional(TimeOrNull) }),
      ]),
    ),
    metadata: Type.Optional(Metadata),
  },
  { additionalProperties: false, description: "A lead needs at least one of name, emails, phones and external_id." },
);
export type LeadBody = Static<typeof LeadBody>;

export const LeadBulkBody = Type.Object({ leads: Type.Array(LeadBody, { minItems: 1, maxItems: 10_000 }) });
export type LeadBulkBody = Static<typeof LeadBulkBody>;

const SORT_FIELDS = ["created_at", "updated_at", "name", "total_spend", "visits", "last_order_at"] as const;
export type LeadSort = `${"" | "-"}${(typeof SORT_FIELDS)[number]}`;
const LEAD_SORTS = SORT_FIELDS.flatMap((field): LeadSort[] => [field, `-${field}`]);

export const LeadListQuery = Type.Object(
  {
    ...PageFields,
    sort: Type.Optional(Type.Enum(LEAD_SORTS, { default: "created_at", description: "By which field; - for the largest first" })),
    q: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: "The name contains" })),
    email: Type.Optional(Type.String({ minLength: 3, maxLength: 254 })),
    phone: Type.Optional(Type.String({ minLength: 1, maxLength: 60 })),
    tag: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
    consent: Type.Optional(ConsentState),
    min_spend: Type.Optional(Type.Number()),
    max_spend: Type.Optional(Type.Number()),
    segment_id: Type.Optional(Type.String({ description: "Only leads of this segment" })),
  },
  { additionalProperties: false },
);
export type LeadListQuery = Static<typeof LeadListQuery>;

export const LeadAnswer = success(LeadJson);
export const LeadListAnswer = success(Type.Object({ leads: Type.Array(LeadJson), pagination: Pagination }));

export const LeadDetailAnswer = success(
  Type.Object({
    ...LeadJson.properties,
    phone_flags: Type.Array(Type.Object({ phone: Type.String(), flag: Type.Literal("not_assigned"), message: Type.String() })),
    messages: Type.Array(MessageJson, { description: "What was sent to this lead, newest first" }),
    inbound: Type.Array(InboundJson, { description: "What came from this lead or one of its numbers, newest first" }),
  }),
);

export const LeadBulkAnswer = success(
  Type.Object({
    accepted: Type.Integer({ description: "Rows that were taken" }),
    inserted: Type.Integer({ description: "Leads that are new" }),
    modified: Type.Integer({ description: "Leads that were known and have changed" }),
    matched: Type.Integer({ description: "Leads that the accepted rows are in the store now" }),
    rejected: Type.Array(
      Type.Object({
        index: Type.Integer({ description: "The row's place in `leads`, from 0" }),
        field: Type.String(),
        rule: Type.String(),
        reason: Type.String(),
      }),
    ),
  }),
);
