import { expect, test } from '@jest/globals'
import { z } from 'zod'
import { defineJob, type EnqueueOutcome, handle, type Handler, type JobContext, type JobQueue, type JobReceipt } from '../../src/index.js'

const receipt = defineJob('receipt.issue', {
  input: z.object({ saleId: z.string(), copies: z.coerce.number().default(1) }),
  key: (input) => input.saleId,
})
const count = defineJob('count.up', { input: z.object({ n: z.number() }) })

/** Compiled, never run: a wrong type below is an error of the type check, and an expected one that is gone is too. */
async function compiles(queue: JobQueue): Promise<void> {
  const stored: JobReceipt = await queue.enqueue(receipt, { saleId: 's' }, { delayMs: 5, timeoutMs: 1_000 })
  // @ts-expect-error the receipt has no such field
  void stored.jobId
  // @ts-expect-error saleId is missing
  await queue.enqueue(receipt, {})
  // @ts-expect-error saleId is a text
  await queue.enqueue(receipt, { saleId: 5 })
  // @ts-expect-error n is a number
  await queue.enqueue(count, { n: '1' })
  // @ts-expect-error no such option
  await queue.enqueue(count, { n: 1 }, { delay: 5 })

  const outcomes: readonly EnqueueOutcome[] = await queue.enqueueMany([
    { job: receipt, input: { saleId: 's' }, priority: 5 },
    { job: count, input: { n: 1 } },
  ])
  for (const outcome of outcomes) {
    if (outcome.error === undefined) void (outcome.id satisfies string)
    else void (outcome.error.code satisfies string)
  }
  await queue.enqueueMany([1, 2].map((n) => ({ job: count, input: { n } })))
  await queue.enqueueMany([
    { job: receipt, input: { saleId: 's' } },
    // @ts-expect-error each item's input is that of its own job
    { job: count, input: { saleId: 's' } },
  ])

  const handlers: readonly Handler[] = [
    handle(receipt, (input, job) => {
      void (input.saleId satisfies string)
      void (input.copies satisfies number)
      // @ts-expect-error not in the schema
      void input.total
      void (job satisfies JobContext)
      void (job.signal satisfies AbortSignal)
      void (job.deadline satisfies Date)
    }),
    handle(count, async ({ n }, job) => {
      await job.extend(n)
      await job.progress({ n })
      // @ts-expect-error the headers are read-only
      job.headers.a = 'b'
    }),
  ]
  // @ts-expect-error a definition is no handler
  queue.work([receipt])
  await using worker = queue.work(handlers, { concurrency: 5, prefetch: 1, drainMs: 1_000 })
  worker.concurrency = 3
  // @ts-expect-error the number of running handlers is not for the caller to set
  worker.running = 3
  await queue.dead.redrive({ name: receipt.name, reason: 'exhausted' }, { perSecond: 10 })
  // @ts-expect-error no such reason
  for await (const job of queue.dead.list({ reason: 'tired' })) void (job.errors satisfies readonly string[])
}

// @ts-expect-error a key is a text
const badKey = () => defineJob('bad.key', { input: z.object({ n: z.number() }), key: ({ n }) => n })

test('the compile-time promises of the job queue stand in this file and are checked by the type check', () => {
  expect([compiles, badKey]).toHaveLength(2)
})
