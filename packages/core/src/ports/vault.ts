/** Owns the port to what keeps secrets: sealed text can be kept anywhere. */

export interface Vault {
  /** `plain` so that only `open` of the same key reads it; `purpose` must be the same then. */
  seal(plain: string, purpose: string): string;
  /** Throws an `AppError` where it was sealed by another key, or for another purpose, or has been changed. */
  open(sealed: string, purpose: string): string;
}
