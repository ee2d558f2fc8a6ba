// A stranger's types in a CommonJS file.
import { type BlobInfo, BlobStorage, type JobReceipt } from '@pdvend/ports'
import { defineApp, type Running } from '@pdvend/container'

export async function store(running: Running, key: string): Promise<BlobInfo> {
  return running.container.get(BlobStorage).put(key, new Uint8Array([1, 2, 3]))
}

export type Receipt = JobReceipt
export const declare: typeof defineApp = defineApp
