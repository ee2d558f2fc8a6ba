import { afterAll, beforeAll } from '@jest/globals'
import { type RunningEngine, startEngine, whyMissing } from '@pdvend/engines'
import { openPostgresJournal, type PostgresJournal, type PostgresJournalSettings } from '@pdvend/push-journal'
import type { PushJournal } from '@pdvend/ports'

/** Why this machine cannot have PostgreSQL, one that the environment names or its own; and why not one that a test may break. */
export const missing = await whyMissing('postgres')
export const missingOwn = missing ?? (await whyMissing('postgres', { named: false }))

export function titled(title: string, reason = missing): string {
  return reason === undefined ? title : `${title} (skipped: ${reason})`
}

export const call = { signal: new AbortController().signal }
export const defaults = { namespace: 'test', maxQueued: 1_000, overflow: 'dropOldest' } as const

export interface TestServer {
  readonly engine: RunningEngine
  open(settings?: Partial<PostgresJournalSettings>): Promise<PostgresJournal>
}

/** A server for the tests of one file; journals that were opened through it are closed with it. `named: false` for one to break. */
export function testServer({ named = true }: { readonly named?: boolean } = {}): TestServer {
  let engine: RunningEngine | undefined
  const opened: PushJournal[] = []
  beforeAll(async () => {
    if ((named ? missing : missingOwn) === undefined) engine = await startEngine('postgres', { named })
  }, 120_000)
  afterAll(async () => {
    await Promise.allSettled(opened.map((journal) => journal.close()))
    await engine?.stop?.()
  }, 60_000)
  return {
    get engine() {
      return engine!
    },
    async open(settings = {}) {
      const journal = await openPostgresJournal(engine!.url, { ...defaults, ...settings })
      opened.push(journal)
      return journal
    },
  }
}
