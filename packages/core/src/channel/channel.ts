/** Owns what a channel is called: a number that messages go out from. */

/** The channel that a campaign sends through where it names none. */
export const DEFAULT_CHANNEL_ID = "default";
