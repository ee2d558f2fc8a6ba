import { env } from '@pdvend/ports'
import { z } from 'zod'
import { directory } from '../directory.js'

const MAX_DAYS = 36_500

export const config = {
  directory,
  retentionDays: env('TELEMETRY_RETENTION_DAYS', z.coerce.number().int().min(1).max(MAX_DAYS).optional(), {
    doc: 'Events that happened more days ago are deleted; default: kept for ever',
    example: '90',
  }),
}
