// Segment's analytics-node to a local HTTP server that takes everything, in a process of its own.
import { Analytics } from '@segment/analytics-node'
import { measure } from './load.mjs'

const [events, , host] = process.argv.slice(2)
const make = () => new Analytics({ writeKey: 'bench', host, flushAt: 500, flushInterval: 1_000, maxRetries: 0 })
let analytics = make()
await measure(
  {
    emit: (data) => analytics.track({ event: 'sale.closed', userId: 'till-07', properties: data }),
    // Its flush is its end: the next run gets a new one.
    flush: async () => {
      await analytics.closeAndFlush({ timeout: 60_000 })
      analytics = make()
    },
    close: () => analytics.closeAndFlush(),
  },
  Number(events),
)
