import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { runContract, suiteOf } from '@pdvend/contract'
import { whyMissing } from '@pdvend/engines'
import { manifest } from '../src/index.js'
import { bytesOf, openBlobs } from './open.js'
import { abilities, startMinio, type TestStore } from './store.js'

const FOLDERS = 'it keeps objects in folders'

/**
 * Where MinIO is no S3: every clause that fails on it, and why. A clause that fails beside these fails the test, and so does one
 * of these that no longer does. What keeps all keys on MinIO is the adapter oss-minio.
 */
const DIFFERENCES: Readonly<Record<string, string>> = {
  B15: `${FOLDERS}: it takes the slash at the beginning away`,
  B16: `${FOLDERS}: it refuses empty segments`,
  B18: 'it takes a backslash for a slash where it looks for dots',
  B35: `${FOLDERS}: it refuses a segment above 255 bytes`,
  B36: `${FOLDERS}: it refuses empty segments`,
  B37: `${FOLDERS}: it refuses empty segments`,
  B38: `${FOLDERS}: an object below another is not listed`,
  B41: `${FOLDERS}: it takes the slash at the beginning away`,
  B79: `${FOLDERS}: an object below another is not listed`,
  B80: `${FOLDERS}: an object below another is not listed`,
  B81: `${FOLDERS}: an object below another is not listed`,
  B82: `${FOLDERS}: an object below another is not listed`,
  B83: 'it answers the pages of one listing from a walk that it made for the first',
  B87: `${FOLDERS}: an object below another is not listed`,
  B93: 'it counts the name of the header to the 2 KiB of metadata',
}

/** Runs all the others under chaos, those that differ among them. */
const SUM_OF_ALL = 'B110'

const missing = await whyMissing('minio')
const suite = missing === undefined ? describe : describe.skip
suite(`MinIO as a second S3${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let store: TestStore
  beforeAll(async () => (store = await startMinio()), 120_000)
  afterAll(() => store?.stop(), 60_000)

  test('every clause of the contract, but for what is listed', async () => {
    const cases = suiteOf('blob').cases.map(({ id }) => id)
    const results = await runContract(
      suiteOf('blob'),
      manifest,
      { ...abilities, ...store },
      { only: cases.filter((id) => id !== SUM_OF_ALL), patience: 4 },
    )
    const failed = results.filter(({ status }) => status === 'failed')
    expect(failed.filter(({ id }) => DIFFERENCES[id] === undefined)).toEqual([])
    expect(failed.map(({ id }) => id)).toEqual(Object.keys(DIFFERENCES))
    expect(results.filter(({ status }) => status === 'refused').map(({ id }) => id)).toEqual(['B68'])
    expect(results.filter(({ status }) => status === 'passed').length).toBeGreaterThanOrEqual(
      cases.length - Object.keys(DIFFERENCES).length - 4,
    )
  }, 300_000)

  test('the checksum of a whole multipart upload is kept, verified and read back', async () => {
    await using blobs = await openBlobs(store, { PDVEND_BLOB_CHECKSUMS: 'whole', PDVEND_BLOB_PART_BYTES: String(5 * 1_048_576) })
    const bytes = bytesOf(11_000_000, 5)
    await blobs.put('whole', new Blob([bytes as Uint8Array<ArrayBuffer>]))
    expect(Buffer.compare(await (await blobs.get('whole')).bytes(), bytes)).toBe(0)
    expect(await store.leftovers()).toEqual([])
  }, 60_000)
})
