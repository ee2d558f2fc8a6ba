import { randomUUID } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AnyAdapter } from '@pdvend/ports'
import type { Engine } from './engine.js'

/** How one adapter did on one engine. */
export interface ContractTally {
  readonly port: string
  readonly adapter: string
  /** E.g. `Apache Kafka 4.2.2`. */
  readonly engine: string
  readonly passed: number
  /** Of capabilities that are declared false: the refusal was proved. */
  readonly refused: number
  readonly failed: number
  /** Clauses that do not apply: they want of the engine's handle what it cannot do, e.g. to stand outside of time. */
  readonly leftOut: number
  readonly mutantsCaught: number
}

type Count = Exclude<keyof ContractTally, 'port' | 'adapter' | 'engine'>

/** Counts what became of the clauses; a test run that wants to know gets it as a file in the folder that `PDVEND_TEST_RESULTS` names. */
export class Tally {
  readonly #counts: Record<Count, number> = { passed: 0, refused: 0, failed: 0, leftOut: 0, mutantsCaught: 0 }

  add(count: Count): void {
    this.#counts[count] += 1
  }

  /** Nothing is written when no clause ran. */
  write({ port, name: adapter }: AnyAdapter, { name, version }: Engine): void {
    const folder = process.env.PDVEND_TEST_RESULTS
    const { passed, refused, failed } = this.#counts
    if (folder === undefined || passed + refused + failed === 0) return
    const tally: ContractTally = { port, adapter, engine: [name, version].filter(Boolean).join(' '), ...this.#counts }
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, `contract-${randomUUID()}.json`), JSON.stringify(tally))
  }
}
