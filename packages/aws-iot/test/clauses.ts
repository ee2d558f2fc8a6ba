import { afterAll, beforeAll, describe, test } from '@jest/globals'
import { type Engine, runCase, suiteOf } from '@pdvend/contract'
import type { AnyAdapter } from '@pdvend/ports'

export interface ClausesOptions {
  readonly manifest: AnyAdapter<'push'>
  readonly start: () => Promise<Engine>
  /** Why nothing can run on this machine. */
  readonly missing: string | undefined
  /** Why a clause cannot be kept by this engine; by the clause's id, or an ability that it needs. */
  readonly leftOut: Readonly<Record<string, string>>
}

/** The contract, on an engine that cannot keep all of it. */
export function describeClauses(title: string, { manifest, start, missing, leftOut }: ClausesOptions): void {
  const suite = suiteOf('push')
  describe(`contract of push: ${title}${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
    let engine: Engine
    beforeAll(async () => {
      if (missing === undefined) engine = await start()
    }, 120_000)
    afterAll(() => engine?.stop?.(), 120_000)
    for (const clause of suite.cases) {
      const name = `${clause.id} ${clause.title}`
      const why = missing ?? leftOut[clause.id] ?? clause.engine?.map((ability) => leftOut[ability]).find((reason) => reason !== undefined)
      if (why === undefined) test(name, async () => void (await runCase(suite, clause, manifest, engine)), 95_000)
      else test.skip(`${name} (skipped: ${missing === undefined ? 'left out on this engine: ' : ''}${why})`, () => {})
    }
  })
}
