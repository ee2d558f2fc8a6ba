/** Who waits for a signal: a batch of settlements shares one deadline, and the platform warns at eleven listeners. */
const waiting = new WeakMap<AbortSignal, Set<() => void>>()

/** Calls `abort` when the signal does, at once where it has; the returned function ends that. */
export function onAbort(signal: AbortSignal, abort: () => void): () => void {
  if (signal.aborted) {
    abort()
    return () => {}
  }
  let calls = waiting.get(signal)
  if (calls === undefined) {
    const all = (calls = new Set())
    waiting.set(signal, all)
    const fire = (): void => {
      for (const call of [...all]) call()
    }
    signal.addEventListener('abort', fire, { once: true })
  }
  const mine = calls
  mine.add(abort)
  return () => mine.delete(abort)
}

/** What `work` gives, or the signal's reason. */
export async function until<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop = (): void => {}
  const aborted = new Promise<never>((_, reject) => (stop = onAbort(signal, () => reject(signal.reason as Error))))
  try {
    return await Promise.race([work, aborted])
  } finally {
    stop()
  }
}
