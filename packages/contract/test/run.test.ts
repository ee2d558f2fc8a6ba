import { describe, expect, test } from '@jest/globals'
import { type Mutant, runContract, runMutants } from '@pdvend/contract'
import { adapterOf, answers, type Case, engine, suiteWith } from './telemetry-of-one.js'

const failing: Case = { id: 'K2', title: 'fails', run: () => Promise.reject(new Error('it was wrong')) }
const querying: Case = { id: 'K3', title: 'needs a query', needs: ['query'], run: () => Promise.reject(new Error('it ran')) }
const breaking: Case = { id: 'K4', title: 'breaks the engine', engine: ['kill'], run: async (subject) => subject.engine.kill!() }

describe('a case', () => {
  test('that holds has passed; one that throws has failed, with its reason', async () => {
    const results = await runContract(suiteWith([answers, failing]), adapterOf(), engine)
    expect(results).toMatchObject([
      { id: 'K1', status: 'passed' },
      { id: 'K2', status: 'failed', reason: 'it was wrong' },
    ])
  })

  test('that does not end in its time has failed', async () => {
    const endless: Case = { id: 'K5', title: 'waits', timeoutMs: 20, run: () => new Promise(() => {}) }
    const [result] = await runContract(suiteWith([endless]), adapterOf(), engine)
    expect(result).toMatchObject({ status: 'failed', reason: 'K5 waits: not done within 20 ms' })
  })

  test('has more time where many run side by side', async () => {
    const slow: Case = { id: 'K6', title: 'is slow', timeoutMs: 50, run: () => new Promise((resolve) => setTimeout(resolve, 100)) }
    const results = await runContract(suiteWith([slow]), adapterOf(), engine, { parallel: 20 })
    expect(new Set(results.map(({ status }) => status))).toEqual(new Set(['passed']))
  })

  test('leaves nothing open, whether it passed or failed', async () => {
    const log: string[] = []
    const opens: Case = { ...failing, run: async (subject) => (await subject.open(), await failing.run(subject)) }
    await runContract(suiteWith([answers, opens]), adapterOf({ log }), engine)
    expect(log.filter((entry) => entry === 'open')).toHaveLength(2)
    expect(log.filter((entry) => entry === 'close')).toHaveLength(2)
  })

  test('whose ability the engine handle lacks is left out, not passed', async () => {
    const [result] = await runContract(suiteWith([breaking]), adapterOf(), engine)
    expect(result).toMatchObject({ status: 'unavailable', reason: 'the engine handle cannot: kill' })
  })
})

describe('a capability that is false', () => {
  const results = (refuses: 'at once' | 'late' | 'never') => runContract(suiteWith([querying], { refuses }), adapterOf(), engine)

  test('must be refused with UNSUPPORTED: the case itself does not run', async () => {
    expect(await results('at once')).toMatchObject([{ status: 'refused' }])
  })

  test('that is served all the same has failed', async () => {
    expect(await results('never')).toMatchObject([
      { status: 'failed', reason: 'capability query is false, so the call must be refused with UNSUPPORTED; got undefined' },
    ])
  })

  test('that is refused after the driver was asked has failed', async () => {
    expect(await results('late')).toMatchObject([
      { status: 'failed', reason: 'capability query is false, but the driver was called: ping' },
    ])
  })

  test('that is true runs the case', async () => {
    expect(await runContract(suiteWith([querying]), adapterOf({ query: true }), engine)).toMatchObject([
      { status: 'failed', reason: 'it ran' },
    ])
  })
})

describe('mutants', () => {
  const loses: Mutant<'telemetry'> = {
    name: 'loses an outcome',
    fault: 'the last outcome of a batch is missing',
    clauses: ['K7', 'K1'],
    mutate: (driver) => ({ ...driver, send: async (batch, options) => (await driver.send(batch, options)).slice(1) }),
  }
  const harmless: Mutant<'telemetry'> = { ...loses, name: 'does nothing', mutate: (driver) => driver }
  const blind: Case = { id: 'K7', title: 'sees nothing', run: async () => {} }

  test('are caught by the first clause that fails; one that lives is reported', async () => {
    const fates = await runMutants(suiteWith([blind, answers], { mutants: [loses, harmless] }), adapterOf(), engine)
    expect(fates.map(({ name, caughtBy }) => [name, caughtBy])).toEqual([
      ['loses an outcome', 'K1'],
      ['does nothing', undefined],
    ])
  })

  test('that name a clause which is not there are an error', async () => {
    const lost = { ...harmless, clauses: ['K99'] }
    await expect(runMutants(suiteWith([answers], { mutants: [lost] }), adapterOf(), engine)).rejects.toThrow('names clause K99')
  })
})

describe('side by side', () => {
  test('the suite runs so many times, each with a seed of its own', async () => {
    const seen: number[] = []
    const draws: Case = { id: 'K8', title: 'draws', run: async (subject) => void seen.push(subject.random()) }
    await runContract(suiteWith([draws]), adapterOf(), engine, { parallel: 10 })
    expect(new Set(seen).size).toBe(10)
    const again: number[] = seen.splice(0).sort()
    await runContract(suiteWith([draws]), adapterOf(), engine, { parallel: 10 })
    expect(seen.sort()).toEqual(again)
  })

  test('what breaks the engine comes last, one at a time', async () => {
    const order: string[] = []
    let running = 0
    const kill = async (): Promise<void> => {
      expect(++running).toBe(1)
      await new Promise((resolve) => setTimeout(resolve, 5))
      running--
      order.push('kill')
    }
    const calm: Case = { id: 'K9', title: 'calm', run: async () => void order.push('calm') }
    await runContract(suiteWith([breaking, calm]), adapterOf(), { ...engine, kill }, { parallel: 3 })
    expect(order).toEqual(['calm', 'calm', 'calm', 'kill', 'kill', 'kill'])
  })
})
