import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { crc32 } from 'node:zlib'
import LibSql from 'libsql'
import { defineApp } from '@pdvend/container'
import { local } from '@pdvend/local'
import { createBlobHandler } from '@pdvend/local/blob-handler'
import { BlobStorage, defineEvent, type PortError, Telemetry } from '@pdvend/ports'
import { z } from 'zod'
import { CANARY, Record, Shop } from './shop.js'

const NOBODY = 65_534
const isRoot = process.getuid?.() === 0

const root = mkdtempSync(join(tmpdir(), 'pdvend-directory-'))
const record = new Record()
let directory: string
let count = 0
beforeEach(() => {
  directory = join(root, `case-${count++}`)
})
afterEach(() => expect(record.leaks(CANARY)).toEqual([]))
afterAll(() => {
  if (disk !== undefined) execFileSync('umount', ['-l', disk])
  rmSync(root, { recursive: true, force: true })
})

const envOf = (path: string) => ({ PDVEND_LOCAL_DIR: path, PDVEND_BLOB_SIGNING_KEY: CANARY })
const app = defineApp({ profiles: { local }, log: record.log, signals: [] })
const event = defineEvent('directory.event', { data: z.string() })

/** Starts on `directory`, writes a little, closes. */
async function fill(): Promise<void> {
  const running = await app.start(envOf(directory))
  await running.container.get(BlobStorage).put('before', 'kept')
  await running.container.get(Telemetry).emitAndWait(event, 'before', 'accepted')
  await running.close()
}

async function isFilled(): Promise<void> {
  const running = await app.start(envOf(directory))
  expect(await (await running.container.get(BlobStorage).get('before')).text()).toBe('kept')
  expect((await running.container.get(Telemetry).query({ type: event.name })).map(({ data }) => data)).toEqual(['before'])
  await running.close()
}

async function refusedStart(): Promise<PortError> {
  const error = (await app.start(envOf(directory)).then(
    (running) => running.close().then(() => undefined),
    (thrown: unknown) => thrown,
  )) as PortError
  record.add(error)
  expect(error?.name).toBe('PortError')
  expect(error.message).toContain('PDVEND_LOCAL_DIR')
  return error
}

test('a directory in folders that are not there yet is made', async () => {
  directory = join(directory, 'loja', 'São João', 'caixa 1')
  await fill()
  await isFilled()
})

test.each([['the directory'], ['a folder above it']])('a file where %s should be is told', async (which) => {
  mkdirSync(root, { recursive: true })
  writeFileSync(directory, 'a file')
  const file = directory
  if (which !== 'the directory') directory = join(directory, 'below')
  expect((await refusedStart()).code).toBe('CONFIG_INVALID')
  expect(readFileSync(file, 'utf8')).toBe('a file')
})

test.each(['blob', 'push', 'blob.db', 'jobs.db', 'telemetry.db', 'push/journal.db', 'push/registry.db'])(
  'the wrong kind of thing at %s is told, and the rest still opens once it is gone',
  async (name) => {
    await fill()
    const path = join(directory, name)
    rmSync(path, { recursive: true, force: true })
    for (const end of ['-wal', '-shm']) rmSync(`${path}${end}`, { force: true })
    if (name.endsWith('.db')) mkdirSync(path)
    else writeFileSync(path, 'a file')
    expect(['CONFIG_INVALID', 'INTEGRITY_FAILED']).toContain((await refusedStart()).code)
    rmSync(path, { recursive: true })
    await (await app.start(envOf(directory))).close()
  },
)

const databases = ['blob.db', 'jobs.db', 'telemetry.db', 'push/journal.db', 'push/registry.db']

test.each(databases)('%s of a newer release is refused and left as it is', async (name) => {
  await fill()
  const file = join(directory, name)
  const version = setVersion(file, (known) => known + 1)
  const before = readFileSync(file)
  const error = await refusedStart()
  expect(error.code).toBe('CONFIG_INVALID')
  expect(error.message).toMatch(/newer release.+upgrade the app or name another PDVEND_LOCAL_DIR/)
  expect(Buffer.compare(readFileSync(file), before)).toBe(0)
  setVersion(file, () => version)
  await isFilled()
})

