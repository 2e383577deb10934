/** Owns the walkthrough as it is proved from outside: every call with its paths, field names and figures. */

import type { OwnEngines } from "@mini-crm/runtime/own-engines";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { call, type Layout, type System, startSystem, temporaryFolder } from "./system.ts";
import { type OpenWhatsApp, simulated, type WalkedWhatsApp } from "./walked-whatsapp.ts";

const ISO_TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const ID = expect.stringMatching(/^[0-9a-f]{24}$/);
const WHOLE = expect.any(Number);

const LEADS = [
  lead("John Doe", 0, 1500, 8, "2025-01-10T10:00:00.000Z", { source: "website", tier: "premium", preferences: ["electronics"] }),
  lead("Alice Johnson", 1, 750, 4, "2025-01-12T14:30:00.000Z", {
    source: "mobile_app",
    tier: "gold",
    preferences: ["fashion", "books"],
  }),
  lead("Bob Smith", 2, 2200, 12, "2025-01-14T09:15:00.000Z", {
    source: "referral",
    tier: "platinum",
    preferences: ["electronics", "sports"],
  }),
  lead("Carol Williams", 3, 350, 2, "2025-01-08T16:45:00.000Z", {
    source: "social_media",
    tier: "silver",
    preferences: ["books", "home"],
  }),
  lead("David Brown", 4, 4500, 20, "2025-01-13T11:20:00.000Z", {
    source: "email_campaign",
    tier: "platinum",
    preferences: ["electronics", "fashion", "sports"],
  }),
];
const TEMPLATE =
  "Hi {{name}}! 🎉 As a valued customer who has spent ${{total_spend}} with us, enjoy this exclusive 25% discount: PREMIUM25. Thank you for {{visits}} visits!";
const HIGH_VALUE = comparison(">", "total_spend", 1000);
const THE_THREE = [
  { _id: ID, name: "John Doe", total_spend: 1500, visits: 8 },
  { _id: ID, name: "Bob Smith", total_spend: 2200, visits: 12 },
  { _id: ID, name: "David Brown", total_spend: 4500, visits: 20 },
];

function lead(name: string, index: number, total_spend: number, visits: number, last_order_at: string, metadata: object) {
  const email = `${name.toLowerCase().replace(" ", ".")}@example.com`;
  return { name, emails: [email], phones: [`+123456789${index}`], total_spend, visits, last_order_at, metadata };
}

function comparison(operator: string, field: string, value: unknown) {
  return { type: "comparison", operator, left: { type: "field", value: field }, right: { type: "literal", value } };
}

interface Created {
  data: { _id: string };
}
interface CampaignAnswer {
  data: { status: string; stats: Record<string, number> };
}
interface DeliveryAnswer {
  data: { deliveryLogs: { _id: string; text: string }[] };
}

/** Runs the walkthrough against a freshly started system, on engines of its own, over a WhatsApp of its own. */
export function describeWalkthrough(
  layout: Layout,
  engines: OwnEngines,
  { over, open }: { over: string; open: OpenWhatsApp } = { over: "the simulator", open: simulated },
): void {
  const { database, eventBus } = engines.names;
  describe(`the walkthrough in ${layout}, on ${database} and ${eventBus}, over ${over}`, () => {
    walk(layout, engines, open);
  });
}

