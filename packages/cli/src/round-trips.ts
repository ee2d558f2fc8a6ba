import {
  BlobStorage,
  defineJob,
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
 * What can be tried through each port without leaving anything behind and without touching the app's own data; says in
 * a few words what was done, or throws.
 */
export const roundTrips: Readonly<Record<PortName, (ports: Running['container']) => Promise<string>>> = {
  blob: async (ports) => {
    const blobs = ports.get(BlobStorage)
    const key = `pdvend-doctor/${newId()}.txt`
    const sent = `round trip ${key}`
    try {
      await blobs.put(key, sent)
      await using reader = await blobs.get(key)
      if ((await reader.text()) !== sent)
        throw new PortError('INTEGRITY_FAILED', { operation: 'get', target: key, detail: 'other bytes came back than were put' })
    } finally {
      await blobs.delete(key)
    }
    return 'put, got and deleted a blob'
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
    const { state } = await ports.get(PushNotifications).presence.get('pdvend-doctor')
    return `asked for a device's presence (${state})`
  },

  telemetry: async (ports) => {
    const telemetry = ports.get(Telemetry)
    if (!telemetry.capabilities.query) return 'none: events cannot be taken back'
    await telemetry.query({ limit: 1 })
    return 'queried the newest event'
  },
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
