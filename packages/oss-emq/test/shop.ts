import { connectDevice, type Device, type DeviceOptions, type DeviceStore } from '@pdvend/device'
import { ossEmq } from '@pdvend/oss-emq'
import {
  defineMessage,
  type DeviceConnection,
  type Logger,
  PushNotifications,
  type PushDriver,
  readSettings,
  silentLogger,
  systemClock,
} from '@pdvend/ports'
import { z } from 'zod'

export const note = defineMessage('test.note', { body: z.object({ n: z.int() }), ttlMs: 600_000 })
export const report = defineMessage('test.report', { body: z.object({ n: z.int() }), ttlMs: 600_000 })

/** The adapter on an environment, as an app opens it. */
export async function openDriver(
  env: Readonly<Record<string, string>>,
  log: Logger = silentLogger,
  withinMs = 30_000,
): Promise<PushDriver> {
  const read = await readSettings(ossEmq.config, env)
  if (read.problems !== undefined) throw new Error(JSON.stringify(read.problems))
  return ossEmq.open(read.settings, { clock: systemClock, log, signal: AbortSignal.timeout(withinMs) })
}

export async function openPush(env: Readonly<Record<string, string>>, log: Logger = silentLogger): Promise<PushNotifications> {
  return new PushNotifications(await openDriver(env, log), { adapter: 'oss-emq', log })
}

/** A device that takes note of what it handles; `via` changes each connection on its way. */
export function till(
  push: () => PushNotifications,
  name: string,
  options: Partial<DeviceOptions> & { readonly via?: (connection: DeviceConnection) => DeviceConnection } = {},
): { readonly device: Device; readonly notes: number[]; readonly asked: () => number } {
  const { via = (connection) => connection, ...rest } = options
  const notes: number[] = []
  let asked = 0
  const device = connectDevice({
    connection: async () => {
      asked += 1
      return via(await push().credentials.issue(name, { ttlMs: 600_000 }))
    },
    reconnect: { firstMs: 20, maxMs: 500 },
    ...rest,
  })
  device.on(note, ({ n }) => void notes.push(n))
  return { device, notes, asked: () => asked }
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

/** Waits until it holds. */
export async function until(holds: () => boolean | Promise<boolean>, what: string, withinMs = 60_000): Promise<void> {
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
