import { createReadStream, createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { BlobStorage } from '@pdvend/ports'
import type { Command } from 'commander'
import { Failure, type Io, say, sayJson } from '../io.js'
import { integerOption } from '../options.js'
import type { Setup } from '../program.js'
import { withPort } from '../with-port.js'

interface ListFlags {
  readonly delimiter?: string
  readonly limit: number
  readonly json?: boolean
}

interface PutFlags {
  readonly type?: string
  readonly create?: boolean
}

export function addBlobs(program: Command, setup: Setup): void {
  const blobs = program.command('blobs').description('the stored files')
  addList(blobs, setup)
  addGet(blobs, setup)
  addPut(blobs, setup)
  addRemove(blobs, setup)
}

function withBlobs<T>(setup: Setup, work: (blobs: BlobStorage) => Promise<T>): Promise<T> {
  return withPort(setup, 'blob', (container) => work(container.get(BlobStorage)))
}

function addList(blobs: Command, setup: Setup): void {
  const { io, action } = setup
  blobs
    .command('ls [prefix]')
    .description('keys in byte order, with size and time')
    .option('--delimiter <text>', 'groups what lies below it, as folders do, e.g. /')
    .option('--limit <count>', 'at most so many', integerOption(1), 1_000)
    .option('--json', 'as JSON')
    .action(
      action(async (prefix: string | undefined, { delimiter, limit, json }: ListFlags) => {
        const where = {
          ...(prefix === undefined ? {} : { prefix }),
          ...(delimiter === undefined ? {} : { delimiter }),
          pageSize: Math.min(limit, 1_000),
        }
        await withBlobs(setup, async (storage) => {
          const entries = []
          for await (const entry of storage.list(where)) if (entries.push(entry) >= limit) break
          if (json) return sayJson(io, entries)
          for (const entry of entries)
            say(
              io,
              entry.kind === 'prefix'
                ? `${' '.repeat(38)}${entry.prefix}`
                : `${entry.modifiedAt.toISOString()} ${String(entry.sizeBytes).padStart(12)} ${entry.key}`,
            )
        })
      }),
    )
}

function addGet(blobs: Command, setup: Setup): void {
  const { io, action } = setup
  blobs
    .command('get <key>')
    .description('writes a blob to standard output, or to a file')
    .option('-o, --output <file>', 'file to write; must not exist yet')
    .action(
      action(async (key: string, { output }: { output?: string }) => {
        await withBlobs(setup, async (storage) => {
          await using reader = await storage.get(key)
          if (output === undefined) return pipeline(reader, io.stdout, { end: false })
          await pipeline(reader, createWriteStream(resolve(io.cwd, output), { flags: 'wx' }))
        })
      }),
    )
}

function addPut(blobs: Command, setup: Setup): void {
  const { io, action } = setup
  blobs
    .command('put <key> [file]')
    .description('stores a file, or standard input, under a key')
    .option('--type <content type>', 'e.g. application/xml; default: by the key and the first bytes')
    .option('--create', 'fails when the key is taken')
    .action(
      action(async (key: string, file: string | undefined, { type, create }: PutFlags) => {
        const options = { ...(type === undefined ? {} : { contentType: type }), ...(create ? { if: { create: true } as const } : {}) }
        const source = file === undefined || file === '-' ? io.stdin : await fileSource(io, file)
        const { sizeBytes, etag } = await withBlobs(setup, (storage) => storage.put(key, source, options))
        say(io, `${key}: ${sizeBytes} bytes, etag ${etag}`)
      }),
    )
}

/** A file that can be read again, so that a failed try is repeated. */
async function fileSource(io: Io, file: string) {
  const path = resolve(io.cwd, file)
  const found = await stat(path).catch((cause: unknown) => {
    throw new Failure(`${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  })
  if (!found.isFile()) throw new Failure(`${file} is not a file`)
  return { sizeBytes: found.size, open: (from = 0) => createReadStream(path, { start: from }) as AsyncIterable<Uint8Array> }
}

function addRemove(blobs: Command, setup: Setup): void {
  const { io, action } = setup
  blobs
    .command('rm <keys...>')
    .description('deletes blobs; one that is not there counts as deleted')
    .action(
      action(async (keys: readonly string[]) => {
        const failures = await withBlobs(setup, async (storage) => {
          const failed = []
          for await (const { key, error } of storage.deleteMany(keys)) if (error !== undefined) failed.push(`${key}: ${error.message}`)
          return failed
        })
        if (failures.length > 0) throw new Failure(failures.join('\n'))
        say(io, `${keys.length} deleted`)
      }),
    )
}
