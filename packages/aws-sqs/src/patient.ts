import { setMaxListeners } from 'node:events'
import type { DriverCall } from '@pdvend/ports'

/** What goes on in the background, and nobody gives up; many calls listen to its signal at once. */
export const patient: DriverCall = { signal: new AbortController().signal }
setMaxListeners(0, patient.signal)
