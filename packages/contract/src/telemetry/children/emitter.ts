import {
  defineEvent,
  PortError,
  readSettings,
  type SettingsShape,
  silentLogger,
  systemClock,
  Telemetry,
  type TelemetryDriver,
} from '@pdvend/ports'
import { openSpool } from '@pdvend/spool'
import { z } from 'zod'
import type { ChildScript } from '../../child-process.js'

/** What the parent asks for. */
export interface EmitterArgs {
  /** The spool. */
  readonly directory: string
  readonly type: string
  /** Numbers of the events. */
  readonly from: number
  readonly to: number
  /** `down`: nothing reaches the engine from this process. */
  readonly sink: 'up' | 'down'
  /** `confirm`: tells each number once its event is spooled; `hurry`: emits all in one tick and ends by process.exit; `drain`: sends all and closes. */
  readonly mode: 'confirm' | 'hurry' | 'drain'
}

/** Emits events in a process of its own, over the adapter under test and the real spool. */
export const run: ChildScript = async ({ manifest, env, args, send }) => {
  const { directory, type, from, to, sink, mode } = args as unknown as EmitterArgs
  const read = await readSettings(manifest.config as SettingsShape, env)
  if (read.problems !== undefined) throw new Error(JSON.stringify(read.problems))
  const opened = (await manifest.open(read.settings as never, {
    clock: systemClock,
    log: silentLogger,
    signal: AbortSignal.timeout(30_000),
  })) as TelemetryDriver
  const spool = await openSpool({ directory, segmentBytes: 16_384, adoptEveryMs: 50 })
  const telemetry = new Telemetry(sink === 'up' ? opened : unreachable(opened), {
    spool,
    retry: { firstMs: 5, maxMs: 50 },
    batch: { maxAgeMs: 5 },
    closeMs: 5_000,
  })
  const event = defineEvent(type, { data: z.object({ n: z.number() }) })
  if (mode === 'hurry') {
    for (let n = from; n < to; n++) telemetry.emit(event, { n })
    process.exit(0)
  }
  for (let n = from; n < to; n++) {
    await telemetry.emitAndWait(event, { n }, 'spooled')
    send(n)
  }
  if (mode === 'confirm') await new Promise((resolve) => setTimeout(resolve, 60_000))
  const { pending } = await telemetry.flush()
  await telemetry.close()
  send({ pending })
}

function unreachable(driver: TelemetryDriver): TelemetryDriver {
  const { limits, capabilities } = driver
  return {
    limits,
    ...(capabilities === undefined ? {} : { capabilities }),
    send: () => Promise.reject(new PortError('UNAVAILABLE', { detail: 'unreachable from this process' })),
    ping: (call) => driver.ping(call),
    close: () => driver.close(),
  }
}
