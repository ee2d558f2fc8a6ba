// Opens three ports of the local profile over one data directory, as the container does.
import { defineApp } from '@pdvend/container'
import { local } from '@pdvend/local'
import { BlobStorage, JobQueue, Telemetry } from '@pdvend/ports'

export async function openPorts(dir) {
  const app = defineApp({ profiles: { local }, requires: {} })
  const running = await app.start({ PDVEND_PROFILE: 'local', PDVEND_LOCAL_DIR: dir })
  const { container } = running
  return { running, blobs: container.get(BlobStorage), jobs: container.get(JobQueue), telemetry: container.get(Telemetry) }
}
