import { z } from 'zod'
import { env } from '@pdvend/ports'

/** Where the embedded engines keep their data; every adapter of this package shares the setting. */
export const directory = env('LOCAL_DIR', z.string().min(1).default('.pdvend'), {
  doc: 'Directory of the embedded engines, made where it is missing; default .pdvend',
  example: '/var/lib/pdvend',
})
