import { afterAll } from '@jest/globals'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Runs a test file in a directory of its own: an app that is told nothing else keeps its spool under `.pdvend` there. */
export function useOwnDirectory(): string {
  const before = process.cwd()
  const directory = mkdtempSync(join(tmpdir(), 'pdvend-container-'))
  process.chdir(directory)
  afterAll(() => {
    process.chdir(before)
    rmSync(directory, { recursive: true, force: true })
  })
  return directory
}
