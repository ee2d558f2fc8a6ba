import { connectDevice } from '@pdvend/device'
import { fileStore } from '@pdvend/device/node'
import type { DeviceConnection } from '@pdvend/ports'
import type { ChildScript } from '../../child-process.js'
import { note, statusOf } from '../kit.js'

/** A device in a process of its own. `hang`: its handler never ends. `silent`: its handler ends the process's chance to say anything. */
export const run: ChildScript = async ({ args, send }) => {
  const { connection, store, mode } = args as { connection: DeviceConnection; store: string; mode: string }
  const file = fileStore(store)
  const kept: typeof file = {
    ...file,
    async write(changes) {
      await file.write(changes)
      if (mode !== 'silent' || ![...changes.keys()].some((key) => key.startsWith('seen/'))) return
      send('handled 1')
      // On disk, and nothing more: killed here, before the acknowledgement leaves.
      await new Promise(() => {})
    },
  }
  const device = connectDevice({ connection: async () => connection, store: kept })
  device.on(note, async ({ n }) => {
    send(`begun ${n}`)
    if (mode === 'hang') await new Promise(() => {})
    if (mode === 'honest') send(`handled ${n}`)
  })
  await statusOf(device, 'online')
  send('online')
  await new Promise(() => {})
}
