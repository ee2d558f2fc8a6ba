import type { BlobStorage, JobQueue, Telemetry } from '@pdvend/ports'

export function openPorts(dir: string): Promise<{ blobs: BlobStorage; jobs: JobQueue; telemetry: Telemetry; close(): Promise<void> }>
