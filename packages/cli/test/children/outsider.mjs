// An adapter of someone else: the embedded queue under a setting of its own.
import { localJobs } from '@pdvend/local'
import { defineAdapter, env } from '@pdvend/ports'

const directory = env('OUTSIDER_DIR', localJobs.config.directory.schema, { doc: 'Directory of the queue', example: './queue' })

export default defineAdapter({
  port: 'jobs',
  name: 'outsider',
  config: { directory },
  capabilities: { ...localJobs.capabilities },
  open: (settings, deps) => localJobs.open(settings, deps),
})
