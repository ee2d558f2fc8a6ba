import { type AdapterDeps, type PushDriver, PortError } from '@pdvend/ports'
import type { Settings } from './config.js'
import { fail } from './errors.js'

/** The engine's bounds; give the source of each. */
const LIMITS: PushDriver['limits'] = {
  maxPayloadBytes: 131_072,
}

/**
 * *Semantics*: what the engine promises, and what this driver adds. *Limits*: {@link LIMITS}. *Names and escaping*: how names
 * of the port become names of the engine. *Cost*: requests a call.
 *
 * Each method builds the request, sends it and translates both ways. It does not retry, validate or log: the port does.
 */
export async function openOssEmq(settings: Settings, { signal }: AdapterDeps): Promise<PushDriver> {
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
    send: () => notWritten('send'),
    receive: () => notWritten('receive'),
    presence: () => notWritten('presence'),
    issue: () => notWritten('issue'),
    revoke: () => notWritten('revoke'),
    watchPresence: () => () => {},
    close: () => Promise.resolve(),
  }
}

function notWritten(operation: string): Promise<never> {
  return Promise.reject(new PortError('UNSUPPORTED', { adapter: 'oss-emq', operation, detail: 'the driver does not have it yet' }))
}
