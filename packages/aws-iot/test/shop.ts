import { awsIot } from '@pdvend/aws-iot'
import { connectDevice, type Device, type DeviceOptions } from '@pdvend/device'
import {
  defineMessage,
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

/** A real device, and what it handles. */
export function till(
  push: PushNotifications,
  name: string,
  { groups, ...options }: Partial<DeviceOptions> & { readonly groups?: readonly string[] } = {},
): { readonly device: Device; readonly notes: number[] } {
  const notes: number[] = []
  const device = connectDevice({
    connection: () => push.credentials.issue(name, { ttlMs: 600_000, ...(groups && { groups }) }),
    reconnect: { firstMs: 20, maxMs: 500 },
    ...options,
  })
  device.on(note, ({ n }) => void notes.push(n))
  return { device, notes }
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
