/** Owns the envelope of what went well. */
export function ok<T>(data: T): { success: true; data: T } {
  return { success: true, data };
}

/** What is said of a thing that is no longer there. */
export function removed(id: string): { _id: string; removed: true } {
  return { _id: id, removed: true };
}
