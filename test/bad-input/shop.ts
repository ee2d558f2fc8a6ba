import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { format, inspect } from 'node:util'
import { expect } from '@jest/globals'
import { defineApp, type Environment, type Running } from '@pdvend/container'
import { local } from '@pdvend/local'
import { BlobStorage, causeChain, JobQueue, type Logger, PortError, type PortErrorCode, PushNotifications, Telemetry } from '@pdvend/ports'

/** A secret that no error, log line or answer may show, in any form. */
export const CANARY = 'c4n4ry+S3gr3d0/da*loja'

/** Everything that a person may come to read: each log line and each error that a test provoked. */
export class Record {
  readonly #shown: string[] = []

  readonly log: Logger = {
    debug: (fields, message) => this.add(message, fields),
    info: (fields, message) => this.add(message, fields),
    warn: (fields, message) => this.add(message, fields),
    error: (fields, message) => this.add(message, fields),
  }

  /** In every way in which a program prints a value. */
  add(...values: readonly unknown[]): void {
    for (const value of values)
      this.#shown.push(
        typeof value === 'string' ? value : format('%s %j', value, value),
        inspect(value, { depth: 12, showHidden: true }),
        value instanceof Error ? `${value.stack} ${causeChain(value).join(' ')}` : '',
      )
  }

  /** The shown texts that hold one of the secrets: as it stands, in an address, in JSON, in base64 or in hex. */
  leaks(...secrets: readonly string[]): readonly string[] {
    const forms = secrets.flatMap((secret) => {
      const bytes = Buffer.from(secret)
      return [
        secret,
        encodeURIComponent(secret),
        bytes.toString('base64').replace(/=+$/, ''),
        bytes.toString('base64url'),
        bytes.toString('hex'),
      ]
    })
    return this.#shown.filter((text) => forms.some((form) => text.includes(form)))
  }

  get size(): number {
    return this.#shown.length
  }
}

/** One running app on the local profile, in a directory of its own. */
export class Shop {
  readonly blobs: BlobStorage
  readonly jobs: JobQueue
  readonly push: PushNotifications
  readonly telemetry: Telemetry

  private constructor(
    readonly directory: string,
    readonly env: Environment,
    readonly record: Record,
    readonly running: Running,
  ) {
    this.blobs = running.container.get(BlobStorage)
    this.jobs = running.container.get(JobQueue)
    this.push = running.container.get(PushNotifications)
    this.telemetry = running.container.get(Telemetry)
  }

  static async open(): Promise<Shop> {
    const directory = mkdtempSync(join(tmpdir(), 'pdvend-bad-input-'))
    const env = { PDVEND_LOCAL_DIR: directory, PDVEND_BLOB_SIGNING_KEY: CANARY }
    const record = new Record()
    const running = await defineApp({ profiles: { local }, log: record.log, signals: [] }).start(env)
    return new Shop(directory, env, record, running)
  }

  async close(): Promise<void> {
    await this.running.close()
    rmSync(this.directory, { recursive: true, force: true })
  }

  /** The refusal of a call: a PortError of one of `codes` whose message says each of `words`. */
  async refusal(call: () => unknown, codes: readonly PortErrorCode[], ...words: readonly (string | RegExp)[]): Promise<PortError> {
    const error: unknown = await (async () => call())().then(
      (value) => value,
      (thrown: unknown) => thrown,
    )
    this.record.add(error)
    if (!PortError.is(error)) throw new Error(`expected ${codes.join(' or ')}, got ${inspect(error).slice(0, 500)}`, { cause: error })
    expect(codes).toContain(error.code)
    for (const word of words) expect(error.message).toMatch(word)
    expect(error.message.length).toBeLessThan(8_000)
    return error
  }
}
