import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { type AwsProxy, codesUnder, faultKinds, strengths, whyMissing } from '@pdvend/engines'
import { type BlobStorage, PortError, type PortErrorCode } from '@pdvend/ports'
import { bytesOf, openBlobs } from './open.js'
import { startMiniStack, type TestStore } from './store.js'

/** PDVEND_TEST_SCALE=10 is the full size. */
const ROUNDS = Math.max(1, Math.round(Number(process.env.PDVEND_TEST_SCALE ?? 1)))
const CALL_MS = 2_500
/** What a busy machine may add to a deadline. */
const SLACK_MS = 10_000
const RECOVERY_MS = 5_000
const PART_BYTES = 5 * 1_048_576

const missing = await whyMissing('ministack')
const suite = missing === undefined ? describe : describe.skip
suite(`every fault at three strengths${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let store: TestStore & { readonly proxy: AwsProxy }
  beforeAll(async () => (store = await startMiniStack()), 120_000)
  afterEach(() => store.proxy.inject())
  afterAll(() => store?.stop(), 60_000)

  test.each(faultKinds)(
    '%s: a typed error or success in time, nothing accepted is lost, and the store is back at once',
    async (kind) => {
      for (const strength of strengths) {
        for (let round = 0; round < ROUNDS; round++) {
          await using blobs = (
            await openBlobs(store, { PDVEND_BLOB_REQUEST_TIMEOUT_MS: '700', PDVEND_BLOB_PART_BYTES: String(PART_BYTES) })
          ).scope(`${kind}-${strength}-${round}`)
          const ledger = new Ledger(blobs)
          await ledger.prepare()
          store.proxy.inject({ kind, strength })
          await ledger.work(codesUnder(kind))
          store.proxy.inject()
          await ledger.recovers()
          await ledger.balances()
          if (kind === 'clockSkew') expect([strength, ledger.failures]).toEqual([strength, []])
        }
      }
    },
    (CALL_MS + SLACK_MS) * 3 * ROUNDS + 60_000,
  )
})

/** What was written, what was promised about it, and what failed. */
class Ledger {
  readonly failures: string[] = []
  readonly #accepted = new Map<string, Uint8Array>()
  readonly #notApplied = new Set<string>()
  readonly #deleted = new Set<string>()

  constructor(private readonly blobs: BlobStorage) {}

  async prepare(): Promise<void> {
    for (const [key, length] of [
      ['small', 2_000],
      ['large', 400_000],
    ] as const)
      await this.#put(key, bytesOf(length, length), {})
    for (let index = 0; index < 5; index++) await this.#put(`gone-${index}`, bytesOf(10, index), {})
  }

  /** Everything that the port can do, side by side. */
  async work(allowed: readonly PortErrorCode[]): Promise<void> {
    const startedAt = Date.now()
    const calls = { timeoutMs: CALL_MS, signal: AbortSignal.timeout(CALL_MS + 1_000) }
    const { blobs } = this
    const attempt = (what: string, work: () => Promise<unknown>): Promise<void> =>
      work().then(
        () => undefined,
        (error: unknown) => {
          if (!PortError.is(error, ...allowed)) throw new Error(`${what} was not expected to fail like this`, { cause: error })
          this.failures.push(`${what}: ${error.message}`)
        },
      )
    const big = bytesOf(PART_BYTES + 100_000, 9)
    const streamed = async function* (): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < big.byteLength; at += 262_144) yield big.subarray(at, at + 262_144)
    }
    await Promise.all([
      ...[1, 2, 3, 4, 5, 6].map((index) => attempt('put', () => this.#put(`put-${index}`, bytesOf(1_000 * index, index), calls))),
      ...[1, 2].map((index) => attempt('create', () => this.#put(`new-${index}`, bytesOf(500, index), { ...calls, if: { create: true } }))),
      attempt('stream', () => this.#put('streamed', big, calls, streamed())),
      ...['small', 'large'].map((key) => attempt(`get ${key}`, async () => this.#same(key, await (await blobs.get(key, calls)).bytes()))),
      attempt('head', () => blobs.head('small', calls)),
      attempt('copy', async () => {
        await blobs.copy('small', 'copied', calls)
        this.#accepted.set('copied', this.#accepted.get('small')!)
      }),
      attempt('list', async () => {
        for await (const _entry of blobs.list({ pageSize: 3, ...calls }));
      }),
      attempt('deleteMany', async () => {
        const keys = [0, 1, 2, 3, 4].map((index) => `gone-${index}`)
        for (const key of keys) this.#accepted.delete(key)
        for await (const { key, error } of blobs.deleteMany(keys, calls)) {
          if (error === undefined) this.#deleted.add(key)
          else await attempt(`delete ${key}`, () => Promise.reject(error))
        }
      }),
    ])
    expect(Date.now() - startedAt).toBeLessThan(CALL_MS + 1_000 + SLACK_MS)
  }

  async recovers(): Promise<void> {
    await this.#put('after', bytesOf(100, 3), { timeoutMs: RECOVERY_MS })
    this.#same('after', await (await this.blobs.get('after', { timeoutMs: RECOVERY_MS })).bytes())
  }

  /** What was accepted is there; what was surely not applied, or deleted, is not. */
  async balances(): Promise<void> {
    for (const key of this.#accepted.keys()) this.#same(key, await (await this.blobs.get(key)).bytes())
    for (const key of [...this.#notApplied, ...this.#deleted]) expect([key, await this.blobs.exists(key)]).toEqual([key, false])
  }

  async #put(
    key: string,
    bytes: Uint8Array,
    options: Parameters<BlobStorage['put']>[2],
    source: Parameters<BlobStorage['put']>[1] = bytes,
  ) {
    try {
      await this.blobs.put(key, source, options)
      this.#accepted.set(key, bytes)
    } catch (error) {
      if (PortError.is(error) && error.outcome === 'not-applied' && error.attempts === 1) this.#notApplied.add(key)
      throw error
    }
  }

  #same(key: string, got: Uint8Array): void {
    expect([key, Buffer.compare(got, this.#accepted.get(key)!)]).toEqual([key, 0])
  }
}
