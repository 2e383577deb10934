import fc from "fast-check";
import { getCountries, getCountryCallingCode, getExampleNumber, parsePhoneNumberFromString } from "libphonenumber-js/max";
import examples from "libphonenumber-js/mobile/examples";
import { describe, expect, test } from "vitest";
import { isAssigned, isCountry, parsePhone } from "./phone.ts";

function phoneOf(text: string, country?: Parameters<typeof parsePhone>[1]): string {
  const read = parsePhone(text, country);
  if (!read.ok) throw new Error(read.reason);
  return read.phone;
}

function reasonFor(text: string, country?: Parameters<typeof parsePhone>[1]): string {
  const read = parsePhone(text, country);
  if (read.ok) throw new Error(`${text} was read as ${read.phone}`);
  return read.reason;
}

describe("a number with its country code", () => {
  test.each([
    ["+49 (0) 30 901820", "+4930901820"],
    ["+49 030 901820", "+4930901820"],
    ["+49030901820", "+4930901820"],
    ["0049 30 901820", "+4930901820"],
    ["(+49) 30/901820", "+4930901820"],
    ["+44 07700 900123", "+447700900123"],
    ["+44 (0)7911 123456", "+447911123456"],
    ["+1 (415) 555-0123", "+14155550123"],
    ["+1.415.555.0123", "+14155550123"],
    ["\u202a+49\u00a030\u2011901820\u202c", "+4930901820"],
    [" +1234567890 ", "+1234567890"],
  ])("%s is %s", (written, phone) => {
    expect(phoneOf(written)).toBe(phone);
  });

  test("keeps a zero that belongs to the number, as in Italy and Ivory Coast", () => {
    expect(phoneOf("+39 06 6982 1234")).toBe("+390669821234");
    expect(phoneOf("+225 01 23 45 67 89")).toBe("+2250123456789");
  });

  test("is kept where nobody has it, and flagged", () => {
    expect(phoneOf("+1234567890")).toBe("+1234567890");
    expect(isAssigned("+1234567890")).toBe(false);
    expect(isAssigned("+4930901820")).toBe(true);
  });
});

describe("a number without a country code", () => {
  test("is refused with what to do about it", () => {
    expect(reasonFor("030 901820")).toBe(
      '"030 901820" has no country code: write it with + and the country code, such as +49 30 901820.',
    );
  });

  test("is read as one of the default country", () => {
    expect(phoneOf("030 901820", "DE")).toBe("+4930901820");
    expect(phoneOf("(415) 555-0123", "US")).toBe("+14155550123");
    expect(phoneOf("011 49 30 901820", "US")).toBe("+4930901820");
    expect(phoneOf("+1 415 555 0123", "DE")).toBe("+14155550123");
  });

  test("is refused where it can be no number of the default country", () => {
    expect(reasonFor("1", "DE")).toContain("is no number of DE");
  });
});

describe("what is no phone number", () => {
  test.each([
    ["", "is not a phone number"],
    ["+", "is not a phone number"],
    ["call me", "is not a phone number"],
    ["+1 415 555 0123 ext. 5", "is not a phone number"],
    ["+1 415 555 0123, +1 415 555 0124", "is not a phone number"],
    ["+1 415 555 0123 / +1 415 555 0124", "is not a phone number"],
    ["+0 30 901820", "has a zero where the country code belongs"],
    ["+123456", "7 to 15 digits"],
    ["+1234567890123456", "7 to 15 digits"],
    ["1".repeat(10_000), "is too long"],
  ])("%s is refused", (written, reason) => {
    expect(reasonFor(written)).toContain(reason);
  });
});

describe("the ninth digit of Brazil's mobile numbers", () => {
  test("is added where it is missing, in every spelling", () => {
    expect(phoneOf("+55 11 91234-5678")).toBe("+5511912345678");
    expect(phoneOf("+55 11 8123-4567")).toBe("+5511981234567");
    expect(phoneOf("+551181234567")).toBe("+5511981234567");
    expect(phoneOf("+55 011 8123-4567")).toBe("+5511981234567");
    expect(phoneOf("(11) 8123-4567", "BR")).toBe("+5511981234567");
  });

  test("is not added to a landline", () => {
    expect(phoneOf("+55 11 3123-4567")).toBe("+551131234567");
  });

  test("makes both spellings of any mobile number one", () => {
    const areaCode = fc
      .integer({ min: 1, max: 9 })
      .chain((tens) => fc.integer({ min: 1, max: 9 }).map((ones) => tens * 10 + ones));
    fc.assert(
      fc.property(areaCode, fc.integer({ min: 60_000_000, max: 99_999_999 }), (area, number) => {
        expect(phoneOf(`+55${area}${number}`)).toBe(phoneOf(`+55${area}9${number}`));
      }),
    );
  });
});

describe("the one spelling", () => {
  const country = fc.constantFrom(...getCountries());
  const digits = (min: number, max: number) =>
    fc.array(fc.integer({ min: 0, max: 9 }), { minLength: min, maxLength: max }).map((list) => list.join(""));
  const phone = fc
    .oneof(
      fc.tuple(fc.integer({ min: 1, max: 9 }), digits(6, 14)).map(([first, rest]) => `${first}${rest}`),
      fc
        .tuple(country, fc.constantFrom("", "0", "00"), digits(4, 10))
        .map((parts) => getCountryCallingCode(parts[0]) + parts[1] + parts[2]),
    )
    .map((number) => `+${number}`)
    .filter((number) => /^\+\d{7,15}$/.test(number));
  const separator = fc.constantFrom("", "", "", " ", "-", ".", " (", ") ", "/", "\u00a0", "\u2013");

  test("is the same for plain digits and for any way to write them", () => {
    fc.assert(
      fc.property(phone, fc.array(separator, { minLength: 16, maxLength: 16 }), fc.boolean(), (plain, marks, zeros) => {
        const spaced = Array.from(plain.slice(1), (digit, index) => digit + (marks[index] ?? "")).join("");
        expect(phoneOf((zeros ? "00 " : "+ ") + spaced)).toBe(phoneOf(plain));
      }),
      { numRuns: 1000 },
    );
  });

  test("is itself read as the same", () => {
    fc.assert(
      fc.property(phone, (plain) => {
        const once = phoneOf(plain);
        expect(once).toMatch(/^\+[1-9]\d{6,14}$/);
        expect(phoneOf(once)).toBe(once);
      }),
      { numRuns: 1000 },
    );
  });

  test("is what the numbering plans say for an assigned number of every country", () => {
    for (const code of getCountries()) {
      const number = getExampleNumber(code, examples)?.number;
      if (number === undefined) continue;
      expect(phoneOf(number)).toBe(number);
      expect(phoneOf(parsePhoneNumberFromString(number)?.formatInternational() ?? "")).toBe(number);
      expect(phoneOf(parsePhoneNumberFromString(number)?.formatNational() ?? "", code)).toBe(number);
    }
  });

  test("drops a zero after the country code exactly where the numbering plan says so", () => {
    for (const code of getCountries()) {
      const example = getExampleNumber(code, examples);
      if (example === undefined) continue;
      const withZero = `+${example.countryCallingCode}0${example.nationalNumber}`;
      expect(phoneOf(withZero)).toBe(parsePhoneNumberFromString(withZero)?.number);
    }
  });
});

test("knows the countries by their two letters", () => {
  expect(isCountry("DE")).toBe(true);
  expect(isCountry("de")).toBe(false);
  expect(isCountry("Germany")).toBe(false);
});