function walk(layout: Layout, engines: OwnEngines, open: OpenWhatsApp): void {
  let system: System;
  let whatsApp: WalkedWhatsApp;
  let removeFolder: () => Promise<void>;
  let api: string;
  let segmentId = "";
  let campaignId = "";

  beforeAll(async () => {
    const { folder, remove } = await temporaryFolder();
    removeFolder = remove;
    const settings = { DATA_DIR: folder, ...engines.settings };
    whatsApp = await open(settings);
    system = await startSystem(layout, { ...settings, ...whatsApp.settings });
    api = `${system.backendUrl}/api/v1`;
    await whatsApp.connect(system);
  });
  afterAll(async () => {
    const codes = await system.stop();
    await whatsApp.close();
    await removeFolder();
    await engines.remove();
    expect(
      codes.every((code) => code === 0),
      `exit codes ${codes.join(", ")}`,
    ).toBe(true);
  });

  test("1: backend, workers and the API say that they run", async () => {
    await expect
      .poll(async () => (await call("GET", `${system.backendUrl}/health`)).body)
      .toMatchObject({
        status: "ok",
        timestamp: ISO_TIME,
        services: { database: "connected", kafka: "connected", jobExpander: "running" },
        engines: engines.names,
      });
    expect(await call("GET", `${system.workersUrl}/health`)).toMatchObject({
      status: 200,
      body: {
        overall: "healthy",
        database: { status: "healthy" },
        workers: {
          JobExpander: { status: "healthy", processedJobs: 0 },
          SendWorker: { status: "healthy", connected: true },
          StatusAggregator: { status: "healthy", processed: 0 },
          DirectSender: { status: "healthy", sent: 0 },
          WebhookSender: { status: "healthy", delivered: 0 },
        },
        uptime: WHOLE,
        timestamp: ISO_TIME,
      },
    });
    expect(await call("GET", `${api}/status`)).toMatchObject({
      status: 200,
      body: {
        service: "Mini CRM Backend",
        version: "1.0.0",
        status: "running",
        timestamp: ISO_TIME,
        features: { leads: "✅", segments: "✅", campaigns: "✅", delivery: "✅", auth: "🚧 (stub)" },
      },
    });
  });

  test("2: five leads go in, and go in once", async () => {
    expect(await call("POST", `${api}/leads/bulk`, { leads: LEADS })).toMatchObject({
      status: 200,
      body: { success: true, data: { accepted: 5, inserted: 5, modified: 0, matched: 5 } },
    });
    expect(await call("POST", `${api}/leads/bulk`, { leads: LEADS })).toMatchObject({
      body: { success: true, data: { accepted: 5, inserted: 0, modified: 0, matched: 5 } },
    });
    const { body } = await call<{ data: { leads: object[] } }>("GET", `${api}/leads?limit=10`);
    expect(body).toMatchObject({ success: true, data: { pagination: { page: 1, limit: 10, total: 5, totalPages: 1 } } });
    expect(body.data.leads).toHaveLength(5);
    expect(body.data.leads[0]).toMatchObject({
      _id: ID,
      name: "John Doe",
      emails: ["john.doe@example.com"],
      phones: ["+1234567890"],
      total_spend: 1500,
      visits: 8,
      created_at: ISO_TIME,
    });
    await whatsApp.haveThemWrite(
      system,
      LEADS.flatMap(({ phones }) => phones),
    );
  });

  test("3: segments are created and previewed", async () => {
    const created = await call<Created>("POST", `${api}/segments`, {
      name: "High Value Customers",
      owner_user_id: "admin",
      rule_ast: HIGH_VALUE,
    });
    expect(created.body).toMatchObject({
      success: true,
      data: { _id: ID, name: "High Value Customers", owner_user_id: "admin", rule_ast: HIGH_VALUE, created_at: ISO_TIME },
    });
    segmentId = created.body.data._id;
    expect(await call("POST", `${api}/segments/preview`, { rule_ast: HIGH_VALUE })).toMatchObject({
      status: 200,
      body: { success: true, data: { count: 3, sample: THE_THREE } },
    });
    const active = { op: "AND", children: [HIGH_VALUE, comparison(">=", "visits", 5)] };
    expect(
      await call("POST", `${api}/segments`, { name: "Premium Active Customers", owner_user_id: "admin", rule_ast: active }),
    ).toMatchObject({ body: { success: true, data: { rule_ast: active } } });
  });

  test("4: a campaign is created with its audience, and run", async () => {
    const created = await call<Created>("POST", `${api}/campaigns`, {
      name: "Premium Customer Rewards Campaign",
      segment_id: segmentId,
      message_template: TEMPLATE,
      created_by: "admin",
    });
    expect(created.body).toMatchObject({
      success: true,
      data: {
        _id: ID,
        name: "Premium Customer Rewards Campaign",
        segment_id: segmentId,
        message_template: TEMPLATE,
        created_by: "admin",
        status: "DRAFT",
        stats: { audience: 3, sent: 0, failed: 0, delivered: 0 },
        created_at: ISO_TIME,
      },
    });
    campaignId = created.body.data._id;
    expect(await call("POST", `${api}/campaigns/${campaignId}/run`)).toMatchObject({
      status: 200,
      body: {
        success: true,
        message: `Campaign ${campaignId} triggered successfully`,
        data: { campaignId, totalLeads: 3, jobPublished: true },
      },
    });
    const again = await call("POST", `${api}/campaigns/${campaignId}/run`);
    expect(again.status).toBe(409);
  });

  test("4.3 and 5: three are sent, three are delivered, and the campaign completes", { timeout: 60_000 }, async () => {
    const campaign = async () => (await call<CampaignAnswer>("GET", `${api}/campaigns/${campaignId}`)).body.data;
    await expect.poll(campaign, { timeout: 60_000, interval: 100 }).toMatchObject({
      _id: campaignId,
      name: "Premium Customer Rewards Campaign",
      status: "COMPLETED",
      stats: { audience: 3, sent: 3, delivered: 3, failed: 0 },
    });
    expect((await call("GET", `${system.workersUrl}/stats`)).body).toMatchObject({
      uptime: WHOLE,
      workers: {
        JobExpander: { isRunning: true, processedJobs: 1, processedLeads: 3, errors: 0, lastProcessed: ISO_TIME },
        SendWorker: { isRunning: true, processed: 3, sent: 3, failed: 0, connected: true, queueSize: 0 },
        StatusAggregator: { isRunning: true, processed: 3, errors: 0 },
      },
      timestamp: ISO_TIME,
    });
    expect((await call("GET", `${system.workersUrl}/whatsapp`)).body).toMatchObject({
      connected: true,
      whatsapp: { status: "connected", ...whatsApp.shown },
      rateLimitInfo: {
        messagesPerMinute: whatsApp.messagesPerMinute,
        currentCount: 3,
        resetTime: ISO_TIME,
        rateLimitActive: false,
      },
      timestamp: ISO_TIME,
    });
  });

  test("6: the delivery log, the list of campaigns and the final health agree", async () => {
    const { body } = await call<DeliveryAnswer>("GET", `${api}/delivery/campaign/${campaignId}`);
    expect(body).toMatchObject({
      success: true,
      data: { campaignId, totalMessages: 3, statusBreakdown: { SENT: 3, DELIVERED: 3, FAILED: 0, PENDING: 0 } },
    });
    expect(body.data.deliveryLogs).toHaveLength(3);
    for (const log of body.data.deliveryLogs) {
      expect(log).toMatchObject({ _id: expect.any(String), lead_id: ID, status: "DELIVERED", attempt: 1, created_at: ISO_TIME });
    }
    expect((await call("GET", `${api}/campaigns`)).body).toMatchObject({
      success: true,
      data: [
        { _id: campaignId, status: "COMPLETED", stats: { audience: 3, sent: 3, delivered: 3, failed: 0 }, created_at: ISO_TIME },
      ],
    });
    expect((await call("GET", `${system.workersUrl}/health`)).body).toMatchObject({
      overall: "healthy",
      database: { status: "healthy" },
      workers: {
        JobExpander: { status: "healthy", processedJobs: 1, processedLeads: 3, errors: 0 },
        SendWorker: { status: "healthy", processed: 3, sent: 3, failed: 0, connected: true },
        StatusAggregator: { status: "healthy", processed: 3, errors: 0 },
      },
    });
  });

  test("7: a campaign on a segment that does not exist is refused to the letter", async () => {
    const answer = await call("POST", `${api}/campaigns`, {
      name: "Invalid Campaign",
      segment_id: "invalid-segment-id",
      message_template: "Test message",
      created_by: "admin",
    });
    expect(answer.status).toBe(404);
    expect(answer.body).toEqual({
      success: false,
      error: {
        message: "Segment not found",
        code: "SEGMENT_NOT_FOUND",
        details: "Segment with ID invalid-segment-id does not exist",
      },
    });
  });

  test("8: the nested rule finds the same three", async () => {
    const rule_ast = {
      op: "OR",
      children: [
        { op: "AND", children: [comparison(">", "total_spend", 2000), comparison(">=", "visits", 10)] },
        comparison("IN", "emails", ["john.doe@example.com"]),
      ],
    };
    expect((await call("POST", `${api}/segments/preview`, { rule_ast })).body).toMatchObject({
      success: true,
      data: { count: 3, sample: THE_THREE },
    });
  });

  test("9: the three texts that went out can be read back word for word", async () => {
    const { body } = await call<DeliveryAnswer>("GET", `${api}/delivery/campaign/${campaignId}`);
    const wanted = [
      "Hi John Doe! 🎉 As a valued customer who has spent $1500 with us, enjoy this exclusive 25% discount: PREMIUM25. Thank you for 8 visits!",
      "Hi Bob Smith! 🎉 As a valued customer who has spent $2200 with us, enjoy this exclusive 25% discount: PREMIUM25. Thank you for 12 visits!",
      "Hi David Brown! 🎉 As a valued customer who has spent $4500 with us, enjoy this exclusive 25% discount: PREMIUM25. Thank you for 20 visits!",
    ];
    expect(body.data.deliveryLogs.map(({ text }) => text)).toEqual(wanted);
    const messages = await Promise.all(
      body.data.deliveryLogs.map(({ _id }) => call<{ data: { text: string } }>("GET", `${api}/messages/${_id}`)),
    );
    expect(messages.map((message) => message.body.data.text)).toEqual(wanted);
    const { departed, sentMoreThanOnce } = await whatsApp.outbox(system);
    expect(departed.map(({ text }) => text).toSorted()).toEqual(wanted.toSorted());
    expect(sentMoreThanOnce).toBe(0);
  });
}
