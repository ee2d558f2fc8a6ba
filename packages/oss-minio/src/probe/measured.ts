import type { BlobCapabilities } from '@pdvend/ports'
import type { NameScheme } from '../names.js'
import type { UploadGuard } from '../signing.js'

/** Was a promise kept when it was put to the test, also by eight at once? */
export type Kept = 'kept' | 'ignored' | 'raced' | 'refused'

/** What a store was found to do. */
export interface Measured {
  /** The `server` header of its answers. */
  readonly server: string
  /** ISO time; empty: it was not measured, and nothing is promised. */
  readonly at: string
  readonly names: NameScheme
  readonly createOnce: Kept
  readonly compareAndSwap: Kept
  readonly multipartConditions: Kept
  readonly conditionalDelete: Kept
  readonly copySource: Kept
  /** `full`: verified and kept of the whole body, multipart ones too. `single`: of bodies in one request. */
  readonly checksums: 'full' | 'single' | 'none'
  readonly versions: 'on' | 'off' | 'suspended' | 'unknown'
  readonly signedPut: UploadGuard
  readonly signedPost: Kept
}

/** What stands for a store that the access key may not write to, and that nobody has measured before. */
export const UNMEASURED: Measured = {
  server: '',
  at: '',
  names: 'plain',
  createOnce: 'refused',
  compareAndSwap: 'refused',
  multipartConditions: 'refused',
  conditionalDelete: 'refused',
  copySource: 'refused',
  checksums: 'none',
  versions: 'unknown',
  signedPut: 'none',
  signedPost: 'refused',
}

export function capabilitiesOf(measured: Measured): BlobCapabilities {
  const { createOnce, compareAndSwap, multipartConditions, conditionalDelete, copySource, signedPut, signedPost } = measured
  return {
    conditionalWrites: [createOnce, compareAndSwap, multipartConditions].every((found) => found === 'kept'),
    conditionalDelete: conditionalDelete === 'kept',
    conditionalCopy: copySource === 'kept',
    signedUrls: signedPut !== 'none',
    signedPost: signedPost === 'kept',
  }
}

/** For the log and for `doctor`. */
export function factsOf(measured: Measured): Readonly<Record<string, string>> {
  const { at, ...found } = measured
  return { ...found, measured: at === '' ? 'not: the access key may not write; nothing is promised' : at }
}
