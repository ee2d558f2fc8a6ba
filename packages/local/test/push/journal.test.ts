import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, test } from '@jest/globals'
import { journalCases } from '@pdvend/contract'
import { openJournal } from '@pdvend/local/push-journal'
import type { PushJournal } from '@pdvend/ports'

const directory = mkdtempSync(join(tmpdir(), 'pdvend-journal-'))
const opened: PushJournal[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((journal) => journal.close()))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe('the journal in SQLite', () => {
  for (const { title, run } of journalCases) {
    test(title, () =>
      run(async (bounds) => {
        const journal = await openJournal(directory, bounds)
        opened.push(journal)
        return journal
      }),
    )
  }
})
