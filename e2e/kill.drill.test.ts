/** Proves, with the short form of `minicrm drill`, that whatever dies at whatever moment loses nothing and sends nothing twice. */
import { twin } from "@mini-crm/cli/drill/whatsapp";
import { ownEngines } from "@mini-crm/runtime/own-engines";
import { test } from "vitest";
import { expectDrillToKeepPromises } from "./short-drill.ts";
import { LAYOUTS } from "./system.ts";
import { expectWebDrillToKeepPromises } from "./web-drill.ts";

// Side by side: they mostly wait, for leases and answers that do not come.
test.concurrent.each(LAYOUTS)("killed, frozen and failed again and again, %s keeps every promise", (layout) => {
  return expectDrillToKeepPromises({ layout, engines: ownEngines({}), kills: 12, leads: 6_000 });
});

test.concurrent("over the twin of the Cloud API, which outlives every kill, every promise is kept as well", () => {
  return expectDrillToKeepPromises({ layout: "one process", engines: ownEngines({}), whatsApp: twin, kills: 6, leads: 2_000 });
});

test.concurrent("over WhatsApp Web, whose session outlives every kill, every promise is kept as well", () => {
  return expectWebDrillToKeepPromises();
});
