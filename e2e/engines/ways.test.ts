/** Owns the tests of the choice among ways to get a server. */
import { expect, test } from "vitest";
import { firstThatStarts } from "./ways.ts";

const fails = (name: string) => ({ name, start: () => Promise.reject(new Error(`no ${name} here`)) });
const starts = (name: string) => ({ name, start: () => Promise.resolve({ name }) });

test("the first way that works is taken, with the reasons against those before it", async () => {
  const chosen = await firstThatStarts("An engine", [fails("Docker"), starts("installed"), starts("downloaded")]);
  expect(chosen).toEqual({ name: "installed", passedOver: ["Docker: no Docker here"] });
});

test("where no way works, the error says what was tried, and why each failed", async () => {
  const tried = "An engine cannot be had here. What was tried:\n- Docker: no Docker here\n- installed: no installed here";
  await expect(firstThatStarts("An engine", [fails("Docker"), fails("installed")])).rejects.toThrow(tried);
});
