/** Owns how tables are written as CSV: RFC 4180, in UTF-8, and harmless in a spreadsheet. */

/** Without it, Excel takes UTF-8 for the machine's old code page and spoils every name that is not plain English. */
export const BYTE_ORDER_MARK = "\uFEFF";

/** What a spreadsheet may take for the beginning of a formula; the wide forms count where Japanese is written. */
const FORMULA = /^[=+\-@\t\r\n＝＋－＠]/;

/**
 * A number in E.164 is a plus and digits: as a formula it is no more than that number. It keeps its plus and gets no apostrophe,
 * because lists of numbers are exported to be read by other programs.
 */
const PHONE = /^\+\d{1,15}$/;

/** One line with its end; null is an empty cell. */
export function csvLine(cells: readonly (string | number | null)[]): string {
  return `${cells.map(csvCell).join(",")}\r\n`;
}

/** What comes from people and begins like a formula gets an apostrophe, which a spreadsheet reads as "this is text". */
function csvCell(value: string | number | null): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const text = FORMULA.test(value) && !PHONE.test(value) ? `'${value}` : value;
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
