import { z } from 'zod'
import { env, secret, type SettingsOf } from '@pdvend/ports'
import { list, pushSettings } from '@pdvend/push-mqtt/settings'
import { LEAST_SECRET_BYTES, MAX_KEEPALIVE_SECONDS } from './limits.js'

/** The settings of the adapter `aws-iot`; region and credentials that are not given here come by the SDK's own chain. */
export const config = {
  ...pushSettings,
  endpoint: env('PUSH_ENDPOINT', z.url({ protocol: /^https?$/ }), {
    doc: "The account's data plane: https:// and what `aws iot describe-endpoint --endpoint-type iot:Data-ATS` prints",
    example: 'https://a1b2c3d4e5f6g7-ats.iot.sa-east-1.amazonaws.com',
  }),
  url: env('PUSH_URL', z.url({ protocol: /^wss?$/ }).optional(), {
    doc: "MQTT over WebSocket for the app; default: PDVEND_PUSH_ENDPOINT's host, as wss://<host>/mqtt",
    example: 'wss://a1b2c3d4e5f6g7-ats.iot.sa-east-1.amazonaws.com/mqtt',
  }),
  urls: env('PUSH_URLS', list.pipe(z.array(z.url({ protocol: /^(wss?|mqtts?)$/ }))), {
    doc: "Addresses that devices are told, separated by commas, e.g. a domain of one's own; default: PDVEND_PUSH_URL",
    example: 'wss://push.loja.example.com/mqtt',
  }),
  region: env('PUSH_REGION', z.string().min(1).optional(), {
    doc: "Region of the endpoint; default: the one in the endpoint's name, else AWS_REGION, or that of the AWS profile",
    example: 'sa-east-1',
  }),
  account: env(
    'PUSH_ACCOUNT',
    z
      .string()
      .regex(/^\d{12}$/, 'give the 12 digits of an AWS account')
      .optional(),
    { doc: 'AWS account of the endpoint, for the policies that are printed; default: any', example: '123456789012' },
  ),
  accessKey: env('PUSH_ACCESS_KEY', z.string().min(1).optional(), {
    doc: "Access key id; default: the SDK's chain (environment, profile, web identity, container, instance role)",
    example: 'AKIAIOSFODNN7EXAMPLE',
  }),
  secretKey: secret('PUSH_SECRET_KEY', { doc: 'Secret access key that belongs to PDVEND_PUSH_ACCESS_KEY' }),
  authorizer: env(
    'PUSH_AUTHORIZER',
    z
      .string()
      .regex(/^[\w=,@-]{1,128}$/, 'give 1 to 128 of A-Z a-z 0-9 _ = , @ -')
      .default('pdvend'),
    {
      doc: 'Custom authorizer that lets devices in, by its name in AWS IoT; default pdvend',
      example: 'pdvend',
    },
  ),
  jwtSecret: secret('PUSH_JWT_SECRET', {
    doc: `Signs device tokens: the secret that the authorizer checks them with, ${LEAST_SECRET_BYTES} bytes or more; without it devices get in by what the operator hands out`,
  }),
  via: env('PUSH_VIA', z.enum(['auto', 'mqtt', 'http']).default('auto'), {
    doc: "How pushes go out: mqtt (the app's connection, 100 a second), http (the data plane), auto (mqtt, and what is above its rate by http); default auto",
    example: 'http',
  }),
  keepAliveSeconds: env('PUSH_KEEPALIVE_SECONDS', z.coerce.number().int().min(1).max(MAX_KEEPALIVE_SECONDS).default(30), {
    doc: 'A device that is silent for one and a half times as long counts as lost, in seconds; AWS takes less than 30 for 30; default 30',
    example: '60',
  }),
  requestTimeoutMs: env('PUSH_REQUEST_TIMEOUT_MS', z.coerce.number().int().min(1).max(3_600_000).default(10_000), {
    doc: 'Longest wait for one answer of the data plane, in milliseconds; default 10000',
    example: '10000',
  }),
}

export type Settings = SettingsOf<typeof config>
