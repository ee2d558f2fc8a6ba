import { env, type SettingsOf } from '@pdvend/ports'
import { z } from 'zod'

export const config = {
  url: env('PDVEND_BLOB_URL', z.url(), { doc: 'Address of the engine', example: 'https://engine.example:4222' }),
  requestTimeoutMs: env('PDVEND_BLOB_REQUEST_TIMEOUT_MS', z.coerce.number().int().min(1).default(10_000), {
    doc: 'Longest wait for one answer of the engine, in milliseconds',
    example: '10000',
  }),
}

export type Settings = SettingsOf<typeof config>
