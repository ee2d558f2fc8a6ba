import { describe, expect, jest, test } from '@jest/globals'
import { BlobStorage, PortError } from '@pdvend/ports'
import { defineApp, isConfigError } from '../src/index.js'
import { useOwnDirectory } from './own-directory.js'
import { type Behaviour, type Journal, testProfile } from './test-adapters.js'

useOwnDirectory()

type Behaviours = Parameters<typeof testProfile>[1]

const never = (): Promise<void> => new Promise(() => {})
const fails = (error: unknown) => (): Promise<void> => Promise.reject(error as Error)

function prepare(behaviours: Behaviours = {}, requires: { jobs?: readonly ['delay'] } = {}) {
  const journal: Journal = []
  const app = defineApp({ profiles: { local: testProfile(journal, behaviours) }, requires, signals: [] })
  const start = (env: Readonly<Record<string, string>> = {}) => app.start(env)
  return { journal, start }
}

const failedStart = (env: Readonly<Record<string, string>>, behaviours: Behaviours, requires?: { jobs: readonly ['delay'] }) => {
  const { journal, start } = prepare(behaviours, requires)
  return start(env).then(
    () => Promise.reject(new Error('it started')),
    (error: unknown) => ({ journal, error: error as PortError }),
  )
}

describe('start and close', () => {
  test('opens telemetry, blob, jobs, push, and closes in reverse', async () => {
    const { journal, start } = prepare()
    const running = await start()
    expect(journal).toEqual(['open telemetry', 'open blob', 'open jobs', 'open push'])
    await running.close()
    expect(journal.slice(4)).toEqual(['close push', 'close jobs', 'close blob', 'close telemetry'])
  })

  test('await using closes', async () => {
    const { journal, start } = prepare()
    {
      await using running = await start()
      expect(running.profile).toBe('local')
    }
    expect(journal.at(-1)).toBe('close telemetry')
  })

  test('what the app added closes before the ports, the last first, with its share of the time', async () => {
    const { journal, start } = prepare()
    const running = await start({ PDVEND_DRAIN_MS: '6000' })
    const shares: number[] = []
    for (const name of ['http', 'worker'])
      running.onClose(name, async (budgetMs) => {
        journal.push(`close ${name}`)
        shares.push(Math.round(budgetMs / 100) * 100)
      })
    await running.close()
    expect(journal.slice(4, 7)).toEqual(['close worker', 'close http', 'close push'])
    expect(shares).toEqual([1000, 1200])
    expect(() => running.onClose('late', async () => {})).toThrow(expect.objectContaining({ code: 'CLOSED' }))
  })

  test('close is idempotent: each part closes once and every call gets the same outcome', async () => {
    const { journal, start } = prepare({ jobs: { close: fails(new Error('no')) } })
    const running = await start()
    const [first, second] = await Promise.allSettled([running.close(), running.close()])
    const [third] = await Promise.allSettled([running.close()])
    expect(journal.filter((line) => line === 'close jobs')).toHaveLength(1)
    expect([first.status, second!.status, third.status]).toEqual(['rejected', 'rejected', 'rejected'])
  })

  test('a part that fails or hangs does not keep the rest open; failures are collected', async () => {
    const { journal, start } = prepare({
      push: { close: never },
      blob: { close: fails(new PortError('UNAVAILABLE', { adapter: 'test-blob' })) },
    })
    const running = await start()
    const error = await running.close({ budgetMs: 200 }).then(
      () => undefined,
      (thrown: unknown) => thrown as AggregateError,
    )
    expect(journal.slice(4)).toEqual(['close push', 'close jobs', 'close blob', 'close telemetry'])
    expect(error).toBeInstanceOf(AggregateError)
    expect(error!.errors.map(({ code }: PortError) => code)).toEqual(['DEADLINE_EXCEEDED', 'UNAVAILABLE'])
    expect(String(error!.errors[0])).toContain('test-push did not close within its 50 ms')
  })
})

