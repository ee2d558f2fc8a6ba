import type { Logger } from '@pdvend/ports'

type Drain = () => Promise<void>

/** Every app of this process that drains on a signal. */
const drains = new Map<NodeJS.Signals, Set<Drain>>()
let draining = false

/**
 * On the first of `signals`: `drain`, and when all apps of the process have done so, it ends by that same signal, as if
 * nobody had listened. A second signal ends it at once. Gives the function that stops listening.
 */
export function drainOn(signals: readonly NodeJS.Signals[], drain: Drain, log: Logger): () => void {
  const told: Drain = async () => {
    log.info({ signals }, 'draining')
    await drain().catch((error: unknown) => {
      log.error({ error: error instanceof Error ? error.message : String(error) }, 'drained, but not everything closed well')
    })
  }
  for (const signal of signals) {
    const all = drains.get(signal) ?? new Set()
    if (all.size === 0) process.on(signal, onSignal)
    drains.set(signal, all.add(told))
  }
  return () => signals.forEach((signal) => forget(signal, told))
}

function onSignal(signal: NodeJS.Signals): void {
  if (draining) return end(signal)
  draining = true
  void Promise.all([...(drains.get(signal) ?? [])].map((drain) => drain())).then(() => end(signal))
}

/** Leaves the signal to its default, or to others that listen, and sends it again. */
function end(signal: NodeJS.Signals): void {
  draining = false
  process.off(signal, onSignal)
  drains.delete(signal)
  process.kill(process.pid, signal)
}

function forget(signal: NodeJS.Signals, drain: Drain): void {
  const left = drains.get(signal)
  // While a signal drains, the listener stays until the last app is closed: a second signal must find it.
  if (left?.delete(drain) && left.size === 0 && !draining) process.off(signal, onSignal)
}
