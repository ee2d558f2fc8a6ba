import type { Clock, ClockTimer } from '@pdvend/ports'

/** A clock that moves only when told: timers fire in order, and I/O gets its turns in between. */
export class FakeClock implements Clock {
  #now: number
  #timers = new Set<{ readonly at: number; readonly order: number; readonly fire: () => void }>()
  #order = 0

  constructor(start: number = Date.UTC(2026, 0, 15, 12)) {
    this.#now = start
  }

  now(): number {
    return this.#now
  }

  timer(delayMs: number, fire: () => void): ClockTimer {
    const entry = { at: this.#now + Math.max(0, delayMs), order: this.#order++, fire }
    this.#timers.add(entry)
    return { cancel: () => this.#timers.delete(entry) }
  }

  /** Moves by `ms`, firing each timer at its time. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await turns()
    for (;;) {
      const next = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at || a.order - b.order)[0]
      if (next === undefined) break
      this.#timers.delete(next)
      this.#now = Math.max(this.#now, next.at)
      next.fire()
      await turns()
    }
    this.#now = end
    await turns()
  }

  /** Moves in steps of `stepMs` until `done` holds, at most `withinMs`; throws when it never does. */
  async until(done: () => boolean | Promise<boolean>, withinMs: number, stepMs = 100): Promise<void> {
    const end = this.#now + withinMs
    while (!(await done())) {
      if (this.#now >= end) throw new Error(`not reached within ${withinMs} ms of the fake clock`)
      await this.advance(stepMs)
    }
  }

  /** Jumps without firing what lies between, as a clock does that is set anew. */
  set(now: number): void {
    this.#now = now
  }
}

/** Lets promises and I/O callbacks run. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
}
