/** Proves what is said of a database that cannot be opened; what an open one does is proved by the store's contract. */
import { expect, test } from "vitest";
import { openMongo } from "./database.ts";

const SECRET = "geheim";

// Nobody listens on port 1; the others are not even taken for a URL.
test.each([
  `mongodb://user:${SECRET}@127.0.0.1:1/crm`,
  `mongodb://user:${SECRET}@127.0.0.1:1/crm?tlsCertificateKeyFilePassword=${SECRET}`,
  `mongodb://user:with@${SECRET}@127.0.0.1:1/crm`,
  `mongodb://user:with/${SECRET}@127.0.0.1:1/crm`,
])("no part of a password is told where %s cannot be opened", async (url) => {
  const failed = await openMongo(url).catch((error: unknown) => error);
  expect(failed).toMatchObject({ code: "CONFIGURATION", retryable: false });
  expect(String(failed)).toContain("127.0.0.1:1");
  expect(String(failed)).not.toContain(SECRET);
});
