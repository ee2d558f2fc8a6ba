import { randomUUID } from 'node:crypto'
import { type DriverCall, PortError } from '@pdvend/ports'
import { ADAPTER } from '../errors.js'
import type { BucketStore } from './types.js'

/**
 * Measures, on another store than S3, what dedupe keys rest on: many stores drop a condition that they do not know, and answer with
 * success. Leaves nothing behind.
 * @throws CONFIG_INVALID
 */
export async function proveConditions(store: BucketStore, call: DriverCall): Promise<void> {
  const key = `probe/${randomUUID()}`
  const bytes = Buffer.from('x')
  try {
    const first = await store.putIfAbsent(key, bytes, call)
    const createdOnce = first !== undefined && (await store.putIfAbsent(key, bytes, call)) === undefined
    const second = await store.put(key, Buffer.from('y'), call)
    const comparesEtags = first !== second && (await store.putIfMatch(key, bytes, first ?? '"none"', call)) === undefined
    if (createdOnce && comparesEtags) return
    throw new PortError('CONFIG_INVALID', {
      adapter: ADAPTER,
      operation: 'open',
      detail: `the store at PDVEND_JOBS_BUCKET_ENDPOINT drops ${createdOnce ? 'If-Match' : 'If-None-Match'}, so that dedupe keys would let doubles through: give one that keeps conditional writes`,
    })
  } finally {
    await store.delete(key, call).catch(() => undefined)
  }
}
