import { env, type SettingsOf } from '@pdvend/ports'
import { z } from 'zod'
import { connectionConfig } from '../connection.js'

export const config = {
  ...connectionConfig('JOBS'),
  prefix: env(
    'JOBS_PREFIX',
    z
      .string()
      .regex(/^[a-zA-Z0-9._-]{1,120}$/, 'use 1 to 120 of a-z A-Z 0-9 . _ -')
      .default('pdvend.jobs.'),
    {
      doc: "Beginning of the name of every queue's topic, so that apps can share brokers; default pdvend.jobs.",
      example: 'loja-17.jobs.',
    },
  ),
  engine: env('JOBS_ENGINE', z.enum(['auto', 'classic']).default('classic'), {
    doc: 'auto: jobs without key, dedupe key, priority or delay go through share groups where the brokers have them (Kafka 4.2); classic: none does. Default classic; the same for all apps of a prefix',
    example: 'classic',
  }),
  replicas: env('JOBS_REPLICAS', z.coerce.number().int().min(1).max(15).optional(), {
    doc: 'Copies of each topic that `pdvend provision` makes; default 3, or as many as there are brokers',
    example: '3',
  }),
}

export type Settings = SettingsOf<typeof config>
