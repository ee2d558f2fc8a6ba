import { z } from 'zod'
import { env } from '@pdvend/ports'
import { directory } from '../directory.js'

const port = z.coerce.number().int().min(0).max(65_535).default(0)

/** The settings of the adapter `local-push`. */
export const config = {
  directory,
  host: env('PUSH_HOST', z.string().min(1).default('127.0.0.1'), {
    doc: 'Address that the embedded broker listens on; default 127.0.0.1, this machine only',
    example: '0.0.0.0',
  }),
  tcpPort: env('PUSH_TCP_PORT', port, {
    doc: 'MQTT port of the embedded broker; default 0 = a free one, kept while it is free',
    example: '1883',
  }),
  wsPort: env('PUSH_WS_PORT', port, {
    doc: 'WebSocket port of the embedded broker; default 0 = a free one, kept while it is free',
    example: '8083',
  }),
  urls: env(
    'PUSH_URLS',
    z
      .string()
      .default('')
      .transform((text) => text.split(',').filter((url) => url !== ''))
      .pipe(z.array(z.url({ protocol: /^(mqtts?|wss?)$/ }))),
    {
      doc: 'Addresses that devices are told, separated by commas; default: the ports of this machine',
      example: 'wss://loja.example.com/push,mqtts://loja.example.com:8883',
    },
  ),
  hosting: env('PUSH_HOSTING', z.enum(['auto', 'never']).default('auto'), {
    doc: 'auto: this process may host the broker; never: it waits for another process of the same directory to do so; default auto',
    example: 'never',
  }),
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
  maxQueued: env('PUSH_QUEUE_MAX', z.coerce.number().int().min(1).max(1_000_000).default(10_000), {
    doc: 'The most messages that are kept for one device, group or all; default 10000',
    example: '10000',
  }),
  overflow: env('PUSH_OVERFLOW', z.enum(['dropOldest', 'refuse']).default('dropOldest'), {
    doc: 'What gives way at PDVEND_PUSH_QUEUE_MAX: dropOldest (devices are told of the gap) or refuse; default dropOldest',
    example: 'refuse',
  }),
  keepAliveSeconds: env('PUSH_KEEPALIVE_SECONDS', z.coerce.number().int().min(1).max(1_200).default(30), {
    doc: 'A device that is silent for one and a half times as long counts as lost, in seconds; default 30',
    example: '30',
  }),
}
