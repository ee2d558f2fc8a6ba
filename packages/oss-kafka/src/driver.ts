import { type AdapterDeps, type JobDriver, PortError } from '@pdvend/ports'
import type { Settings } from './config.js'
import { fail } from './errors.js'

/** The engine's bounds; give the source of each. */
const LIMITS: JobDriver['limits'] = {
  maxPayloadBytes: 1_048_576,
  maxBatch: 100,
  maxLeaseMs: 43_200_000,
}

/**
 * *Semantics*: what the engine promises, and what this driver adds. *Limits*: {@link LIMITS}. *Names and escaping*: how names
 * of the port become names of the engine. *Cost*: requests a call.
 *
 * Each method builds the request, sends it and translates both ways. It does not retry, validate or log: the port does.
 */
export async function openOssKafka(settings: Settings, { signal }: AdapterDeps): Promise<JobDriver> {
  const ping = async (): Promise<void> => {
    const limit = AbortSignal.timeout(settings.requestTimeoutMs)
    await fetch(settings.url, { signal: AbortSignal.any([signal, limit]) }).catch((cause: unknown) => {
      throw fail('ping', cause)
    })
  }
  await ping()
  return {
    limits: LIMITS,
    ping,
    enqueue: () => notWritten('enqueue'),
    receive: () => notWritten('receive'),
    settle: () => notWritten('settle'),
    extend: () => notWritten('extend'),
    stats: () => notWritten('stats'),
    listDead: () => notWritten('listDead'),
    redriveDead: () => notWritten('redriveDead'),
    discardDead: () => notWritten('discardDead'),
    close: () => Promise.resolve(),
  }
}

function notWritten(operation: string): Promise<never> {
  return Promise.reject(new PortError('UNSUPPORTED', { adapter: 'oss-kafka', operation, detail: 'the driver does not have it yet' }))
}
