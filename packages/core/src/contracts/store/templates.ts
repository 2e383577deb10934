/** Owns the contract of WhatsApp's approved templates, as they were last looked up. */
import { expect, test } from "vitest";
import type { Store } from "../../ports/store.ts";
import { NOW } from "../samples.ts";
import { whatsAppTemplate } from "./world.ts";

export function describeTemplates(store: () => Store): void {
  const namesOf = async (channelId: string) =>
    (await store().templates.ofChannel(channelId)).map(({ name, language }) => `${name} ${language}`);

  test("templates are kept with all that they have, in order, until they are looked up again", async () => {
    const text = { format: "TEXT", text: "Hi {{1}}" } as const;
    const full = whatsAppTemplate({ name: "b", header: text, footer: "Bye", buttons: ["Yes", "No"] });
    const bare = whatsAppTemplate({ name: "b", language: "de", header: { format: "IMAGE" }, footer: null, buttons: [] });
    await store().templates.replace("shop", [full, whatsAppTemplate({ name: "c" }), bare]);
    expect(await namesOf("shop")).toEqual(["b de", "b en_US", "c en_US"]);
    expect(await store().templates.read("shop", "b", "en_US")).toEqual(full);
    expect(await store().templates.read("shop", "b", "de")).toEqual(bare);
    expect(await store().templates.read("shop", "b", "fr")).toBeNull();
    await store().templates.replace("shop", [{ ...full, body: "New", synced_at: NOW + 1 }, whatsAppTemplate({ name: "a" })]);
    expect(await namesOf("shop")).toEqual(["a en_US", "b en_US"]);
    expect(await store().templates.read("shop", "b", "en_US")).toMatchObject({ body: "New", synced_at: NOW + 1 });
    await store().templates.replace("shop", []);
    expect(await namesOf("shop")).toEqual([]);
  });

  test("templates are their channel's alone", async () => {
    await store().templates.replace("shop", [whatsAppTemplate()]);
    await store().templates.replace("other", [whatsAppTemplate({ channel_id: "other" })]);
    await store().templates.changeStatus("other", "offer", "en_US", "PAUSED");
    await store().templates.replace("other", []);
    expect(await store().templates.ofChannel("shop")).toEqual([whatsAppTemplate()]);
    expect(await store().templates.read("other", "offer", "en_US")).toBeNull();
  });

  test("what Meta tells of one template changes that one, and one that is not known stays unknown", async () => {
    await store().templates.replace("shop", [whatsAppTemplate(), whatsAppTemplate({ language: "de" })]);
    await store().templates.changeStatus("shop", "offer", "de", "PAUSED");
    await store().templates.changeStatus("shop", "offer", "fr", "APPROVED");
    const statuses = (await store().templates.ofChannel("shop")).map(({ language, status }) => [language, status]);
    expect(statuses).toEqual([
      ["de", "PAUSED"],
      ["en_US", "APPROVED"],
    ]);
    expect(await store().templates.read("shop", "offer", "de")).toEqual(whatsAppTemplate({ language: "de", status: "PAUSED" }));
  });
}
