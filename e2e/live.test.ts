import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { importLeads, runCampaign } from "./campaign.ts";
import { call, LAYOUTS, startSystem, temporaryFolder } from "./system.ts";

const toEnd: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of toEnd.splice(0).reverse()) await end();
});

/** A program outside that is told what happens. */
async function openReceiver() {
  const received: { headers: NodeJS.Dict<string | string[]>; body: string }[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
    request.on("end", () => {
      received.push({ headers: request.headers, body });
      response.end();
      server.emit("received");
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  toEnd.push(() => server.close().closeAllConnections());
  const until = async (isThere: () => boolean): Promise<void> => {
    while (!isThere()) await once(server, "received");
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, received, until };
}

describe.each(LAYOUTS)("%s", (layout) => {
  test("a campaign's way is seen live and told to a webhook, to the end", async () => {
    const { folder, remove } = await temporaryFolder();
    toEnd.push(remove);
    const system = await startSystem(layout, {
      DATA_DIR: folder,
      MESSAGES_PER_MINUTE: "0",
      SIMULATOR_DELIVERED_AFTER_MS: "100-3000",
      WEBHOOKS_TO_PRIVATE_ADDRESSES: "true",
    });
    toEnd.push(() => system.stop());
    const receiver = await openReceiver();
    const kinds = ["campaign.started", "campaign.completed"];
    const made = await call<{ data: { secret: string } }>("POST", `${system.backendUrl}/api/v1/webhooks`, {
      url: receiver.url,
      kinds,
    });

    const stopReading = new AbortController();
    toEnd.push(() => stopReading.abort());
    const stream = await fetch(`${system.backendUrl}/api/v1/events?last_event_id=0`, { signal: stopReading.signal });
    await importLeads(system, 40);
    const campaign = await runCampaign(system);
    let text = "";
    for await (const chunk of stream.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      if (text.includes("event: campaign.completed")) break;
    }
    const seen = [...text.matchAll(/^event: (.+)$/gm)].map(([, kind]) => kind);
    expect(new Set(seen)).toEqual(
      new Set(["channel.state", "leads.imported", "campaign.started", "campaign.progress", "campaign.completed"]),
    );
    expect(text.slice(text.indexOf("event: campaign.completed"))).toContain('"audience":40,"sent":40,"delivered":40');

    await receiver.until(() => receiver.received.length === 2);
    const bodies = receiver.received.map(({ body }) => JSON.parse(body));
    expect(new Set(bodies.map(({ type }) => type))).toEqual(new Set(kinds));
    expect(bodies.map(({ data }) => data.subject)).toEqual([campaign, campaign]);
    for (const { headers, body } of receiver.received) {
      const signed = `${String(headers["webhook-id"])}.${String(headers["webhook-timestamp"])}.${body}`;
      const key = Buffer.from(made.body.data.secret.replace("whsec_", ""), "base64");
      expect(headers["webhook-signature"]).toBe(`v1,${createHmac("sha256", key).update(signed).digest("base64")}`);
    }
  });

  test("it stops at once although somebody watches", async () => {
    const { folder, remove } = await temporaryFolder();
    toEnd.push(remove);
    const system = await startSystem(layout, { DATA_DIR: folder });
    const stream = await fetch(`${system.backendUrl}/api/v1/events`);
    const ended = stream.text();
    const codes = await system.stop();
    expect(new Set(codes)).toEqual(new Set([0]));
    expect(await ended).toContain("retry: 2000");
  });
});
