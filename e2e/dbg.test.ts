import { expect, test } from "vitest";
import { linkByQr, openFakeWeb } from "./fake-web.ts";
import { productOf } from "./product.ts";
import { call, eventually, startSystem, temporaryFolder } from "./system.ts";
test("dbg", async () => {
  const { folder, remove } = await temporaryFolder();
  const world = await openFakeWeb();
  const { fake } = world;
  const system = await startSystem("two processes", { DATA_DIR: folder, LOG_LEVEL: "debug", ...world.settings });
  try {
    const product = productOf(system);
    await world.connect(system);
    await product.people("a", 1);
    await product.untilDone(await product.send("a"), { sent: 1 });
    fake.close(440);
    await eventually(async () => expect((await call<any>("GET", `${system.workersUrl}/whatsapp`)).body.whatsapp.status).toBe("replaced"));
    await product.people("b", 1);
    const t = Date.now();
    const id = await product.send("b");
    await eventually(async () => expect((await product.campaign(id)).waitingFor).toMatchObject({ kind: "connection" }));
    console.log("waits", Date.now() - t, (await product.campaign(id)).waitingFor, (await product.messages(id)));
    await linkByQr(system, fake);
    const t2 = Date.now();
    console.log("linked", t2 - t, (await product.campaign(id)).waitingFor, (await call<any>("GET", `${system.workersUrl}/whatsapp`)).body, await product.messages(id));
    for (let i = 0; i < 60; i++) {
      const c = await product.campaign(id);
      if (c.status === "COMPLETED") break;
      if (i % 5 === 0) console.log(Date.now() - t2, c.waitingFor, (await product.messages(id)).map(m => [m.status, m.code, m.reason, (m as any).due_at]));
      await new Promise(r => setTimeout(r, 1000));
    }
    console.log("done", Date.now() - t2);
  } finally {
    await system.kill();
    console.log(system.processes.workers?.output());
    await world.close();
    await remove();
  }
});
