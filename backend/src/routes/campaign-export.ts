/** Owns GET /api/v1/campaigns/:id/messages.csv and .ndjson: a campaign's messages as a stream, however many there are. */
import { Readable } from "node:stream";
import type { FrozenVariant } from "@mini-crm/core/campaign/campaign";
import type { MessageFilter, Store } from "@mini-crm/core/ports/store";
import type { HttpServer } from "@mini-crm/runtime/http/http-server";
import { ExportQuery } from "@mini-crm/wire/delivery";
import { IdParams } from "@mini-crm/wire/text";
import { Type } from "typebox";
import type { BackendDeps } from "../deps.ts";
import { CSV, type ExportFormat, NDJSON } from "../present/message-export.ts";
import { notFound } from "../refusals.ts";
import { REFUSALS } from "./schemas.ts";

const MESSAGES_PER_PAGE = 1_000;

export function campaignExportRoutes(app: HttpServer, deps: BackendDeps): void {
  exportRoute(app, deps, "csv", CSV);
  exportRoute(app, deps, "ndjson", NDJSON);
}

function exportRoute(app: HttpServer, { store }: BackendDeps, extension: string, format: ExportFormat): void {
  const schema = {
    tags: ["delivery"],
    summary: `A campaign's messages as a file: ${extension}`,
    params: IdParams,
    querystring: ExportQuery,
    response: {
      200: {
        description: "The file, streamed",
        content: { [format.mediaType]: { schema: Type.Unsafe<Readable>({ type: "string" }) } },
      },
      ...REFUSALS,
    },
  };
  // A HEAD would read all of it and send nothing.
  app.get(
    `/campaigns/:id/messages.${extension}`,
    { schema, exposeHeadRoute: false },
    async ({ params: { id }, query }, reply) => {
      const campaign = await store.campaigns.read(id);
      if (campaign === null) throw notFound("Campaign", id);
      reply.type(format.mediaType);
      reply.header("content-disposition", `attachment; filename="campaign-${campaign._id}.${extension}"`);
      const filter = { status: query.status ?? null, code: query.code ?? null };
      // One page is written while the next is read; further ones wait until the caller has taken that.
      return Readable.from(pages(store, campaign._id, filter, format, campaign.frozen?.variants ?? []), { objectMode: false });
    },
  );
}

/** Ends early where the caller goes away; a failure breaks the answer off, so that no part looks like the whole. */
async function* pages(
  store: Store,
  campaignId: string,
  filter: MessageFilter,
  format: ExportFormat,
  variants: readonly FrozenVariant[],
): AsyncGenerator<string> {
  if (format.head !== "") yield format.head;
  for (let after: string | null = null; ; ) {
    const messages = await store.messages.next(campaignId, { ...filter, after, limit: MESSAGES_PER_PAGE });
    if (messages.length > 0) yield messages.map((message) => format.line(message, variants)).join("");
    if (messages.length < MESSAGES_PER_PAGE) return;
    after = messages.at(-1)?.lead_id ?? null;
  }
}
