/**
 * Owns which tests there are: `unit` beside the code, `e2e` against the whole system, `drill` for what takes minutes, `engines`
 * for what needs Kafka and MongoDB (`npm run test:engines` starts them).
 */
import { defineConfig } from "vitest/config";

/** Each starts processes, ports and data folders of its own and measures time, so its files run one after another. */
const wholeSystem = { fileParallelism: false, hookTimeout: 60_000 };

const engineTests = "**/*.engine.test.ts";

export default defineConfig({
  test: {
    pool: "forks",
    testTimeout: 20_000,
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          // Most of them wait, for processes, timers and disks: also on two processors, two files at a time.
          maxWorkers: 2,
          include: ["{packages/*,backend,workers,cli}/src/**/*.test.ts", "scripts/**/*.test.ts"],
          exclude: [engineTests],
        },
      },
      {
        extends: true,
        test: {
          name: "e2e",
          include: ["e2e/**/*.test.ts"],
          exclude: ["**/*.drill.test.ts", engineTests],
          testTimeout: 120_000,
          sequence: { groupOrder: 1 },
          ...wholeSystem,
        },
      },
      {
        extends: true,
        test: {
          name: "drill",
          include: ["e2e/**/*.drill.test.ts"],
          testTimeout: 600_000,
          sequence: { groupOrder: 2 },
          ...wholeSystem,
        },
      },
      {
        extends: true,
        test: {
          name: "engines",
          include: [`{packages/*,backend,workers,cli}/src/${engineTests}`, `e2e/${engineTests}`],
          testTimeout: 60_000,
          sequence: { groupOrder: 3 },
          ...wholeSystem,
        },
      },
    ],
  },
});
