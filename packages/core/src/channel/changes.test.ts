import { expect, test } from "vitest";
import { channelRemoval, editedChannel } from "./changes.ts";
import { defaultChannel } from "./channel.ts";

const channel = { ...defaultChannel(5), _id: "shop" };

test("a change counts where nothing has changed since it was looked at, or where that does not matter", () => {
  const changed = { kind: "changed", channel: { ...channel, name: "Shop", updated_at: 9 } };
  expect(editedChannel(channel, { name: "Shop" }, 9, 5)).toEqual(changed);
  expect(editedChannel(channel, { name: "Shop" }, 9, null)).toEqual(changed);
  expect(editedChannel(channel, { name: "Shop" }, 9, 4)).toEqual({ kind: "changed_since", channel });
  expect(editedChannel(null, { name: "Shop" }, 9, null)).toBeNull();
});

test("no two changes leave the same moment behind", () => {
  expect(editedChannel(channel, {}, 5, 5)).toMatchObject({ channel: { updated_at: 6 } });
});

test("only a channel that no campaign needs goes, and the default one stays", () => {
  expect(channelRemoval(channel, [])).toEqual({ kind: "removed" });
  expect(channelRemoval(channel, ["c"])).toEqual({ kind: "in_use", campaigns: ["c"] });
  expect(channelRemoval(defaultChannel(5), [])).toEqual({ kind: "in_use", campaigns: [] });
  expect(channelRemoval(null, [])).toEqual({ kind: "not_found" });
});
