import type { ContractCase, ContractSuite, Engine, Mutant } from '@pdvend/contract'
import { defineAdapter, PortError, type TelemetryDriver } from '@pdvend/ports'

type Sent = readonly unknown[]

/** What the kit's tests put over a driver: nothing but its calls. */
export interface Face {
  send(batch: Sent): Promise<readonly unknown[]>
  query(): Promise<unknown>
  close(): Promise<void>
}

export const engine: Engine = { name: 'in memory', env: {} }

export const answers: Case = {
  id: 'K1',
  title: 'each event has an outcome',
  async run(subject) {
    const face = await subject.open()
    const outcomes = await face.send([1, 2])
    if (outcomes.length !== 2) throw new Error(`2 events, ${outcomes.length} outcomes`)
  },
}

export type Case = ContractCase<'telemetry', Face>

/** An adapter whose driver writes down what it is asked; `query` true in its capabilities means that it has one. */
export function adapterOf({ query = false, log = [] as string[] } = {}) {
  return defineAdapter({
    port: 'telemetry',
    name: 'in-memory',
    config: {},
    capabilities: { orderedByKey: false, exactlyOnce: false, query: query as boolean },
    open: async (): Promise<TelemetryDriver> => {
      log.push('open')
      return {
        limits: { maxBatchEvents: 10, maxBatchBytes: 1_000, maxEventBytes: 100 },
        ping: async () => void log.push('ping'),
        send: async (batch) => {
          log.push('send')
          return batch.map(() => ({ status: 'accepted' }))
        },
        close: async () => void log.push('close'),
      }
    },
  })
}

/** A suite of `cases`; `refuses` says how its face takes a query that the adapter does not have. */
export function suiteWith(
  cases: readonly Case[],
  { mutants = [] as readonly Mutant<'telemetry'>[], refuses = 'at once' as 'at once' | 'late' | 'never' } = {},
): ContractSuite<'telemetry', Face> {
  return {
    port: 'telemetry',
    cases,
    mutants,
    face: (driver) => ({
      send: (batch) => driver.send(batch as never, {} as never),
      async query() {
        if (refuses === 'never') return []
        if (refuses === 'late') await driver.ping({} as never)
        throw new PortError('UNSUPPORTED', { adapter: 'in-memory', operation: 'query' })
      },
      close: async () => {},
    }),
    close: (face) => face.close(),
    refusals: { query: (face) => face.query() },
  }
}
