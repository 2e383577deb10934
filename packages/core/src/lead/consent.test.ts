import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { consentOfWish, firstConsent, isSameConsent, mergeConsent, replaceConsent } from "./consent.ts";
import { CONSENT_STATES, type Consent, type ConsentState } from "./lead.ts";

const NOW = 1_000;
const said = (state: ConsentState, at: number | null = null, source: string | null = null): Consent => ({ state, source, at });

describe("what a list says", () => {
  test("counts where nothing is known", () => {
    expect(mergeConsent(said("unknown"), said("opted_in", 5, "form"), NOW)).toEqual(said("opted_in", 5, "form"));
    expect(mergeConsent(said("unknown"), said("opted_out", 5), NOW)).toEqual(said("opted_out", 5));
  });

  test("never makes a word unsaid", () => {
    for (const state of CONSENT_STATES)
      expect(mergeConsent(said(state, 5), said("unknown", 9, "list"), NOW)).toEqual(said(state, 5));
  });

  test("ends a stop only with a later moment", () => {
    const stopped = said("opted_out", 5, "STOP");
    expect(mergeConsent(stopped, said("opted_in", 6, "form"), NOW)).toEqual(said("opted_in", 6, "form"));
    for (const at of [null, 4, 5, NOW + 1]) expect(mergeConsent(stopped, said("opted_in", at, "form"), NOW)).toEqual(stopped);
    expect(mergeConsent(said("opted_out"), said("opted_in", 6), NOW)).toEqual(said("opted_out"));
  });

  test("stops with a moment that is not earlier, or with none", () => {
    const agreed = said("opted_in", 5);
    for (const at of [5, 6]) expect(mergeConsent(agreed, said("opted_out", at), NOW)).toEqual(said("opted_out", at));
    for (const at of [null, NOW + 1]) expect(mergeConsent(agreed, said("opted_out", at), NOW)).toEqual(said("opted_out", NOW));
    expect(mergeConsent(agreed, said("opted_out", 4), NOW)).toEqual(agreed);
    expect(mergeConsent(said("opted_in", NOW + 9), said("opted_out"), NOW)).toEqual(said("opted_out", NOW + 9));
  });

  test("stops whoever agreed at an unknown moment", () => {
    expect(mergeConsent(said("opted_in"), said("opted_out", 4), NOW)).toEqual(said("opted_out", 4));
  });

  test("renews the same word with a later moment, and adds a source where none was known", () => {
    expect(mergeConsent(said("opted_in", 5, "form"), said("opted_in", 6), NOW)).toEqual(said("opted_in", 6, "form"));
    expect(mergeConsent(said("opted_in", 5, "form"), said("opted_in", 4, "list"), NOW)).toEqual(said("opted_in", 5, "form"));
    expect(mergeConsent(said("opted_in", 5), said("opted_in", null, "list"), NOW)).toEqual(said("opted_in", 5, "list"));
  });

  test("comes to the same in whatever order lists arrive, where each word has its moment", () => {
    const words = fc.uniqueArray(
      fc.record({ state: fc.constantFrom("opted_in" as const, "opted_out" as const), at: fc.nat({ max: NOW }) }),
      {
        selector: (word) => word.at,
        minLength: 1,
        maxLength: 6,
      },
    );
    fc.assert(
      fc.property(
        words.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))),
        ([list, shuffled]) => {
          const last = list.reduce((latest, word) => (word.at > latest.at ? word : latest));
          const known = shuffled.reduce<Consent>(
            (consent, word) => mergeConsent(consent, said(word.state, word.at), NOW),
            said("unknown"),
          );
          expect(known).toEqual(said(last.state, last.at));
        },
      ),
    );
  });

  test("of somebody new is kept, with a stop said now where its moment is not known", () => {
    expect(firstConsent(undefined, NOW)).toEqual(said("unknown"));
    expect(firstConsent(said("opted_in", null, "form"), NOW)).toEqual(said("opted_in", null, "form"));
    expect(firstConsent(said("opted_out"), NOW)).toEqual(said("opted_out", NOW));
  });
});

describe("what a person enters", () => {
  test("counts, at the moment it is entered unless an earlier one is given", () => {
    expect(replaceConsent(said("opted_out", 5, "STOP"), said("opted_in"), NOW)).toEqual(said("opted_in", NOW));
    expect(replaceConsent(said("opted_out", 5, "STOP"), said("opted_in", 3, "call"), NOW)).toEqual(said("opted_in", 3, "call"));
    expect(replaceConsent(said("opted_in", 5), said("opted_out", NOW + 1), NOW)).toEqual(said("opted_out", NOW));
    expect(replaceConsent(said("opted_in", 5), said("unknown"), NOW)).toEqual(said("unknown"));
  });

  test("changes nothing where it is what was known", () => {
    const known = said("opted_out", 5, "STOP");
    expect(isSameConsent(replaceConsent(known, said("opted_out"), NOW), known)).toBe(true);
    expect(isSameConsent(replaceConsent(known, known, NOW), known)).toBe(true);
  });
});

describe("what a person texts", () => {
  const after = (known: Consent, wish: "stop" | "start", at: number) => {
    const word = consentOfWish(known, wish, at);
    return word === null ? known : replaceConsent(known, word, NOW);
  };

  test("to stop counts, whatever is known and since when, and never later than now", () => {
    for (const known of [said("unknown"), said("opted_in", 5, "form"), said("opted_in", 900), said("opted_in")]) {
      expect(after(known, "stop", 50)).toEqual(said("opted_out", 50, "STOP"));
      expect(after(known, "stop", NOW + 50)).toEqual(said("opted_out", NOW, "STOP"));
    }
  });

  test("to stop once more renews the moment, and leaves who said it first", () => {
    expect(after(said("opted_out", 5, "complaint"), "stop", 50)).toEqual(said("opted_out", 50, "complaint"));
    expect(after(said("opted_out"), "stop", 50)).toEqual(said("opted_out", 50));
    expect(after(said("opted_out", 60, "STOP"), "stop", 50)).toEqual(said("opted_out", 60, "STOP"));
  });

  test("to start ends a stop by text, where that was said before", () => {
    expect(after(said("opted_out", 5, "STOP"), "start", 6)).toEqual(said("opted_in", 6, "START"));
    for (const at of [4, 5]) expect(after(said("opted_out", 5, "STOP"), "start", at)).toEqual(said("opted_out", 5, "STOP"));
  });

  test("to start ends no other stop, and says nothing of somebody who has not stopped", () => {
    for (const known of [said("opted_out", 5, "complaint"), said("opted_out", 5), said("unknown"), said("opted_in", 5, "form")]) {
      expect(after(known, "start", 50)).toEqual(known);
    }
  });
});
