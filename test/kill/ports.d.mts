import type { BlobStorage, JobQueue, Telemetry } from '@pdvend/ports'

export function openPorts(
  dir: string,
  env?: Readonly<Record<string, string>>,
): Promise<{ blobs: BlobStorage; jobs: JobQueue; telemetry: Telemetry; close(): Promise<void> }>
