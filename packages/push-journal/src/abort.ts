const waiting = new WeakMap<AbortSignal, Set<() => void>>()

/**
 * Calls `listener` when `signal` aborts; returns how to stop that. One listener on the signal however many wait: all work for
 * an app's devices shares one signal, and Node warns from the eleventh listener on.
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  let listeners = waiting.get(signal)
  if (listeners === undefined) {
    const all = new Set<() => void>()
    listeners = all
    waiting.set(signal, all)
    signal.addEventListener('abort', () => all.forEach((each) => each()), { once: true })
  }
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

/** `work`'s end, or the signal's reason when it aborts first; `late` gets what comes after that. */
export function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined, late?: (value: T) => void): Promise<T> {
  if (signal === undefined) return work
  return new Promise<T>((resolve, reject) => {
    const giveUp = (): void => {
      reject(signal.reason as Error)
      work.then(late, () => {})
    }
    if (signal.aborted) return giveUp()
    const stop = onAbort(signal, giveUp)
    work.then(resolve, reject).finally(stop)
  })
}
