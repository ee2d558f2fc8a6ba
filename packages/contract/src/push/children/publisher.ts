import { type AnyAdapter, PushNotifications, readSettings, silentLogger, systemClock } from '@pdvend/ports'
import type { ChildScript } from '../../child-process.js'
import { altered, note } from '../kit.js'

/** Publishes to a device and to its group; the journal keeps both, nothing ever leaves for the broker. */
export const run: ChildScript = async ({ manifest, env, args, send }) => {
  const { config, open } = manifest as AnyAdapter<'push'>
  const read = await readSettings(config, { ...env, PDVEND_PUSH_NAMESPACE: String(args.namespace) })
  if (read.problems !== undefined) throw new Error(JSON.stringify(read.problems))
  const driver = await open(read.settings as never, { clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(20_000) })
  const mute = altered(driver, { send: () => new Promise(() => {}) })
  const push = new PushNotifications(mute, { adapter: manifest.name, sendTimeoutMs: 60_000 })
  const { journal } = driver
  const publishing = Promise.all([
    push.publish({ device: 'till-1' }, note, { n: 1 }, { id: `${String(args.namespace)}-1` }),
    push.publish({ group: 'front' }, note, { n: 2 }),
  ])
  const { signal } = new AbortController()
  while (Object.keys(await journal!.heads({ signal })).length < 2) await new Promise((resolve) => setTimeout(resolve, 10))
  send('kept')
  await publishing
}
