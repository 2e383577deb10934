/** A moment in time as the whole product holds it: milliseconds since 1970 in UTC. ISO 8601 only exists at the edges. */
export type Instant = number;
