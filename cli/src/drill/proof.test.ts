import { describe, expect, test } from "vitest";
import { type Evidence, judge, mostInAMinute, type Row } from "./proof.ts";
import type { Departed } from "./whatsapp.ts";

const CAMPAIGN = "c".repeat(24);
const AT = Date.parse("2026-01-01T00:00:00.000Z");

function row(lead: number, status: Row["status"], code: string | null = null): Row {
  const reason = code === null ? null : "A reason";
  return {
    _id: CAMPAIGN + String(lead).padStart(24, "0"),
    status,
    phone: `+1415200000${lead}`,
    text: `Hi ${lead}!`,
    code,
    reason,
  };
}

function left(of: Row, receipts: Departed["receipts"][number]["status"][], afterMs = 0): Departed {
  const at = new Date(AT + afterMs).toISOString();
  return {
    message_id: of._id,
    to: of.phone ?? "",
    text: of.text ?? "",
    handed_over_at: at,
    at,
    receipts: receipts.map((status) => ({ status })),
  };
}

/** A campaign to five in which every promise was kept. */
function whole(): Evidence & { campaigns: [Evidence["campaigns"][number]] } {
  const read = row(1, "READ");
  const delivered = row(2, "DELIVERED");
  const undeliverable = row(3, "FAILED", "131026");
  const refused = row(4, "FAILED", "131000");
  const uncertain = row(5, "UNCERTAIN", "lease_expired");
  return {
    leads: 5,
    messagesPerMinute: 3,
    campaigns: [
      {
        view: {
          _id: CAMPAIGN,
          status: "COMPLETED",
          stats: { audience: 5, sent: 2, delivered: 2, read: 1, failed: 2, skipped: 0, uncertain: 1, cancelled: 0, pending: 0 },
        },
        counters: { SENT: 2, DELIVERED: 2, READ: 1, FAILED: 2, SKIPPED: 0, UNCERTAIN: 1, CANCELLED: 0, PENDING: 0 },
        rows: [read, delivered, undeliverable, refused, uncertain],
      },
    ],
    departed: [left(read, ["DELIVERED", "READ"]), left(delivered, ["DELIVERED"], 10), left(undeliverable, ["FAILED"], 20)],
    sentMoreThanOnce: 0,
  };
}

const broken = (evidence: Evidence) => judge(evidence).findings.filter(({ violations }) => violations > 0);
const promisesBroken = (evidence: Evidence) => broken(evidence).map(({ promise }) => promise);

test("a campaign in which all went well keeps every promise, and is counted", () => {
  expect(promisesBroken(whole())).toEqual([]);
  expect(judge(whole()).figures.map(({ value }) => value)).toEqual([1, 5, 5, 3, 2, 2, 1, 3]);
});

describe("the judgement catches", () => {
  test("a message that left twice", () => {
    const evidence = whole();
    evidence.departed.push(...evidence.departed.slice(1, 2));
    evidence.sentMoreThanOnce = 1;
    evidence.messagesPerMinute = 0;
    expect(broken(evidence)).toMatchObject([{ promise: "nobody is sent a message twice", violations: 1 }]);
  });

  test("a simulator that counts otherwise than its list", () => {
    expect(promisesBroken({ ...whole(), sentMoreThanOnce: 1 })).toEqual(["nobody is sent a message twice"]);
  });

  test("a recipient without a row", () => {
    const evidence = whole();
    evidence.campaigns[0].rows.pop();
    expect(promisesBroken(evidence)).toEqual(["nobody is lost", "counters equal rows"]);
  });

  test("a message that is called delivered and never left", () => {
    const evidence = whole();
    evidence.departed.splice(1, 1);
    expect(broken(evidence)).toMatchObject([{ promise: "nobody is lost", examples: [expect.stringContaining("never left")] }]);
  });

  test.each(["PENDING", "CLAIMED", "SENDING"] as const)("a message that stays %s", (status) => {
    const evidence = whole();
    evidence.campaigns[0].rows[4] = row(5, status);
    expect(promisesBroken(evidence)).toContain("nobody is lost");
  });

  test("a receipt that the ledger has not heard, and a message that it calls refused although it left", () => {
    const unheard = whole();
    unheard.departed[1] = left(row(2, "DELIVERED"), ["DELIVERED", "READ"]);
    const refused = whole();
    refused.departed[1] = left(row(4, "FAILED"), ["DELIVERED"]);
    const promise = "what left is in the ledger as what became of it";
    expect(promisesBroken(unheard)).toEqual([promise]);
    expect(promisesBroken(refused)).toContain(promise);
  });

  test("a message that left from nowhere", () => {
    const evidence = whole();
    evidence.departed[2] = left(row(9, "SENT"), []);
    expect(promisesBroken(evidence)).toContain("what left is in the ledger as what became of it");
  });

  test("an uncertain message that left, and one that nobody explains", () => {
    const gone = whole();
    gone.departed[2] = left(row(5, "UNCERTAIN"), ["DELIVERED"]);
    const promise = "what is uncertain did not leave, and says why";
    expect(promisesBroken(gone)).toContain(promise);
    const unexplained = whole();
    unexplained.campaigns[0].rows[4] = row(5, "UNCERTAIN", "no_answer");
    expect(promisesBroken(unexplained)).toEqual([promise]);
  });

  test("a failure without a reason", () => {
    const evidence = whole();
    evidence.campaigns[0].rows[3] = row(4, "FAILED");
    expect(promisesBroken(evidence)).toEqual(["what failed or was skipped says why"]);
  });

  test("another text and another number than the ledger's", () => {
    for (const change of [{ text: "Bye!" }, { to: "+14155550100" }]) {
      const evidence = whole();
      evidence.departed[0] = { ...left(row(1, "READ"), ["READ"]), ...change };
      expect(promisesBroken(evidence)).toEqual(["the text and the number that left are the ledger's"]);
    }
  });

  test.each(["SENT", "DELIVERED", "READ", "FAILED", "SKIPPED", "UNCERTAIN", "CANCELLED", "PENDING"] as const)(
    "a counter of %s that is one too high",
    (status) => {
      const evidence = whole();
      evidence.campaigns[0].counters[status] += 1;
      expect(promisesBroken(evidence)).toEqual(["counters equal rows"]);
    },
  );

  test("a sum that does not come out", () => {
    const evidence = whole();
    evidence.campaigns[0].view.stats.sent -= 1;
    expect(promisesBroken(evidence)).toEqual(["audience = sent + failed + skipped + uncertain + cancelled + pending"]);
  });

  test("a campaign that does not end", () => {
    const evidence = whole();
    evidence.campaigns[0].view.status = "RUNNING";
    expect(promisesBroken(evidence)).toEqual(["every campaign is completed"]);
  });

  test("a minute that holds more than the limit", () => {
    expect(promisesBroken({ ...whole(), messagesPerMinute: 2 })).toEqual(["no 60 s hold more than 2 messages"]);
  });
});

test("a minute is any 60 seconds, and the 60th second after a message is the next one's", () => {
  const most = (...timesMs: number[]) =>
    mostInAMinute(timesMs.map((ms) => ({ handed_over_at: new Date(AT + ms).toISOString() })));
  expect(most()).toBe(0);
  expect(most(0, 60_000)).toBe(1);
  expect(most(0, 59_999)).toBe(2);
  expect(most(50_000, 0, 61_000, 100_000)).toBe(3);
});
