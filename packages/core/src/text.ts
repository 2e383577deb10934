/** Owns what holds for every text that comes in from outside, and how such text is quoted in a message. */

const CLIP_CHARS = 60;

/**
 * Tells whether every engine can hold `text` and give it back unchanged: SQLite's functions end a text at a NUL character,
 * and half of a surrogate pair does not survive UTF-8.
 */
export function isStorableText(text: string): boolean {
  return !text.includes("\0") && text.isWellFormed();
}

/** Returns `text` cut where it is long, so that a caller's text never swells a message. */
export function clip(text: string): string {
  return text.length > CLIP_CHARS ? `${text.slice(0, CLIP_CHARS)}…` : text;
}

/** Returns `text` for a message to a person: in double quotes, escaped, and cut where it is long. */
export function quote(text: string): string {
  return JSON.stringify(clip(text));
}

/** Returns the candidate that somebody who wrote `word` most likely meant, or `null` where none is close. */
export function closest(word: string, candidates: readonly string[]): string | null {
  const written = letters(word);
  let best: string | null = null;
  let bestEdits = written.length > CLIP_CHARS ? 0 : Math.min(3, Math.ceil(written.length / 3) + 1);
  for (const candidate of candidates) {
    const edits = editDistance(written, letters(candidate));
    if (edits < bestEdits) {
      best = candidate;
      bestEdits = edits;
    }
  }
  return best;
}

/** `lastOrderAt`, `Last-Order-At` and `last_order_at` are the same word. */
function letters(word: string): string {
  return word.toLowerCase().replaceAll(/[\s_-]/g, "");
}

/** The number of single-character insertions, deletions and replacements from `from` to `to` (Levenshtein). */
function editDistance(from: string, to: string): number {
  let above = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const replaced = (above[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, (above[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    above = current;
  }
  return above[to.length] ?? 0;
}
