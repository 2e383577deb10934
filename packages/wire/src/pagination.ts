/** Owns how lists are asked for and answered in pages. */
import { type Static, Type } from "typebox";

export const DEFAULT_PAGE_LIMIT = 20;

/** The query fields of every list. */
export const PageFields = {
  page: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000, default: 1, description: "Which page, from 1" })),
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 200, default: DEFAULT_PAGE_LIMIT, description: "How many on a page" }),
  ),
};

export const PageQuery = Type.Object(PageFields, { additionalProperties: false });

export const Pagination = Type.Object({
  page: Type.Integer(),
  limit: Type.Integer(),
  total: Type.Integer({ description: "How many there are on all pages together" }),
  totalPages: Type.Integer(),
});
export type Pagination = Static<typeof Pagination>;
