import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { type EngineName, startEngine, whyMissing } from '@pdvend/engines'
import { Shell } from './pdvend.js'

jest.setTimeout(120_000)

let shell: Shell
beforeEach(() => {
  shell = new Shell()
})
afterEach(() => shell.remove())

/** An adapter on a real engine: its contract from the command line makes the bucket, the topics and the queues that it needs. */
const adapters: readonly (readonly [adapter: string, engine: EngineName, clauses: string, env: Readonly<Record<string, string>>])[] = [
  ['oss-minio', 'minio', 'B1,B57,B62', { PDVEND_BLOB_BUCKET: 'pdv-contract' }],
  ['oss-kafka', 'kafka', 'Q1,Q15,Q40', {}],
  ['oss-kafka-telemetry', 'kafka', 'T1', {}],
  ['oss-emq', 'mosquitto', 'P1', {}],
]

const missing = new Map(await Promise.all(adapters.map(async ([, engine]) => [engine, await whyMissing(engine)] as const)))

describe('contract against an engine that the environment names', () => {
  for (const [adapter, engine, clauses, more] of adapters) {
    const reason = missing.get(engine)
    const title = `${adapter} on ${engine}: ${clauses}`
    if (reason !== undefined) {
      test.skip(`${title} (skipped: ${reason})`, () => {})
      continue
    }
    test(title, async () => {
      const running = await startEngine(engine)
      try {
        const { code, out, err } = await shell.pdvend(['contract', '--adapter', adapter, '--only', clauses], { ...running.env, ...more })
        const passed = `${clauses.split(',').length} passed, 0 failed\n`
        expect({ code, err, out }).toEqual({ code: 0, err: '', out: expect.stringContaining(passed) })
      } finally {
        await running.stop()
      }
    })
  }
})
