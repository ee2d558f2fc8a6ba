import { env, type SettingsOf } from '@pdvend/ports'
import { z } from 'zod'
import { connectionConfig } from '../connection.js'

const TOPIC = /^(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}$/
const MAX_PARTITIONS = 1_000
const MAX_DAYS = 36_500

export const config = {
  ...connectionConfig('TELEMETRY'),
  topic: env('TELEMETRY_TOPIC', z.string().regex(TOPIC, 'use 1 to 249 of a-z A-Z 0-9 . _ -').default('pdvend.telemetry'), {
    doc: 'Topic that holds the events; default pdvend.telemetry',
    example: 'pdvend.telemetry',
  }),
  partitions: env('TELEMETRY_PARTITIONS', z.coerce.number().int().min(1).max(MAX_PARTITIONS).default(6), {
    doc: 'Partitions that the topic has at least; default 6',
    example: '6',
  }),
  replicas: env('TELEMETRY_REPLICAS', z.coerce.number().int().min(1).max(15).optional(), {
    doc: 'Copies of the topic; default 3, or as many as there are brokers',
    example: '3',
  }),
  retentionDays: env('TELEMETRY_RETENTION_DAYS', z.coerce.number().int().min(1).max(MAX_DAYS).default(30), {
    doc: 'The topic keeps events at least so many days, loaded into a warehouse or not; default 30',
    example: '30',
  }),
  compression: env('TELEMETRY_COMPRESSION', z.enum(['none', 'gzip', 'snappy', 'lz4', 'zstd']).default('gzip'), {
    doc: 'How batches are compressed: none or gzip, with the client platformatic also snappy, lz4 or zstd; default gzip',
    example: 'gzip',
  }),
}

export type Settings = SettingsOf<typeof config>
