import { describe, expect, test } from '@jest/globals'
import { type AdapterDeps, defineJob, PortError, type ProvisionResources, type ProvisionStep } from '@pdvend/ports'
import { z } from 'zod'
import { defineApp } from '../src/index.js'
import { useOwnDirectory } from './own-directory.js'
import { type Journal, testProfile } from './test-adapters.js'

useOwnDirectory()

const issueReceipt = defineJob('receipt.issue', { input: z.object({ saleId: z.string() }), key: ({ saleId }) => saleId })
const importCatalogue = defineJob('catalogue.import', { input: z.string() })

/** A profile whose queues are made beforehand; `has` are those that are there. */
function profileWithQueues(has: Set<string>, journal: Journal = [], more: readonly ProvisionStep[] = []) {
  const profile = testProfile(journal)
  const provision = async (_settings: unknown, { jobs }: ProvisionResources, { signal }: AdapterDeps) => {
    signal.throwIfAborted()
    const steps: readonly ProvisionStep[] = [
      ...jobs.map(({ name, keyed }) => ({
        kind: 'queue',
        name,
        change: has.has(name) ? ('keep' as const) : ('create' as const),
        detail: keyed ? 'in order' : 'in any order',
      })),
      ...more,
    ]
    return {
      steps,
      apply: async () => {
        journal.push('apply')
        for (const { name } of steps) has.add(name)
      },
      close: async () => void journal.push('close plan'),
    }
  }
  return { ...profile, jobs: { ...profile.jobs, provision } }
}

const jobs = [issueReceipt, importCatalogue]

describe('provision', () => {
  test('plans what the jobs need, port by port, and makes it when it is told to', async () => {
    const has = new Set(['catalogue.import'])
    const journal: Journal = []
    const app = defineApp({ profiles: { local: profileWithQueues(has, journal) }, jobs })
    await using plan = await app.provision({})
    expect(plan.profile).toBe('local')
    expect(plan.ports).toEqual([
      { port: 'telemetry', adapter: 'test-telemetry', steps: [] },
      { port: 'blob', adapter: 'test-blob', steps: [] },
      {
        port: 'jobs',
        adapter: 'test-jobs',
        steps: [
          { kind: 'queue', name: 'receipt.issue', change: 'create', detail: 'in order' },
          { kind: 'queue', name: 'catalogue.import', change: 'keep', detail: 'in any order' },
        ],
      },
      { port: 'push', adapter: 'test-push', steps: [] },
    ])
    expect([...has]).toEqual(['catalogue.import'])
    await plan.apply()
    expect([...has]).toContain('receipt.issue')
    expect(journal).toEqual(['apply'])
  })

  test('looks at the ports that it is told to, and closes its plans', async () => {
    const journal: Journal = []
    const app = defineApp({ profiles: { local: profileWithQueues(new Set(), journal) }, jobs })
    const plan = await app.provision({}, { only: ['blob', 'jobs'], jobs: [{ name: 'check.up' }, { name: 'receipt.issue' }] })
    expect(plan.ports.map(({ port }) => port)).toEqual(['blob', 'jobs'])
    expect(plan.ports[1]!.steps.map(({ name, detail }) => `${name} ${detail}`)).toEqual([
      'check.up in any order',
      'receipt.issue in order',
      'catalogue.import in any order',
    ])
    await plan.close()
    expect(journal).toEqual(['close plan'])
  })

  test('changes nothing while a step cannot be done', async () => {
    const journal: Journal = []
    const wrong: ProvisionStep = { kind: 'topic', name: 'old', change: 'refuse', detail: 'one partition: make a new topic' }
    const app = defineApp({ profiles: { local: profileWithQueues(new Set(), journal, [wrong]) }, jobs })
    await using plan = await app.provision({})
    await expect(plan.apply()).rejects.toMatchObject({ code: 'PRECONDITION_FAILED', detail: 'topic old: one partition: make a new topic' })
    expect(journal).toEqual([])
  })

  test('what an adapter throws names the settings; what is wrong in the environment comes first', async () => {
    const local = testProfile()
    const provision = () => Promise.reject(new PortError('UNAVAILABLE', { detail: 'connection refused' }))
    const app = defineApp({ profiles: { local: { ...local, jobs: { ...local.jobs, provision } } }, jobs })
    await expect(app.provision({})).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      adapter: 'test-jobs',
      operation: 'provision',
      detail: expect.stringContaining('PDVEND_JOBS_BROKERS'),
    })
    await expect(app.provision({ PDVEND_JOBS_TLS: 'perhaps' })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    await expect(app.provision({}, { only: ['mail' as never] })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  test('two jobs of one name are refused', () => {
    expect(() => defineApp({ profiles: { local: testProfile() }, jobs: [importCatalogue, importCatalogue] })).toThrow('catalogue.import')
  })
})

describe('start', () => {
  test('refuses an engine without the queues of the jobs, naming each and the mend, and leaves nothing open', async () => {
    const journal: Journal = []
    const app = defineApp({ profiles: { local: profileWithQueues(new Set(['receipt.issue']), journal) }, jobs, signals: [] })
    await expect(app.start({})).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      problems: [
        {
          variable: 'PDVEND_PROFILE',
          got: 'adapter test-jobs, whose engine has no queue catalogue.import',
          wants: expect.stringContaining('pdvend provision'),
        },
      ],
    })
    expect(journal.filter((line) => line.startsWith('open'))).toHaveLength(4)
    expect(journal.filter((line) => /^close (?!plan)/.test(line))).toHaveLength(4)
  })

  test('asks for the queues again where the engine is not ready', async () => {
    const local = profileWithQueues(new Set(jobs.map(({ name }) => name)))
    let asked = 0
    const provision: typeof local.jobs.provision = async (...given) => {
      if (asked++ === 0) throw new PortError('UNAVAILABLE', { detail: 'HTTP 503' })
      return local.jobs.provision(...given)
    }
    const app = defineApp({ profiles: { local: { ...local, jobs: { ...local.jobs, provision } } }, jobs, signals: [] })
    await (await app.start({})).close()
    expect(asked).toBe(2)
  })

  test('asks for no queue where the app names no jobs, and looks at none without the port', async () => {
    const bare = defineApp({ profiles: { local: profileWithQueues(new Set()) }, signals: [] })
    await (await bare.start({})).close()
    const app = defineApp({ profiles: { local: profileWithQueues(new Set()) }, jobs, signals: [] })
    await (await app.start({}, { only: ['blob'] })).close()
  })

  test('tells what each adapter measured', async () => {
    const local = testProfile()
    const open: typeof local.blob.open = async (settings, deps) =>
      Object.assign(await local.blob.open(settings, deps), { facts: { conditions: 'held under a race' } })
    const app = defineApp({ profiles: { local: { ...local, blob: { ...local.blob, open } } }, signals: [] })
    await using running = await app.start({})
    expect(running.facts).toEqual({ telemetry: {}, blob: { conditions: 'held under a race' }, jobs: {}, push: {} })
  })
})
