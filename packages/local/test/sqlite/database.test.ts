import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { openDatabase } from '../../src/sqlite/database.js'

const directory = mkdtempSync(join(tmpdir(), 'pdvend-sqlite-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

test('a get that finds nothing gives nothing, whatever the statement gave before', async () => {
  const database = await openDatabase(join(directory, 'x.db'), [
    'CREATE TABLE t (a INTEGER, b INTEGER); INSERT INTO t VALUES (1, 10), (2, 20)',
  ])
  try {
    const statement = database.prepare('SELECT b FROM t WHERE a = ?')
    expect([statement.all(1), statement.get(3), statement.get(2), statement.get(3)]).toEqual([[{ b: 10 }], undefined, { b: 20 }, undefined])
    expect([statement.get(1), statement.all(3), statement.all(2), statement.get(3)]).toEqual([{ b: 10 }, [], [{ b: 20 }], undefined])
  } finally {
    await database.close()
  }
})

const onLinux = process.platform === 'linux' ? test : test.skip

onLinux(
  `what cannot be opened is not left open${process.platform === 'linux' ? '' : ' (skipped: open files are told by Linux alone)'}`,
  async () => {
    const file = join(directory, 'no-database.db')
    writeFileSync(file, 'not a database '.repeat(400))
    await expect(openDatabase(file, [])).rejects.toMatchObject({ code: 'INTEGRITY_FAILED' })
    const open = readdirSync('/proc/self/fd').flatMap((name) => {
      try {
        return [readlinkSync(join('/proc/self/fd', name))]
      } catch {
        return [] // that of the look itself
      }
    })
    expect(open).not.toContain(file)
  },
)
