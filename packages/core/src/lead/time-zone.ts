/** Owns the names of time zones. */

const MAX_REMEMBERED = 1000;
/** Asking `Intl` takes some 20 µs, so answers are remembered, wrong names too. */
const remembered = new Map<string, string | null>();

/** Returns the IANA name that `text` spells in whatever case (`europe/berlin` is `Europe/Berlin`), or `null` for none. */
export function ianaTimeZone(text: string): string | null {
  const known = remembered.get(text);
  if (known !== undefined) return known;
  const name = lookUp(text);
  if (remembered.size >= MAX_REMEMBERED) remembered.clear();
  remembered.set(text, name);
  return name;
}

function lookUp(text: string): string | null {
  // `Intl` also takes offsets such as `+02:00`, which know nothing of summer time.
  if (!/^[a-z]/i.test(text)) return null;
  try {
    const name = new Intl.DateTimeFormat("en", { timeZone: text }).resolvedOptions().timeZone;
    // An alias resolves to another name, which is not what the caller wrote: it stays.
    return name.toLowerCase() === text.toLowerCase() ? name : text;
  } catch {
    return null;
  }
}
