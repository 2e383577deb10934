/** Owns what `minicrm move` says of a move: each collection with its checksum, what stayed behind, and what to do now. */
import type { Moved, MovedCollection } from "@mini-crm/runtime/move";

export function reportOf({ collections, deadLetters }: Moved, { dataDir }: { dataDir: string }): string {
  const different = collections.filter(({ isSame }) => !isSame).map(({ name }) => name);
  const next = different.length === 0 ? whatNow(dataDir, deadLetters) : whatIsWrong(different);
  return [...tableOf(collections), "", ...next, ""].join("\n");
}

const WIDTH = 18;

function tableOf(collections: readonly MovedCollection[]): string[] {
  const line = (mark: string, name: string, documents: string, checksum: string): string =>
    `  ${mark.padEnd(9)}  ${name.padEnd(WIDTH)}  ${documents.padStart(12)}  ${checksum}`;
  const contents = ({ documents, checksum }: MovedCollection["read"]) => [documents.toLocaleString("en"), checksum] as const;
  return [
    line("", "collection", "documents", "SHA-256"),
    ...collections.flatMap(({ name, read, found, isSame }) => {
      if (isSame) return [line("same", name, ...contents(read))];
      return [line("DIFFERENT", name, ...contents(read)), line("", "  in MongoDB", ...contents(found))];
    }),
  ];
}

function whatNow(dataDir: string, deadLetters: number): string[] {
  const left =
    deadLetters === 0 ? [] : [`${deadLetters} events that were laid aside stay in ${dataDir}: minicrm doctor shows them.`];
  return [
    "Everything is in MongoDB, and read back it is the same.",
    ...left,
    "From now on start the backend and the workers with the MONGODB_URL of this move, and keep DATA_DIR.",
    "Never start them without it again: the SQLite file still knows everything, and would send what is pending a second time.",
  ];
}

function whatIsWrong(different: readonly string[]): string[] {
  return [
    `MongoDB does not hold what was read from SQLite: ${different.join(", ")}.`,
    "Nothing uses the database until a move has succeeded: see that nobody else writes to it, and move again.",
  ];
}
