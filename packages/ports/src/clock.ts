/** Time as the SDK sees it, so that a test can move it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Runs `fire` once after `delayMs`; the timer never keeps the process alive. */
  timer(delayMs: number, fire: () => void): ClockTimer
}

export interface ClockTimer {
  cancel(): void
  /** From now on the timer keeps the process alive, where the clock is the machine's. */
  hold?(): void
}

/** setTimeout's bound; a longer delay is made of several. */
const MAX_TIMER_MS = 2_147_483_647

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  timer(delayMs, fire) {
    let handle: ReturnType<typeof setTimeout>
    let held = false
    const arm = (leftMs: number): void => {
      const stepMs = Math.min(Math.max(leftMs, 0), MAX_TIMER_MS)
      handle = setTimeout(() => (leftMs > stepMs ? arm(leftMs - stepMs) : fire()), stepMs)
      if (!held) handle.unref?.()
    }
    arm(delayMs)
    const hold = (): void => {
      held = true
      handle.ref?.()
    }
    return { cancel: () => clearTimeout(handle), hold }
  },
}

/** Waits `delayMs` on `clock`, for work in the background; rejects with the signal's reason when it aborts first. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return delay(clock, delayMs, signal)
}

/** Like {@link sleep} inside a call that the app awaits: a process with nothing else to do must not end in the middle of it. */
export function sleepInCall(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return delay(clock, delayMs, signal, (timer) => timer.hold?.())
}

function delay(clock: Clock, delayMs: number, signal?: AbortSignal, onTimer?: (timer: ClockTimer) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error)
    const onAbort = (): void => {
      timer.cancel()
      reject(signal?.reason as Error)
    }
    const timer = clock.timer(delayMs, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    onTimer?.(timer)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
