import { expect, test } from "vitest";
import { databaseName, shown, withDatabase } from "./url.ts";

test.each([
  ["mongodb://h:1", "mini_crm", "mongodb://h:1/other"],
  ["mongodb://h:1/?directConnection=true", "mini_crm", "mongodb://h:1/other?directConnection=true"],
  ["mongodb://u:p@a:1,b:2/crm?replicaSet=rs0", "crm", "mongodb://u:p@a:1,b:2/other?replicaSet=rs0"],
  ["mongodb+srv://cluster.example/crm", "crm", "mongodb+srv://cluster.example/other"],
])("%s names the database %s, and with another one it is %s", (url, name, other) => {
  expect(databaseName(url)).toBe(name);
  expect(withDatabase(url, "other")).toBe(other);
});

test("what is shown of a URL has neither a password nor settings", () => {
  expect(shown("mongodb://u:s/e@cret@h:1/crm?authSource=admin")).toBe("mongodb://h:1/crm");
});
