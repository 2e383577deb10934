/** Owns how a page of a list is asked of the store, and shown. */
import type { PageRequest } from "@mini-crm/core/ports/store";
import { DEFAULT_PAGE_LIMIT, type Pagination } from "@mini-crm/wire/pagination";

export function pageRequest(query: { page?: number; limit?: number }): PageRequest {
  return { page: query.page ?? 1, limit: query.limit ?? DEFAULT_PAGE_LIMIT };
}

export function pagination({ page, limit }: PageRequest, total: number): Pagination {
  return { page, limit, total, totalPages: Math.ceil(total / limit) };
}
