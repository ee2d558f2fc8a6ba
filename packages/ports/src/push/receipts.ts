import type { Clock } from '../clock.js'
import type { PortError } from '../errors.js'
import type { DeviceOutcome } from './types.js'

/** What a device said about a message, as it came in. */
export interface ReceivedReceipt {
  readonly state: DeviceOutcome
  readonly error?: string
}

/** How a wait for a receipt ended. */
export interface Settled {
  readonly receivedAt?: Date
  readonly settledAt?: Date
  readonly last: ReceivedReceipt
}

interface Waiter {
  readonly until: 'received' | 'handled'
  receivedAt?: Date
  resolve(settled: Settled): void
  reject(error: PortError): void
}

/** Publishers of this instance that wait for what a device does with their message. */
export class Receipts {
  readonly #waiters = new Map<string, Waiter>()

  constructor(private readonly clock: Clock) {}

  /** Begins to wait; call it before the message leaves. */
  expect(device: string, id: string, until: 'received' | 'handled'): { readonly settled: Promise<Settled>; cancel(): void } {
    const key = `${device}/${id}`
    let waiter!: Waiter
    const settled = new Promise<Settled>((resolve, reject) => {
      waiter = { until, resolve, reject }
    })
    settled.catch(() => {})
    this.#waiters.set(key, waiter)
    return {
      settled,
      cancel: () => {
        if (this.#waiters.get(key) === waiter) this.#waiters.delete(key)
      },
    }
  }

  /** [P40] A device's word; `received` alone does not end a wait for `handled`, the end of the message ends both. */
  take(device: string, id: string, receipt: ReceivedReceipt): void {
    const key = `${device}/${id}`
    const waiter = this.#waiters.get(key)
    if (waiter === undefined) return
    const now = new Date(this.clock.now())
    waiter.receivedAt ??= now
    if (receipt.state === 'received' && waiter.until === 'handled') return
    this.#waiters.delete(key)
    const { state, error } = receipt
    const last = { state, ...(error === undefined ? {} : { error }) }
    waiter.resolve({ receivedAt: waiter.receivedAt, ...(state === 'received' ? {} : { settledAt: now }), last })
  }

  close(error: PortError): void {
    for (const waiter of this.#waiters.values()) waiter.reject(error)
    this.#waiters.clear()
  }
}
