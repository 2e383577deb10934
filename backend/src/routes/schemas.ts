/** Owns what the schemas of all routes have in common. */
import { ErrorEnvelope } from "@mini-crm/wire/envelope";

/** The answers that any route may give besides its own. */
export const REFUSALS = { "4xx": ErrorEnvelope, "5xx": ErrorEnvelope } as const;

/** For bodies whose schema only documents, because the domain reads them itself and says more of what is wrong. */
export const READ_BY_DOMAIN = { validatorCompiler: () => () => true };
