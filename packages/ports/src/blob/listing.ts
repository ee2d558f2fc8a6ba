import type { DriverPage } from './driver.js'
import type { BlobEntry } from './types.js'

/** The entries of a listing in UTF-8 byte order of their keys, fetched page by page as they are asked for; leaving the loop stops the requests [B85]. */
export interface BlobListing extends AsyncIterable<BlobEntry> {
  /** The same, page by page; an empty listing has no page. */
  pages(): AsyncIterable<readonly BlobEntry[]>
}

/** A listing over `fetchPage`; every iteration starts from the beginning. */
export function openListing(
  fetchPage: (cursor: string | undefined) => Promise<DriverPage>,
  rename: (entry: BlobEntry) => BlobEntry,
): BlobListing {
  async function* pages(): AsyncGenerator<readonly BlobEntry[], void> {
    let cursor: string | undefined
    do {
      const page = await fetchPage(cursor)
      if (page.entries.length > 0) yield page.entries.map(rename)
      cursor = page.cursor
    } while (cursor !== undefined)
  }
  return {
    pages,
    async *[Symbol.asyncIterator]() {
      for await (const page of pages()) yield* page
    },
  }
}
