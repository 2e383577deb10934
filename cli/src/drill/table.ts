/** Owns how a drill's result is printed: what happened, what was counted, and each promise, kept or broken. */

import type { Happened } from "./carry-out.ts";
import type { Proof } from "./proof.ts";
import type { Departed } from "./whatsapp.ts";

/** The table of one layout's drill. */
export function tableOf(title: string, happened: Happened, departed: readonly Departed[], { figures, findings }: Proof): string {
  const rows: [string, string][] = [
    ...[...happened.kills].map(([parts, times]): [string, string] => [`kill -9 of ${parts}`, grouped(times)]),
    ["freezes for longer than a lease", grouped(happened.freezes)],
    ["outages of WhatsApp", grouped(happened.outages)],
    ["answers held back for longer than a send waits", grouped(happened.hangs)],
    ["changes of how WhatsApp behaves", grouped(happened.misbehaviours)],
    ...paceOf(happened, departed),
    ...figures.map(({ name, value }): [string, string] => [name, grouped(value)]),
  ];
  const promises = findings.map(({ promise, violations }): [string, string] => [
    promise,
    violations === 0 ? "kept" : `BROKEN ${grouped(violations)} times`,
  ]);
  const width = Math.max(...[...rows, ...promises].map(([name]) => name.length));
  const line = ([name, value]: [string, string]) => `  ${name.padEnd(width)}  ${value}`;
  const examples = findings.flatMap((finding) => finding.examples.map((example) => `  ${finding.promise}: ${example}`));
  return [title, "", ...rows.map(line), "", ...promises.map(line), ...(examples.length > 0 ? ["", ...examples] : []), ""].join(
    "\n",
  );
}

function paceOf({ workersStartedAt, backendAway, startsHeldUp }: Happened, departed: readonly Departed[]): [string, string][] {
  const times = departed.map(({ at }) => Date.parse(at)).sort((a, b) => a - b);
  const goingOnMs = workersStartedAt.flatMap((startedAt) => {
    const next = times.find((at) => at > startedAt);
    return next === undefined ? [] : [next - startedAt];
  });
  const meanwhile = backendAway.map(({ from, to }) => times.filter((at) => at > from && at < to).length);
  const lastedMs = (times.at(-1) ?? 0) - (times[0] ?? 0);
  return [
    ...(startsHeldUp > 0 ? [["starts held up by a frozen process's lock", grouped(startsHeldUp)] as [string, string]] : []),
    ["from starting workers again to their next message, median", `${grouped(medianOf(goingOnMs))} ms`],
    ["messages that left while the backend was dead", grouped(meanwhile.reduce((sum, messages) => sum + messages, 0))],
    ["messages a second, accidents included", grouped(lastedMs > 0 ? Math.round((times.length / lastedMs) * 1_000) : 0)],
  ];
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function grouped(value: number): string {
  return value.toLocaleString("en");
}
