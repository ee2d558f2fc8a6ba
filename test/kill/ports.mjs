// Three ports of the local profile over one data directory. By hand, not by the container: a life lasts a tenth of a
// second, and what is not under test here should not take most of it.
import { localBlob } from '@pdvend/local/blob'
import { localJobs } from '@pdvend/local/jobs'
import { localTelemetry } from '@pdvend/local/telemetry'
import { BlobStorage, JobQueue, readSettings, silentLogger, systemClock, Telemetry } from '@pdvend/ports'
import { openSpool } from '@pdvend/spool'

export async function openPorts(dir, env = {}) {
  const open = async (adapter) => {
    const { settings } = await readSettings(adapter.config, { ...env, PDVEND_LOCAL_DIR: dir })
    return adapter.open(settings, { clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(30_000) })
  }
  const blob = await open(localBlob)
  const job = await open(localJobs)
  const event = await open(localTelemetry)
  const spool = await openSpool({ directory: `${dir}/spool` })
  // A short lease, so that what a killed worker held is seen again while the test still looks.
  const ports = { blobs: new BlobStorage(blob), jobs: new JobQueue(job, { leaseMs: 1_000 }), telemetry: new Telemetry(event, { spool }) }
  const close = async () => {
    for (const port of Object.values(ports)) await port[Symbol.asyncDispose]()
  }
  return { ...ports, close }
}
