import type { Running } from '@pdvend/container'
import type { BlobStorage, JobQueue, Telemetry } from '@pdvend/ports'

export function openPorts(dir: string): Promise<{ running: Running; blobs: BlobStorage; jobs: JobQueue; telemetry: Telemetry }>
