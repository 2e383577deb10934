import { expect, test } from "vitest";
import { type Known, recognise } from "./identity.ts";

const known = (_id: string, fields: Partial<Known>): Known => ({ _id, external_id: null, phones: [], emails: [], ...fields });

test("a lead is recognised by its external_id before anything else", () => {
  const byId = known("b", { external_id: "7" });
  const byPhone = known("a", { phones: ["+1234567890"] });
  expect(recognise({ external_id: "7", phones: ["+1234567890"] }, [byPhone, byId])).toBe(byId);
});

test("a lead is recognised by any shared phone before any shared e-mail", () => {
  const byPhone = known("b", { phones: ["+1234567890", "+1234567891"] });
  const byEmail = known("a", { emails: ["a@b.co"] });
  expect(recognise({ phones: ["+1999999999", "+1234567891"], emails: ["a@b.co"] }, [byEmail, byPhone])).toBe(byPhone);
  expect(recognise({ phones: ["+1999999999"], emails: ["a@b.co"] }, [byEmail, byPhone])).toBe(byEmail);
});

test("a lead with another external_id is somebody else, even with the same phone", () => {
  const parent = known("a", { external_id: "parent", phones: ["+1234567890"], emails: ["a@b.co"] });
  expect(recognise({ external_id: "child", phones: ["+1234567890"], emails: ["a@b.co"] }, [parent])).toBeNull();
});

test("a lead without an external_id is recognised by the phone of one that has it, and the other way round", () => {
  const named = known("a", { external_id: "7", phones: ["+1234567890"] });
  const unnamed = known("b", { phones: ["+1234567891"] });
  expect(recognise({ phones: ["+1234567890"] }, [named, unnamed])).toBe(named);
  expect(recognise({ external_id: "8", phones: ["+1234567890", "+1234567891"] }, [named, unnamed])).toBe(unnamed);
});

test("of several who share a phone it is the one who was there first", () => {
  const older = known("a", { phones: ["+1234567891"] });
  const newer = known("b", { phones: ["+1234567890"] });
  expect(recognise({ phones: ["+1234567890", "+1234567891"] }, [newer, older])).toBe(older);
});

test("who shares nothing, or only nothing, is somebody new", () => {
  expect(recognise({ name: "Ana" }, [known("a", {})])).toBeNull();
  expect(recognise({ external_id: null, phones: [], emails: [] }, [known("a", {})])).toBeNull();
  expect(recognise({ phones: ["+1234567890"] }, [])).toBeNull();
});
