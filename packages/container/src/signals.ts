import type { Logger } from '@pdvend/ports'

/**
 * On the first of `signals`: `drain`, then the process ends by that same signal, as if nobody had listened. A second
 * one ends it at once. Gives the function that stops listening.
 */
export function drainOn(signals: readonly NodeJS.Signals[], drain: () => Promise<void>, log: Logger): () => void {
  let draining = false
  const stop = (): void => signals.forEach((signal) => process.off(signal, onSignal))
  const die = (signal: NodeJS.Signals): void => {
    stop()
    process.kill(process.pid, signal)
  }
  const onSignal = (signal: NodeJS.Signals): void => {
    if (draining) return die(signal)
    draining = true
    log.info({ signal }, 'draining')
    drain().then(
      () => die(signal),
      (error: unknown) => {
        log.error({ signal, error: error instanceof Error ? error.message : String(error) }, 'drained, but not everything closed well')
        die(signal)
      },
    )
  }
  signals.forEach((signal) => process.on(signal, onSignal))
  return stop
}
