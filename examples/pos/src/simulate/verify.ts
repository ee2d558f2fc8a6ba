import { receiptIssued, saleClosed } from '../contracts/events.js'
import type { ShopClient } from './shop-client.js'
import type { Tally } from './tally.js'
import type { SimulatedTill } from './till.js'

/** Receipts fetched at once. */
const AT_ONCE = 8
const SHOWN = 5

/** Receipts that were found to be PDF already need not be fetched again. */
const seen = new WeakMap<Tally, Set<string>>()

/** Holds what the tills know against what the shop tells: one line for each kind of loss. */
export async function findLosses(shop: ShopClient, tally: Tally, tills: readonly SimulatedTill[], from: Date): Promise<readonly string[]> {
  const sales = [...tally.sold.keys()]
  const losses = [...tally.failures]
  const lost = (what: string, ids: readonly string[]): void => {
    if (ids.length > 0) losses.push(`${ids.length} ${what}: ${ids.slice(0, SHOWN).join(', ')}${ids.length > SHOWN ? ', …' : ''}`)
  }
  lost(
    'sales whose receipt was never pushed',
    sales.filter((id) => !tally.receipts.has(id)),
  )
  lost(
    'receipts that were handled twice',
    [...tally.receipts].filter(([, times]) => times > 1).map(([id]) => id),
  )
  for (const [type, prefix] of [
    [saleClosed.name, 'sale-'],
    [receiptIssued.name, 'receipt-'],
  ] as const) {
    const rows = (await shop.events(type, from))?.map(({ id }) => id)
    // Nobody can look: this profile's rows are in another system.
    if (rows === undefined) continue
    const ids = new Set(rows)
    lost(
      `sales without a row ${type}`,
      sales.filter((id) => !ids.has(prefix + id)),
    )
    if (ids.size !== rows.length) losses.push(`${rows.length - ids.size} rows ${type} stand there twice`)
  }
  for (const till of tills) {
    const stale = [...tally.prices].filter(([ean, { revision }]) => till.revisionOf(ean) < revision).map(([ean]) => ean)
    lost(`prices that ${till.name} does not know`, stale)
  }
  lost('receipts that cannot be opened', await unreadable(shop, tally, sales))
  return losses
}

async function unreadable(shop: ShopClient, tally: Tally, sales: readonly string[]): Promise<readonly string[]> {
  const good = seen.get(tally) ?? new Set()
  seen.set(tally, good)
  const open = sales.filter((id) => !good.has(id))
  const bad: string[] = []
  const next = async (): Promise<void> => {
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      try {
        const bytes = await shop.receipt(id)
        if (Buffer.from(bytes.subarray(0, 5)).toString('latin1') !== '%PDF-') throw new Error('no PDF')
        good.add(id)
      } catch (error) {
        bad.push(`${id} (${(error as Error).message})`)
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, next))
  return bad
}
