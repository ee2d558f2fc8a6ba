import { connectDevice, type Device, type DeviceOptions, type DeviceStatus, type DeviceStore } from '@pdvend/device'
import { defineMessage, type DeviceConnection, PortError, type PresenceEvent, type PushDriver, type PushNotifications } from '@pdvend/ports'
import { z } from 'zod'
import type { ContractCase, EngineAbility } from '../case.js'
import type { OpenOptions, Subject } from '../subject.js'
import { networkLink } from './link.js'

export type PushCase = ContractCase<'push', PushNotifications>
export type PushSubject = Subject<'push', PushNotifications>

/** What most cases send: a number, to see the order by. */
export const note = defineMessage('contract.note', { body: z.object({ n: z.int(), text: z.string().optional() }), ttlMs: 600_000 })
/** Sent last on a stream: what has not come when this comes, does not come. */
export const fence = defineMessage('contract.fence', { body: z.object({ n: z.int() }), ttlMs: 600_000 })
/** From devices to the app. */
export const report = defineMessage('contract.report', { body: z.object({ n: z.int() }), ttlMs: 600_000 })

/** A case of this port; what nearly all need stands here once. */
export function pushCase(
  id: string,
  title: string,
  run: (subject: PushSubject) => Promise<void>,
  needs: PushCase['needs'] = ['credentials'],
  engine: readonly EngineAbility[] = [],
): PushCase {
  // Some brokers take half a minute to come back on a loaded machine.
  return { id, title, needs, engine, run, timeoutMs: 90_000 }
}

/** The app under test, in a namespace of its own for each case. */
export function openApp(subject: PushSubject, open: OpenOptions = {}): Promise<PushNotifications> {
  return subject.open({ ...open, env: { PDVEND_PUSH_NAMESPACE: subject.run, ...open.env } })
}

export interface TillOptions extends Partial<DeviceOptions> {
  readonly groups?: readonly string[]
  readonly ttlMs?: number
}

/** A real device of `@pdvend/device`; reconnects fast, so that cases are. Closed after the case. */
export function till(subject: PushSubject, push: PushNotifications, device: string, options: TillOptions = {}): Device {
  const { groups, ttlMs = 300_000, ...rest } = options
  const connected = connectDevice({
    connection: () => push.credentials.issue(device, { ttlMs, ...(groups === undefined ? {} : { groups }) }),
    store: keepingStore(),
    reconnect: { firstMs: 20, maxMs: 300 },
    retry: { maxAttempts: 3, firstMs: 10, maxMs: 30 },
    ...rest,
  })
  subject.defer(() => connected.close())
  return connected
}

/** The same, online and with the notes and fences that it handles. */
export async function onlineTill(subject: PushSubject, push: PushNotifications, device: string, options: TillOptions = {}) {
  const connected = till(subject, push, device, options)
  const got = collect(connected)
  await statusOf(connected, 'online')
  return { device: connected, ...got }
}

/** What a device handles, in order. */
export function collect(device: Device): { readonly notes: Seen<number>; readonly fences: Seen<number> } {
  const notes = new Seen<number>()
  const fences = new Seen<number>()
  device.on(note, ({ n }) => notes.add(n))
  device.on(fence, ({ n }) => fences.add(n))
  return { notes, fences }
}

/** A store that outlives its device object, as a file outlives a process. */
export function keepingStore(): DeviceStore {
  const entries = new Map<string, unknown>()
  return {
    load: () => Promise.resolve(new Map(entries)),
    write: (changes) => {
      for (const [key, value] of changes) {
        if (value === undefined) entries.delete(key)
        else entries.set(key, structuredClone(value))
      }
      return Promise.resolve()
    },
    close: () => Promise.resolve(),
  }
}

/** Things that happen, and a way to wait for them. */
export class Seen<T> {
  readonly all: T[] = []
  readonly #waiting = new Set<() => void>()

