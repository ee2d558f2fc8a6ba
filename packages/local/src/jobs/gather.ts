import type { Database } from '../sqlite/database.js'

type Outcome<T> = { readonly value: T } | { readonly refused: unknown }

interface Waiting<Item, T> {
  readonly item: Item
  readonly resolve: (value: T) => void
  readonly reject: (error: unknown) => void
}

/**
 * One write for all the items that come before it runs, instead of one savepoint for each. `work` refuses an item by
 * throwing what `refuses` knows, before it has changed anything; any other error rolls all of them back.
 */
export function gather<Item, T>(db: Database, work: (item: Item) => T, refuses: (error: unknown) => boolean): (item: Item) => Promise<T> {
  let waiting: Waiting<Item, T>[] = []

  const attempt = (item: Item): Outcome<T> => {
    try {
      return { value: work(item) }
    } catch (error) {
      if (!refuses(error)) throw error
      return { refused: error }
    }
  }
  const flush = async (): Promise<void> => {
    let batch: readonly Waiting<Item, T>[] | undefined
    try {
      const outcomes = await db.write(() => {
        // The transaction may be tried again while another process holds the lock: with the same items.
        batch ??= take()
        return batch.map(({ item }) => attempt(item))
      })
      for (const [at, outcome] of outcomes.entries()) {
        if ('refused' in outcome) batch![at]!.reject(outcome.refused)
        else batch![at]!.resolve(outcome.value)
      }
    } catch (error) {
      for (const { reject } of batch ?? take()) reject(error)
    }
  }
  const take = (): readonly Waiting<Item, T>[] => {
    const taken = waiting
    waiting = []
    return taken
  }
  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject })
      if (waiting.length === 1) void flush()
    })
}
