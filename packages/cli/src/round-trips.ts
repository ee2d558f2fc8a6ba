import {
  type AnyAdapter,
  BlobStorage,
  defineEvent,
  defineJob,
  defineMessage,
  handle,
  JobQueue,
  newId,
  PortError,
  type PortName,
  PushNotifications,
  type StandardSchema,
  Telemetry,
} from '@pdvend/ports'
import type { Running } from '@pdvend/container'

/** The queue of the round trip through the jobs. */
export const CHECK_UP = 'pdvend.doctor'

/**
 * What can be tried through each port without touching the app's own data; says in a few words what was done, or throws, an
 * AggregateError where several things failed. An event, which cannot be taken back, is sent only where an adapter speaks of rights:
 * nothing else shows whether they are there.
 */
export const roundTrips: Readonly<Record<PortName, (ports: Running['container'], adapter: AnyAdapter) => Promise<string>>> = {
  blob: async (ports) => {
    const blobs = ports.get(BlobStorage)
    const key = `pdvend-doctor/${newId()}.txt`
    const sent = `round trip ${key}`
    await each(
      () => blobs.put(key, sent),
      async () => {
        await using reader = await blobs.get(key)
        if ((await reader.text()) !== sent)
          throw new PortError('INTEGRITY_FAILED', { operation: 'get', target: key, detail: 'other bytes came back than were put' })
      },
      async () => {
        for await (const _found of blobs.list({ prefix: key }));
      },
      () => blobs.delete(key),
    )
    return 'put, got, listed and deleted a blob'
  },

  jobs: async (ports) => {
    const queue = ports.get(JobQueue)
    const checkUp = defineJob(CHECK_UP, { input: text, retry: { maxAttempts: 1, firstMs: 1, maxMs: 1 } })
    const token = newId()
    let worked = (): void => {}
    const done = new Promise<void>((resolve) => (worked = resolve))
    try {
      await queue.enqueue(checkUp, token)
    } catch (error) {
      // A queue of its own, which is made beforehand as the app's are.
      if (PortError.is(error, 'NOT_FOUND')) return `none: there is no queue ${CHECK_UP}; pdvend provision --apply makes it`
      throw error
    }
    const worker = queue.work([handle(checkUp, async (input) => (input === token ? worked() : undefined))], { concurrency: 1 })
    try {
      await within(10_000, 'the job was not handed out within 10 s', done)
    } finally {
      await worker.close({ drainMs: 1_000 })
    }
    return 'enqueued and worked a job'
  },

  push: async (ports) => {
    const push = ports.get(PushNotifications)
    const { state } = await push.presence.get(DOCTOR)
    await push.publish({ device: DOCTOR }, defineMessage(CHECK_UP, { body: text }), newId(), { ttlMs: 1_000 })
    return `asked for a device's presence (${state}), pushed to it`
  },

  telemetry: async (ports, { permissions }) => {
    const telemetry = ports.get(Telemetry)
    if (telemetry.capabilities.query) {
      await telemetry.query({ limit: 1 })
      return 'queried the newest event'
    }
    if (permissions === undefined) return 'none: events cannot be taken back'
    telemetry.emit(defineEvent(CHECK_UP, { data: text }), newId())
    const { complete } = await telemetry.flush({ timeoutMs: 5_000 })
    if (!complete) throw new PortError('DEADLINE_EXCEEDED', { detail: `an event ${CHECK_UP} was not accepted within 5 s` })
    return `sent an event ${CHECK_UP}`
  },
}

/** A device that is never there. */
const DOCTOR = 'pdvend-doctor'

/** Tries each step, whatever became of those before; that a step did not find what an earlier one could not make says nothing. */
async function each(...steps: readonly (() => Promise<unknown>)[]): Promise<void> {
  const failures: unknown[] = []
  for (const step of steps) await step().catch((error: unknown) => failures.push(error))
  const telling = failures.length > 1 ? failures.filter((error) => !PortError.is(error, 'NOT_FOUND')) : failures
  if (telling.length > 1) throw new AggregateError(telling)
  if (telling.length === 1) throw telling[0]
}

const text: StandardSchema<string, string> = {
  '~standard': {
    version: 1,
    vendor: 'pdvend',
    validate: (value) => (typeof value === 'string' ? { value } : { issues: [{ message: 'expected a text' }] }),
  },
}

async function within(ms: number, late: string, work: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new PortError('DEADLINE_EXCEEDED', { detail: late })), ms)
  })
  await Promise.race([work, deadline]).finally(() => clearTimeout(timer))
}