test.each(databases)('%s that is no database is refused and left as it is', async (name) => {
  await fill()
  const file = join(directory, name)
  // A file of its own, not the old one overwritten: libsql lets go of that only when its statements are collected.
  for (const end of ['', '-wal', '-shm']) rmSync(`${file}${end}`, { force: true })
  writeFileSync(file, 'not a database, but somebody may need it\n'.repeat(200))
  expect((await refusedStart()).code).toBe('INTEGRITY_FAILED')
  expect(readFileSync(file, 'utf8')).toMatch(/^not a database/)
})

/** Gives the version that was there. */
function setVersion(file: string, next: (known: number) => number): number {
  const database = new LibSql(file)
  const [{ user_version: known }] = database.pragma('user_version') as [{ user_version: number }]
  database.pragma(`user_version=${next(known)}`)
  database.pragma('wal_checkpoint(TRUNCATE)')
  database.close()
  return known
}

test('spool files of a newer release, and damaged ones, are left or counted; the app runs', async () => {
  await fill()
  const folder = join(directory, 'spool', 'free-0000000000')
  mkdirSync(folder, { recursive: true })
  const header = Buffer.alloc(16)
  header.write('PDVSPOOL', 'latin1')
  header.writeUInt32LE(99, 8)
  header.writeUInt32LE(crc32(header.subarray(0, 12)), 12)
  const newer = Buffer.concat([header, Buffer.from('in a form that only the newer release knows')])
  writeFileSync(join(folder, '0000000001.seg'), newer)
  writeFileSync(join(folder, '0000000002.seg'), 'noise '.repeat(5_000))
  writeFileSync(join(folder, '0000000003.seg'), '')
  await isFilled()
  const left = readdirSync(join(directory, 'spool'), { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.name === '0000000001.seg',
  )
  expect(left.map((entry) => Buffer.compare(readFileSync(join(entry.parentPath, entry.name)), newer))).toEqual([0])
})

test('a signing key that is too short, damaged or unreadable is told without a byte of it', async () => {
  const short = 'c4n4ry-curta'
  const error = (await app.start({ ...envOf(directory), PDVEND_BLOB_SIGNING_KEY: short }).catch((thrown: unknown) => thrown)) as PortError
  record.add(error)
  expect(error.code).toBe('CONFIG_INVALID')
  expect(error.message).toMatch(/PDVEND_BLOB_SIGNING_KEY has \d+ .+at least 16/)
  expect(record.leaks(short)).toEqual([])
  const kept = `${CANARY} damaged`
  mkdirSync(join(directory, 'blob'), { recursive: true })
  writeFileSync(join(directory, 'blob', 'signing.key'), kept)
  const damaged = (await app.start({ PDVEND_LOCAL_DIR: directory }).catch((thrown: unknown) => thrown)) as PortError
  record.add(damaged)
  expect([damaged.code, damaged.message]).toEqual(['CONFIG_INVALID', expect.stringMatching(/signing\.key.+remove it/)])
  rmSync(join(directory, 'blob', 'signing.key'))
  mkdirSync(join(directory, 'blob', 'signing.key'))
  const folder = (await app.start({ PDVEND_LOCAL_DIR: directory }).catch((thrown: unknown) => thrown)) as PortError
  record.add(folder)
  expect([folder.name, folder.message]).toEqual(['PortError', expect.stringContaining('signing.key')])
})

test('the handler of signed URLs tells of a directory that it cannot use', async () => {
  const shop = await Shop.open()
  writeFileSync(directory, 'a file')
  const env = { ...shop.env, PDVEND_LOCAL_DIR: join(directory, 'below') }
  await shop.refusal(() => createBlobHandler(shop.blobs, { env }), ['CONFIG_INVALID', 'PERMISSION_DENIED'], /PDVEND_LOCAL_DIR/)
  await shop.refusal(() => createBlobHandler(shop.blobs, { env: { ...env, PDVEND_LOCAL_DIR: '' } }), ['CONFIG_INVALID'], /PDVEND_LOCAL_DIR/)
  expect(shop.record.leaks(CANARY)).toEqual([])
  await shop.close()
})

interface Told {
  readonly step: string
  readonly code: string
  readonly message: string
  readonly leaked: boolean
}

/** Runs the program of `victim.mjs` on a directory as a user; gives what it told, once it has ended by itself. */
async function victim(mode: string, path: string, uid?: number): Promise<readonly Told[]> {
  const program = fileURLToPath(new URL('./victim.mjs', import.meta.url))
  const child = fork(program, [mode, path, ...(uid === undefined ? [] : [String(uid)])], {
    execArgv: [],
    env: { ...process.env, ...envOf(path) },
  })
  const told: Told[] = []
  child.on('message', (line) => void told.push(line as Told))
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  expect({ code, signal, told }).toEqual({ code: 0, signal: null, told })
  return told
}

describe('a directory that is read-only', () => {
  // Root writes wherever it likes, so the program runs as the user nobody; any other user is bound by the mode alone.
  const uid = isRoot ? NOBODY : undefined

  test('and filled: each port tells, nothing is changed', async () => {
    await fill()
    chmodSync(root, 0o755)
    const modes = (mode: (isFolder: boolean) => number): void => {
      for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true }))
        chmodSync(join(entry.parentPath, entry.name), mode(entry.isDirectory()))
      chmodSync(directory, mode(true))
    }
    modes((isFolder) => (isFolder ? 0o555 : 0o444))
    const told = await victim('start', directory, uid)
    modes((isFolder) => (isFolder ? 0o755 : 0o644))
    expect(told).toEqual([
      {
        step: 'start',
        code: expect.stringMatching(/^(?:PERMISSION_DENIED|CONFIG_INVALID)$/),
        message: expect.stringContaining('PDVEND_LOCAL_DIR'),
        leaked: false,
      },
    ])
    await isFilled()
  })

  test('and empty, or under one: told', async () => {
    mkdirSync(directory, { mode: 0o555 })
    chmodSync(root, 0o755)
    for (const path of [directory, join(directory, 'new', 'folder')])
      expect(await victim('start', path, uid)).toEqual([
        {
          step: 'start',
          code: expect.stringMatching(/^(?:PERMISSION_DENIED|CONFIG_INVALID)$/),
          message: expect.stringContaining('PDVEND_LOCAL_DIR'),
          leaked: false,
        },
      ])
    expect(existsSync(join(directory, 'new'))).toBe(false)
  })
})

