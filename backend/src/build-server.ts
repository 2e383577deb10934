/** Owns the backend's HTTP server, put together of its routes. */
import { createHttpServer, type HttpServer } from "@mini-crm/runtime/http/http-server";
import type { BackendDeps } from "./deps.ts";
import { documentRoutes } from "./plugins/docs.ts";
import { campaignExportRoutes } from "./routes/campaign-export.ts";
import { campaignLedgerRoutes } from "./routes/campaign-ledger.ts";
import { campaignPreflightRoutes } from "./routes/campaign-preflight.ts";
import { campaignRetryRoutes } from "./routes/campaign-retry.ts";
import { campaignRunRoutes } from "./routes/campaign-run.ts";
import { campaignSteeringRoutes } from "./routes/campaign-steering.ts";
import { campaignTestRoutes } from "./routes/campaign-tests.ts";
import { campaignVariantRoutes } from "./routes/campaign-variants.ts";
import { campaignRoutes } from "./routes/campaigns.ts";
import { channelPairingRoutes } from "./routes/channel-pairing.ts";
import { channelTemplateRoutes } from "./routes/channel-templates.ts";
import { channelRoutes } from "./routes/channels.ts";
import { deliveryRoutes } from "./routes/delivery.ts";
import { eventRoutes } from "./routes/events.ts";
import { healthRoutes } from "./routes/health.ts";
import { leadReplyRoutes } from "./routes/lead-replies.ts";
import { leadTimelineRoutes } from "./routes/lead-timeline.ts";
import { leadRoutes } from "./routes/leads.ts";
import { leadBulkRoutes } from "./routes/leads-bulk.ts";
import { messageRoutes } from "./routes/messages.ts";
import { segmentRoutes } from "./routes/segments.ts";
import { statusRoutes } from "./routes/status.ts";
import { webhookRoutes } from "./routes/webhooks.ts";
import { whatsAppWebhookRoutes } from "./routes/whatsapp-webhooks.ts";

const BODY_LIMIT_BYTES = 1024 * 1024;

/** Returns the backend's server with all its routes; it does not listen yet. Closing it leaves `deps` open. */
export async function buildBackend(deps: BackendDeps): Promise<HttpServer> {
  const app = createHttpServer({ log: deps.log, apiKey: deps.apiKey, bodyLimitBytes: BODY_LIMIT_BYTES });
  await documentRoutes(app, deps);
  healthRoutes(app, deps);
  await app.register(async (meta: HttpServer) => whatsAppWebhookRoutes(meta, deps));
  await app.register(
    async (api: HttpServer) => {
      statusRoutes(api, deps);
      leadRoutes(api, deps);
      leadReplyRoutes(api, deps);
      leadTimelineRoutes(api, deps);
      await api.register(async (bulk: HttpServer) => leadBulkRoutes(bulk, deps));
      segmentRoutes(api, deps);
      campaignRoutes(api, deps);
      campaignPreflightRoutes(api, deps);
      campaignRunRoutes(api, deps);
      campaignTestRoutes(api, deps);
      campaignVariantRoutes(api, deps);
      campaignSteeringRoutes(api, deps);
      campaignLedgerRoutes(api, deps);
      campaignRetryRoutes(api, deps);
      campaignExportRoutes(api, deps);
      channelRoutes(api, deps);
      channelPairingRoutes(api, deps);
      channelTemplateRoutes(api, deps);
      deliveryRoutes(api, deps);
      messageRoutes(api, deps);
      eventRoutes(api, deps);
      webhookRoutes(api, deps);
    },
    { prefix: "/api/v1" },
  );
  return app;
}
