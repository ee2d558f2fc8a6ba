/** Durations in milliseconds, and what is typical of them. */
export class Latencies {
  readonly #values: number[] = []

  add(ms: number): void {
    this.#values.push(ms)
  }

  get count(): number {
    return this.#values.length
  }

  /** `p50 12 ms  p95 40 ms  p99 71 ms  max 90 ms`. */
  toString(): string {
    if (this.#values.length === 0) return 'none'
    const sorted = [...this.#values].sort((a, b) => a - b)
    const at = (share: number): string => `${sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)]!.toFixed(0)} ms`
    return `p50 ${at(0.5)}  p95 ${at(0.95)}  p99 ${at(0.99)}  max ${at(1)}`
  }
}