  add(item: T): void {
    this.all.push(item)
    for (const wake of this.#waiting) wake()
  }

  /** Resolves once `done` holds; says what was there when it never does. */
  async when(done: (all: readonly T[]) => boolean, withinMs = 20_000): Promise<readonly T[]> {
    if (done(this.all)) return this.all
    let wake!: () => void
    let timer!: ReturnType<typeof setTimeout>
    try {
      await new Promise<void>((resolve, reject) => {
        wake = () => void (done(this.all) && resolve())
        this.#waiting.add(wake)
        timer = setTimeout(
          () => reject(new Error(`not seen within ${withinMs} ms; seen: ${JSON.stringify(this.all.slice(-20))} (${this.all.length})`)),
          withinMs,
        )
      })
    } finally {
      clearTimeout(timer)
      this.#waiting.delete(wake)
    }
    return this.all
  }

  count(count: number, withinMs?: number): Promise<readonly T[]> {
    return this.when(({ length }) => length >= count, withinMs)
  }

  has(item: T, withinMs?: number): Promise<readonly T[]> {
    return this.when((all) => all.includes(item), withinMs)
  }
}

/** Resolves when the device has that status. */
export async function statusOf(device: Device, wanted: DeviceStatus, withinMs = 20_000): Promise<void> {
  const seen = new Seen<DeviceStatus>()
  const stop = device.onStatus((status) => seen.add(status))
  seen.add(device.status)
  try {
    await seen.when((all) => all.at(-1) === wanted || device.status === wanted, withinMs)
  } catch (cause) {
    throw new Error(`the device is ${device.status}, not ${wanted}: ${device.lastError?.message ?? 'no reason given'}`, { cause })
  } finally {
    stop()
  }
}

/** Everything that presence tells from now on. */
export function watchPresence(subject: PushSubject, push: PushNotifications): Seen<PresenceEvent> {
  const seen = new Seen<PresenceEvent>()
  const events = push.presence.watch()
  subject.defer(async () => void (await events.return?.()))
  void (async () => {
    for await (const event of events) seen.add(event)
  })()
  return seen
}

/** Asks again and again, for what has no event. */
export async function until<T>(ask: () => Promise<T>, fits: (answer: T) => boolean, withinMs = 20_000): Promise<T> {
  const deadline = Date.now() + withinMs
  for (;;) {
    const answer = await ask()
    if (fits(answer)) return answer
    if (Date.now() > deadline) throw new Error(`not so within ${withinMs} ms; last: ${JSON.stringify(answer)}`)
    await new Promise((resolve) => setTimeout(resolve, 15))
  }
}

/** The error that `work` ends with. */
export async function errorOf(work: Promise<unknown>): Promise<PortError> {
  try {
    await work
  } catch (error) {
    if (PortError.is(error)) return error
    throw error
  }
  throw new Error('the call should have been refused')
}

/** Numbers from `from` to `to`, both included. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index)
}

/** Publishes the notes `from` to `to` to a target, in order. */
export async function publishNotes(
  push: PushNotifications,
  to: Parameters<PushNotifications['publish']>[0],
  numbers: readonly number[],
): Promise<void> {
  const outcomes = await push.publishMany(numbers.map((n) => ({ to, message: note, body: { n } })))
  const failed = outcomes.find(({ error }) => error !== undefined)
  if (failed?.error !== undefined) throw failed.error
}

/** `target` with some members in place of its own; private fields keep working. */
export function altered<T extends object>(target: T, changes: Partial<T>): T {
  return new Proxy(target, {
    get(object, name) {
      if (Object.hasOwn(changes, name)) return Reflect.get(changes, name)
      const value: unknown = Reflect.get(object, name, object)
      return typeof value === 'function' ? (value as (...args: never[]) => unknown).bind(object) : value
    },
  })
}

/** A wrap for `openApp`. */
export function wrapping(change: (driver: PushDriver) => Partial<PushDriver>): Pick<OpenOptions, 'wrap'> {
  return { wrap: (driver: never) => altered(driver as PushDriver, change(driver as PushDriver)) }
}

/** An online till whose network is in the hands of the case. */
export async function networkLinkTill(subject: PushSubject, push: PushNotifications, device: string, options: TillOptions = {}) {
  const link = await networkLink(subject)
  const { groups, ttlMs = 300_000 } = options
  const connection = async (): Promise<DeviceConnection> =>
    link.via(await push.credentials.issue(device, { ttlMs, ...(groups === undefined ? {} : { groups }) }))
  return { link, ...(await onlineTill(subject, push, device, { connection, ...options })) }
}
