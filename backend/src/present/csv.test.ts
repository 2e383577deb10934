import fc from "fast-check";
import { expect, test } from "vitest";
import { csvLine } from "./csv.ts";

test("cells are set apart by commas, and quoted where they hold what would end them", () => {
  expect(csvLine(["a", 1, null, "b,c", 'say "hi"', "two\nlines", " blank "])).toBe(
    'a,1,,"b,c","say ""hi""","two\nlines"," blank "\r\n',
  );
});

test.each([
  ["=1+1", "'=1+1"],
  ["=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"],
  ["+SUM(A1)", "'+SUM(A1)"],
  ["-1", "'-1"],
  ["@SUM(A1)", "'@SUM(A1)"],
  ["\t=1", "'\t=1"],
  ["\r=1", '"\'\r=1"'],
  ['=HYPERLINK("http://x","y")', '"\'=HYPERLINK(""http://x"",""y"")"'],
  ["＝1+1", "'＝1+1"],
  ["+1+2", "'+1+2"],
  ["+14155550101;=1", "'+14155550101;=1"],
])("%j, which a spreadsheet would calculate, becomes text", (text, cell) => {
  expect(csvLine([text])).toBe(`${cell}\r\n`);
});

test("a phone number stays the number that other programs can read", () => {
  expect(csvLine(["+14155550101"])).toBe("+14155550101\r\n");
});

test("whatever the cells hold, they are read as they were, and none begins like a formula", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "grapheme" }), { minLength: 1, maxLength: 5 }), (cells) => {
      const read = cellsOf(csvLine(cells));
      expect(read.map((cell) => cell.replace(/^'(?=[=+\-@\t\r\n＝＋－＠])/, ""))).toEqual(cells);
      expect(read.filter((cell) => /^[=+\-@\t\r\n＝＋－＠]/.test(cell) && !/^\+\d+$/.test(cell))).toEqual([]);
    }),
  );
});

/** The cells of one line, as RFC 4180 reads them. */
function cellsOf(line: string): string[] {
  expect(line.endsWith("\r\n")).toBe(true);
  const cells: string[] = [];
  let rest = line.slice(0, -2);
  for (;;) {
    const [whole, quoted, plain] = /^(?:"((?:[^"]|"")*)"|([^",\r\n]*))(?=,|$)/.exec(rest) ?? [];
    if (whole === undefined) throw new Error(`No cell begins at ${JSON.stringify(rest)}`);
    cells.push(quoted === undefined ? (plain ?? "") : quoted.replaceAll('""', '"'));
    if (whole.length === rest.length) return cells;
    rest = rest.slice(whole.length + 1);
  }
}
