import type { S3Client } from './client/s3-client.js'
import { S3Error } from './client/s3-error.js'

/** Waits between the tries to remove an upload, in milliseconds: about a minute in all, for a store that is being restarted. */
const WAITS_MS = [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000]

/** How long a failing write waits for its upload to be gone before it says why it failed. */
const PATIENCE_MS = 2_000

/**
 * Removes multipart uploads that failed, with their parts. It goes on behind the caller's back when the store is away: it is
 * clean-up, not a try of the call. What it cannot remove is left to the sweep at the next start.
 */
export class Janitor {
  readonly #work = new Set<Promise<unknown>>()
  readonly #closing = new AbortController()

  constructor(private readonly client: S3Client) {}

  /** `removed`: the store says that the upload is gone, and by this call. `gone`: it was not there any more. `later`: not yet known. */
  async remove(name: string, uploadId: string): Promise<'removed' | 'gone' | 'later'> {
    const removing = this.#remove(name, uploadId)
    this.#work.add(removing)
    void removing.finally(() => this.#work.delete(removing))
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<'later'>((resolve) => (timer = setTimeout(() => resolve('later'), PATIENCE_MS)))
    return Promise.race([removing, late]).finally(() => clearTimeout(timer))
  }

  /** Gives what is under way a moment, then leaves it. */
  async close(): Promise<void> {
    const timer = setTimeout(() => this.#closing.abort(), PATIENCE_MS)
    await Promise.allSettled(this.#work)
    clearTimeout(timer)
    this.#closing.abort()
  }

  async #remove(name: string, uploadId: string): Promise<'removed' | 'gone' | 'later'> {
    const { signal } = this.#closing
    for (const waitMs of [...WAITS_MS, 0]) {
      try {
        await this.client.call({ method: 'DELETE', name, query: { uploadId }, signal })
        return 'removed'
      } catch (error) {
        if (error instanceof S3Error && error.status === 404) return 'gone'
        if (signal.aborted || (error instanceof S3Error && error.status < 500)) return 'later'
      }
      await pause(waitMs, signal)
    }
    return 'later'
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms)
    timer.unref()
    signal.addEventListener('abort', done)
    function done(): void {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
  })
}
