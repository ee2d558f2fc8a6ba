import type { DriverCall, DriverJob } from '@pdvend/ports'
import type { BucketStore } from './types.js'

/** What the bucket holds, each under a prefix of its own. */
export type Area = 'dead' | 'dedupe' | 'payloads' | 'notes'

/** The key of what belongs to one job. Names of jobs hold no slash; an id is whatever its maker chose. */
export function jobKey(area: Area, { name, id }: Pick<DriverJob, 'id' | 'name'>): string {
  return `${area}/${name}/${encodeURIComponent(id)}`
}

/** The names below an area, in order: one list request each, whatever they hold. */
export async function namesOf(store: BucketStore, area: Area, call: DriverCall): Promise<readonly string[]> {
  const names: string[] = []
  for (let after: string | undefined; ;) {
    const { keys } = await store.list(`${area}/`, { limit: 1, ...(after === undefined ? {} : { after }) }, call)
    const name = keys[0]?.split('/')[1]
    if (name === undefined) return names
    names.push(name)
    // `0` comes after `/`: no key of this name does, and every key of a later one.
    after = `${area}/${name}0`
  }
}

/** All keys below a prefix, page by page. */
export async function* keysBelow(
  store: BucketStore,
  prefix: string,
  { after }: { readonly after?: string },
  call: DriverCall,
): AsyncGenerator<readonly string[], void, void> {
  for (let last = after; ;) {
    const { keys, more } = await store.list(prefix, last === undefined ? {} : { after: last }, call)
    if (keys.length > 0) yield keys
    if (!more) return
    last = keys.at(-1)
  }
}
