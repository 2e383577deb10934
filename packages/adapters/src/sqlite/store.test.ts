/** Proves the `Store` contract on SQLite. */
import { describeStore } from "@mini-crm/core/contracts/store";
import { openTemporary } from "./temporary.ts";

describeStore("SQLite", openTemporary);
