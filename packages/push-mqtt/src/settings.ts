import { z } from 'zod'
import { env, secret, type SettingsOf } from '@pdvend/ports'

/** Names separated by commas; default none. */
export const list = z
  .string()
  .default('')
  .transform((text) => text.split(',').filter((part) => part !== ''))

/** The settings that every push adapter over MQTT has. */
export const pushSettings = {
  namespace: env(
    'PUSH_NAMESPACE',
    z
      .string()
      .regex(/^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,30}[A-Za-z0-9])?$/)
      .default('pdvend'),
    {
      doc: 'Tenant: devices and groups of two namespaces never meet; at most 32 of A-Z a-z 0-9 . _ -; default pdvend',
      example: 'loja-centro',
    },
  ),
  journal: secret('PUSH_JOURNAL', {
    doc: 'PostgreSQL that keeps messages until they are handled, as postgres://...; without it only devices that are connected get them',
    example: 'postgres://pdvend:secret@db.example.com/pdvend',
  }),
  maxQueued: env('PUSH_QUEUE_MAX', z.coerce.number().int().min(1).max(1_000_000).default(10_000), {
    doc: 'The most messages that the journal keeps for one device, group or all; default 10000',
    example: '10000',
  }),
  overflow: env('PUSH_OVERFLOW', z.enum(['dropOldest', 'refuse']).default('dropOldest'), {
    doc: 'What gives way at PDVEND_PUSH_QUEUE_MAX: dropOldest (devices are told of the gap) or refuse; default dropOldest',
    example: 'refuse',
  }),
  connectTimeoutMs: env('PUSH_CONNECT_TIMEOUT_MS', z.coerce.number().int().min(100).max(120_000).default(10_000), {
    doc: 'Longest wait for the broker to take a connection, in milliseconds; default 10000',
    example: '10000',
  }),
}

export type PushSettings = SettingsOf<typeof pushSettings>
