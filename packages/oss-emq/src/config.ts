import { z } from 'zod'
import { env, secret, type SettingsOf } from '@pdvend/ports'
import { list, pushSettings } from '@pdvend/push-mqtt/settings'

const brokerUrl = z.url({ protocol: /^(mqtts?|wss?)$/ })
const file = z.string().min(1).optional()

/** The settings of the adapter `oss-emq`. */
export const config = {
  ...pushSettings,
  url: env('PUSH_URL', brokerUrl, {
    doc: "The broker's address for the app: mqtt://, mqtts://, ws:// or wss://",
    example: 'mqtts://emqx.example.com:8883',
  }),
  webSocketUrl: env('PUSH_WEBSOCKET_URL', z.url({ protocol: /^wss?$/ }).optional(), {
    doc: "The broker's WebSocket address, told to devices beside PDVEND_PUSH_URL; default none",
    example: 'wss://emqx.example.com:8084/mqtt',
  }),
  urls: env('PUSH_URLS', list.pipe(z.array(brokerUrl)), {
    doc: 'Addresses that devices are told, separated by commas; default: PDVEND_PUSH_URL and PDVEND_PUSH_WEBSOCKET_URL',
    example: 'wss://loja.example.com/mqtt,mqtts://loja.example.com:8883',
  }),
  username: env('PUSH_USERNAME', z.string().optional(), {
    doc: "The app's user name at the broker; it must reach pdv/# and what its kind of device credentials needs",
    example: 'pdvend-app',
  }),
  password: secret('PUSH_PASSWORD', { doc: "The app's password at the broker" }),
  caFile: env('PUSH_CA_FILE', file, {
    doc: "Certificates that sign the broker's, in PEM; default: those that Node trusts",
    example: '/etc/pdvend/ca.pem',
  }),
  certFile: env('PUSH_CERT_FILE', file, {
    doc: "The app's own certificate in PEM, where the broker asks for one",
    example: '/etc/pdvend/app.pem',
  }),
  keyFile: env('PUSH_KEY_FILE', file, { doc: 'The key of PDVEND_PUSH_CERT_FILE in PEM', example: '/etc/pdvend/app.key' }),
  plaintextHosts: env('PUSH_PLAINTEXT_HOSTS', list, {
    doc: 'Hosts beside this machine to which passwords may go without TLS, separated by commas; default none',
    example: 'emqx.local',
  }),
  protocol: env('PUSH_PROTOCOL', z.enum(['auto', '5', '3.1.1']).default('auto'), {
    doc: 'MQTT version: auto = 5, or 3.1.1 where the broker refuses 5; default auto',
    example: '3.1.1',
  }),
  deviceAuth: env('PUSH_DEVICE_AUTH', z.enum(['auto', 'dynsec', 'jwt', 'none']).default('auto'), {
    doc: "How devices are let in: dynsec (Mosquitto's dynamic-security plug-in), jwt (EMQX), none (the operator's own files); auto: jwt with a JWT setting, else dynsec where it answers, else none; default auto",
    example: 'jwt',
  }),
  jwtSecret: secret('PUSH_JWT_SECRET', {
    doc: 'Signs device tokens by HS256: the secret that the broker checks them with, 32 bytes or more',
  }),
  jwtKeyFile: env('PUSH_JWT_KEY_FILE', file, {
    doc: 'Signs device tokens by RS256 instead: private key in PEM, of which the broker has the public half',
    example: '/etc/pdvend/devices.key',
  }),
  apiUrl: env('PUSH_API_URL', z.url({ protocol: /^https?$/ }).optional(), {
    doc: "EMQX's HTTP API; needed for jwt, to cut devices off",
    example: 'https://emqx.example.com:18083',
  }),
  apiKey: env('PUSH_API_KEY', z.string().optional(), { doc: "Key of EMQX's HTTP API", example: 'pdvend' }),
  apiSecret: secret('PUSH_API_SECRET', { doc: 'Secret of PDVEND_PUSH_API_KEY' }),
  anonymous: env('PUSH_ANONYMOUS', z.enum(['refuse', 'warn']).default('refuse'), {
    doc: 'What a start does on a broker that lets in clients without a password: refuse or warn; default refuse',
    example: 'warn',
  }),
  keepAliveSeconds: env('PUSH_KEEPALIVE_SECONDS', z.coerce.number().int().min(1).max(1_200).default(30), {
    doc: 'A device that is silent for one and a half times as long counts as lost, in seconds; default 30',
    example: '30',
  }),
}

export type Settings = SettingsOf<typeof config>
