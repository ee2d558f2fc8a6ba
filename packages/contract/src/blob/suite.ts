import { BlobStorage, RetryBudget } from '@pdvend/ports'
import type { ContractSuite } from '../case.js'
import { atomicity } from './atomicity.js'
import { basics } from './basics.js'
import { copies } from './copies.js'
import { chaos, crossCutting } from './cross-cutting.js'
import { integrity } from './integrity.js'
import { keys } from './keys.js'
import { listing } from './listing.js'
import { metadata } from './metadata.js'
import { mutants } from './mutants.js'
import { preconditions } from './preconditions.js'
import { ranges } from './ranges.js'
import { signing } from './signing.js'
import { streams } from './streams.js'
import { uploadAttacks } from './upload-attacks.js'

const cases = [
  ...basics,
  ...keys,
  ...streams,
  ...atomicity,
  ...preconditions,
  ...ranges,
  ...listing,
  ...metadata,
  ...integrity,
  ...copies,
  ...signing,
  ...uploadAttacks,
  ...crossCutting,
]

/** So many quick retries that a fifth of all calls may fail [B110]; cases about retries set their own. */
const retry = { maxAttempts: 15, firstMs: 0.5, maxMs: 5 }

/** The contract of blob storage. */
export const blobSuite: ContractSuite<'blob', BlobStorage> = {
  port: 'blob',
  cases: [...cases, chaos(cases)],
  mutants,
  face: (driver, { adapter, capabilities, clock, random, extra }) =>
    new BlobStorage(driver, { adapter, capabilities, clock, random, retry, budget: new RetryBudget(100_000), ...extra }),
  close: (blobs) => blobs.close(),
  refusals: {
    conditionalWrites: (blobs) => blobs.put('k', 'x', { if: { create: true } }),
    conditionalDelete: (blobs) => blobs.delete('k', { ifMatch: 'x' }),
    conditionalCopy: (blobs) => blobs.copy('a', 'b', { sourceEtag: 'x' }),
    signedUrls: (blobs) => blobs.sign.get('k'),
    signedPost: (blobs) => blobs.sign.post('k', { maxBytes: 1 }),
  },
}
