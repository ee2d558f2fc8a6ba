import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { context, propagation, SpanKind, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { z } from 'zod'
import { defineJob, type DriverJob, handle, type JobDriver, JobQueue, type Lease, type Settlement } from '../../src/index.js'

const exporter = new InMemorySpanExporter()
beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }))
})
afterAll(() => {
  trace.disable()
  context.disable()
  propagation.disable()
})

/** Just enough of a driver to hand one job over and over: what is tested here is the port's spans. */
function oneJobDriver(): { driver: JobDriver; settled: Settlement[] } {
  const waiting: { job: DriverJob; attempt: number }[] = []
  const settled: Settlement[] = []
  let arrived: (() => void) | undefined
  const driver = {
    limits: { maxPayloadBytes: 1e6, maxBatch: 10, maxLeaseMs: 60_000 },
    async enqueue(jobs: readonly DriverJob[]) {
      waiting.push(...jobs.map((job) => ({ job, attempt: 1 })))
      arrived?.()
      return jobs.map(({ id }) => ({ id, duplicate: false }))
    },
    async receive({ signal }: { signal: AbortSignal }): Promise<readonly Lease[]> {
      if (waiting.length === 0)
        await new Promise<void>((resolve) => {
          arrived = resolve
          signal.addEventListener('abort', () => resolve(), { once: true })
        })
      const next = waiting.shift()
      return next === undefined ? [] : [{ ...next, token: 't', crashes: 0, expiresAt: Date.now() + 30_000 }]
    },
    async settle(lease: Lease, settlement: Settlement) {
      settled.push(settlement)
      if (settlement.kind !== 'retry') return
      waiting.push({ job: lease.job, attempt: lease.attempt + 1 })
      arrived?.()
    },
    ping: async () => {},
    close: async () => {},
  }
  return { driver: driver as unknown as JobDriver, settled }
}

test('Q88 each run has a process span in the trace of the enqueue, linked to its send span, over retries', async () => {
  const { driver, settled } = oneJobDriver()
  const job = defineJob('sale.close', { input: z.object({ n: z.number() }) })
  const queue = new JobQueue(driver, { adapter: 'one-job', random: () => 0 })
  const tracer = trace.getTracer('test')
  await tracer.startActiveSpan('starts the worker', async (span) => {
    queue.work([
      handle(job, (_, { attempt }) => {
        tracer.startSpan('within the handler').end()
        if (attempt < 3) throw new Error('again')
      }),
    ])
    span.end()
  })
  const { id } = await tracer.startActiveSpan('sells', async (span) => queue.enqueue(job, { n: 1 }).finally(() => span.end()))
  while (settled.at(-1)?.kind !== 'done') await new Promise((resolve) => setImmediate(resolve))
  await queue.close()

  const spans = exporter.getFinishedSpans()
  const named = (name: string) => spans.filter((span) => span.name === name)
  const [send] = named('send sale.close')
  const runs = named('process sale.close')
  expect(send?.kind).toBe(SpanKind.PRODUCER)
  expect(send?.attributes).toMatchObject({
    'messaging.system': 'one-job',
    'messaging.operation.type': 'send',
    'messaging.destination.name': 'sale.close',
    'messaging.message.id': id,
  })
  expect(send?.parentSpanContext?.spanId).toBe(named('sells')[0]?.spanContext().spanId)
  expect(runs.map(({ attributes }) => [attributes['pdvend.job.attempt'], attributes['pdvend.outcome']])).toEqual([
    [1, 'retry'],
    [2, 'retry'],
    [3, 'done'],
  ])
  for (const run of runs) {
    expect(run.kind).toBe(SpanKind.CONSUMER)
    expect(run.spanContext().traceId).toBe(send?.spanContext().traceId)
    expect(run.links.map((link) => link.context.spanId)).toEqual([send?.spanContext().spanId])
    expect(run.attributes).toMatchObject({ 'messaging.operation.type': 'process', 'messaging.message.id': id })
  }
  const inner = named('within the handler')
  expect(inner.map((span) => span.parentSpanContext?.spanId)).toEqual(runs.map((run) => run.spanContext().spanId))
  expect(spans.find(({ name }) => name === 'starts the worker')?.spanContext().traceId).not.toBe(send?.spanContext().traceId)
})
