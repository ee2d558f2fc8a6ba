import { awsIot } from '@pdvend/aws-iot'
import { connectDevice, type Device, type DeviceOptions, type DeviceStore } from '@pdvend/device'
import {
  defineMessage,
  type DeviceConnection,
  type Logger,
  type PresenceFact,
  PushNotifications,
  type PushDriver,
  readSettings,
  silentLogger,
  systemClock,
} from '@pdvend/ports'
import { z } from 'zod'

export const note = defineMessage('test.note', { body: z.object({ n: z.int() }), ttlMs: 600_000 })

export const report = defineMessage('test.report', { body: z.object({ n: z.int() }), ttlMs: 600_000 })

export type Environment = Readonly<Record<string, string | undefined>>

/** The adapter on an environment, as an app opens it. */
export async function openDriver(env: Environment, log: Logger = silentLogger): Promise<PushDriver> {
  const read = await readSettings(awsIot.config, env as Readonly<Record<string, string>>)
  if (read.problems !== undefined) throw new Error(JSON.stringify(read.problems))
  return awsIot.open(read.settings, { clock: systemClock, log, signal: AbortSignal.timeout(30_000) })
}

export async function openPush(env: Environment, log: Logger = silentLogger): Promise<PushNotifications> {
  return new PushNotifications(await openDriver(env, log), { adapter: 'aws-iot', log })
}

/** A real device, what it handles, and how often it asked for credentials. */
export function till(
  issue: (name: string, ttlMs: number) => Promise<DeviceConnection>,
  name: string,
  { ttlMs = 600_000, ...options }: Partial<DeviceOptions> & { readonly ttlMs?: number } = {},
): { readonly device: Device; readonly notes: number[]; readonly asked: () => number } {
  const notes: number[] = []
  let asked = 0
  const device = connectDevice({
    connection: () => {
      asked += 1
      return issue(name, ttlMs)
    },
    reconnect: { firstMs: 20, maxMs: 500 },
    ...options,
  })
  device.on(note, ({ n }) => void notes.push(n))
  return { device, notes, asked: () => asked }
}

/** Credentials as the app issues them. */
export function issuing(push: PushNotifications, groups?: readonly string[]) {
  return (name: string, ttlMs: number): Promise<DeviceConnection> => push.credentials.issue(name, { ttlMs, ...(groups && { groups }) })
}

/** A store that outlives its device object, as a file outlives a process. */
export function keepingStore(): DeviceStore {
  const entries = new Map<string, unknown>()
  return {
    load: () => Promise.resolve(new Map(entries)),
    write: async (changes) => {
      for (const [key, value] of changes) {
        if (value === undefined) entries.delete(key)
        else entries.set(key, structuredClone(value))
      }
    },
    close: () => Promise.resolve(),
  }
}

/** What a driver says of one device, from now on. */
export function factsOf(driver: PushDriver, device: string): PresenceFact[] {
  const facts: PresenceFact[] = []
  driver.watchPresence((fact) => void (fact.device === device && facts.push(fact)))
  return facts
}

/** Waits until it holds. */
export async function until(holds: () => boolean | Promise<boolean>, what: string, withinMs = 20_000): Promise<void> {
  const deadline = Date.now() + withinMs
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index)
}

/** What a test found out, for its reader. */
export function figures(what: string, values: Readonly<Record<string, number | string>>): void {
  process.stdout.write(
    `${what}: ${Object.entries(values)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ')}\n`,
  )
}