describe('bad input', () => {
  test('a port that does not exist, and a time that is none, are refused', async () => {
    const { journal, start } = prepare()
    await using running = await start()
    await expect(running.close({ budgetMs: 0 })).rejects.toThrow('budgetMs: got number 0')
    expect(journal).toHaveLength(4)
    const app = defineApp({ profiles: { local: testProfile() }, signals: [] })
    await expect(app.start({}, { only: ['mail' as 'push'] })).rejects.toThrow('the ports are telemetry, blob, jobs, push')
  })

  test('only some ports: the others are neither opened nor bound', async () => {
    const journal: Journal = []
    const app = defineApp({ profiles: { local: testProfile(journal) }, signals: [] })
    {
      await using running = await app.start({}, { only: ['jobs'] })
      expect(running.adapters).toEqual({ jobs: 'test-jobs' })
      expect(Object.keys((await running.health()).ports)).toEqual(['jobs'])
      // @ts-expect-error blob was not opened
      expect(running.adapters.blob).toBeUndefined()
      expect(() => running.container.get(BlobStorage)).toThrow('BlobStorage')
    }
    expect(journal).toEqual(['open jobs', 'close jobs'])
  })
})

describe('a start that fails', () => {
  test('closes what was open, in reverse, and names adapter and settings', async () => {
    const random = jest.spyOn(Math, 'random').mockReturnValue(0)
    const refused = new PortError('UNAVAILABLE', { detail: 'connection refused' })
    const { journal, error } = await failedStart({}, { jobs: { open: fails(refused) } })
    random.mockRestore()
    expect(journal).toEqual(['open telemetry', 'open blob', 'open jobs', 'open jobs', 'open jobs', 'close blob', 'close telemetry'])
    expect(error.code).toBe('UNAVAILABLE')
    expect(error.message).toBe(
      'test-jobs.open(): UNAVAILABLE after 3 attempts: connection refused; check PDVEND_JOBS_BROKERS, PDVEND_JOBS_TLS, PDVEND_JOBS_MODE',
    )
  })

  test('keeps the words of an adapter that named the setting itself', async () => {
    const named = new PortError('NOT_FOUND', { detail: 'no bucket "notas"; check PDVEND_BLOB_BUCKET' })
    const { error } = await failedStart({}, { blob: { open: fails(named) } })
    expect(error.message).toBe('test-blob.open(): NOT_FOUND: no bucket "notas"; check PDVEND_BLOB_BUCKET')
  })

  test('names the package that is not installed', async () => {
    for (const [code, message] of [
      ['ERR_MODULE_NOT_FOUND', "Cannot find package '@aws-sdk/client-s3' imported from /app/driver.js"],
      ['MODULE_NOT_FOUND', "Cannot find module '@aws-sdk/client-s3/dist' from 'driver.js'"],
    ] as const) {
      const { error } = await failedStart({}, { blob: { open: fails(Object.assign(new Error(message), { code })) } })
      expect(isConfigError(error)).toBe(true)
      expect(error.message).toContain('npm install @aws-sdk/client-s3')
    }
  })

  test('a file of the adapter itself that is missing is no package to install', async () => {
    for (const place of ['/app/dist/driver.js', 'C:\\\\app\\\\driver.js', 'file:///app/driver.js', './driver.js']) {
      const lost = Object.assign(new Error(`Cannot find module '${place}' imported from /app`), { code: 'ERR_MODULE_NOT_FOUND' })
      expect((await failedStart({}, { blob: { open: fails(lost) } })).error.code).toBe('INTERNAL')
    }
  })

  test('waits no longer than PDVEND_START_MS, aborts the adapter, and closes one that opens after all', async () => {
    let opened = (): void => {}
    let reason: unknown
    const slow: Behaviour = {
      open: (_, { signal }) => {
        signal.addEventListener('abort', () => (reason = signal.reason))
        return new Promise((resolve) => (opened = resolve))
      },
    }
    const { journal, error } = await failedStart({ PDVEND_START_MS: '30' }, { jobs: slow })
    expect(error.code).toBe('DEADLINE_EXCEEDED')
    expect(error.message).toContain('PDVEND_JOBS: adapter test-jobs did not open in time')
    expect(PortError.is(reason, 'DEADLINE_EXCEEDED')).toBe(true)
    opened()
    await new Promise((resolve) => setImmediate(resolve))
    expect(journal).toContain('close jobs')
  })

  test('every capability that engines turn out to lack is listed at once, and all is closed', async () => {
    const less = { delay: false, fifo: false, dedupe: true, priority: false, lookup: true }
    const { journal, error } = await failedStart({}, { jobs: { measured: less } }, { jobs: ['delay'] })
    expect(isConfigError(error) && error.problems).toEqual([
      {
        variable: 'PDVEND_PROFILE',
        got: 'adapter test-jobs of profile local, which has no jobs capability delay on this engine',
        wants: 'what the app requires: no listed adapter has it',
      },
    ])
    expect(journal.slice(-4)).toEqual(['close push', 'close jobs', 'close blob', 'close telemetry'])
  })
})
