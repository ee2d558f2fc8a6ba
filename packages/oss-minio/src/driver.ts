import { type AdapterDeps, type BlobDriver, PortError } from '@pdvend/ports'
import type { Settings } from './config.js'
import { fail } from './errors.js'

/** The engine's bounds; give the source of each. */
const LIMITS: BlobDriver['limits'] = {
  maxBytes: 5 * 1_024 ** 3,
  maxMetadataBytes: 2_048,
  maxPageSize: 1_000,
  maxDeleteBatch: 1_000,
  maxSignedMs: 7 * 86_400_000,
}

/**
 * *Semantics*: what the engine promises, and what this driver adds. *Limits*: {@link LIMITS}. *Names and escaping*: how names
 * of the port become names of the engine. *Cost*: requests a call.
 *
 * Each method builds the request, sends it and translates both ways. It does not retry, validate or log: the port does.
 */
export async function openOssMinio(settings: Settings, { signal }: AdapterDeps): Promise<BlobDriver> {
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
    put: () => notWritten('put'),
    get: () => notWritten('get'),
    head: () => notWritten('head'),
    list: () => notWritten('list'),
    copy: () => notWritten('copy'),
    delete: () => notWritten('delete'),
    deleteMany: () => notWritten('deleteMany'),
    sign: () => notWritten('sign'),
    close: () => Promise.resolve(),
  }
}

function notWritten(operation: string): Promise<never> {
  return Promise.reject(new PortError('UNSUPPORTED', { adapter: 'oss-minio', operation, detail: 'the driver does not have it yet' }))
}