/** A file system of 32 MiB of its own; undefined where this user may not mount one. */
function smallDisk(): string | undefined {
  const path = join(root, 'small-disk')
  mkdirSync(path)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=32m', 'tmpfs', path], { stdio: 'ignore' })
    return path
  } catch {
    return undefined
  }
}

const disk = isRoot && process.platform === 'linux' ? smallDisk() : undefined
const full = disk === undefined ? test.skip : test

full(
  `a disk that is full is told by each port, and what was there is there${disk === undefined ? ' (skipped: only root may mount a small disk)' : ''}`,
  async () => {
    const told = await victim('fill', join(disk!, 'data'))
    const codes = Object.fromEntries(told.map(({ step, code }) => [step, code]))
    expect(told.filter(({ leaked }) => leaked)).toEqual([])
    expect(codes).toEqual({
      'small blob': 'UNAVAILABLE',
      'large blob': 'UNAVAILABLE',
      job: 'UNAVAILABLE',
      push: 'UNAVAILABLE',
      telemetry: 'UNAVAILABLE',
      'before is kept': 'true',
      'after room was made, all ports take': 'true',
      'the ledger balances': 'true',
    })
    for (const { code, message } of told) if (code === 'UNAVAILABLE') expect(message).toMatch(/full|space|PDVEND|spool/)
  },
  60_000,
)
