/** Imported by a process, asks it to stop (SIGTERM, once) when the process that started it is gone, so that no orphan stays. */
import { isMainThread } from "node:worker_threads";

const parent = process.ppid;

// Worker threads inherit `--import` and load this file too; the main thread speaks for them.
if (isMainThread) {
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    process.kill(process.pid, "SIGTERM");
  }, 500);
  timer.unref();
}
