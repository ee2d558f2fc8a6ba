import { isIP } from 'node:net'
import type { BaseOptions } from '@platformatic/kafka'
import type { Connection } from '../connection.js'

/** The library itself: 1.35 runs on Node 20.19 and later, 2.x from Node 22.22 on. The seam uses what is alike in both. */
export type Library = typeof import('@platformatic/kafka')

/** What every client of the library is made with. Retries are few: whoever calls decides about another try. */
export type Options = Omit<BaseOptions, 'retries'>

/** The library's options for a connection. */
export function optionsOf({ brokers, clientId, tls, sasl, connectTimeoutMs, requestTimeoutMs }: Connection): Options {
  const hosts = brokers.map((address) => address.replace(/:\d+$/, '').replace(/^\[|\]$/g, ''))
  return {
    clientId,
    bootstrapBrokers: [...brokers],
    connectTimeout: connectTimeoutMs,
    requestTimeout: requestTimeoutMs,
    timeout: requestTimeoutMs,
    autocreateTopics: false,
    // A server name may not be an IP address; the certificate is verified either way.
    ...(tls === undefined ? {} : { tls: { ...tls, rejectUnauthorized: true }, tlsServerName: hosts.every((host) => isIP(host) === 0) }),
    ...(sasl === undefined
      ? {}
      : {
          sasl: {
            mechanism: sasl.mechanism.toUpperCase() as 'PLAIN',
            username: sasl.username,
            password: sasl.password.reveal(),
          },
        }),
  } as Options
}

/** True for what the broker itself answered: the connection is sound. */
export function isAnswer(library: Library, error: unknown): boolean {
  return (
    error instanceof library.ResponseError ||
    (error instanceof library.MultipleErrors && error.errors.every((each) => isAnswer(library, each)))
  )
}

/** The library throws an error of usage for a topic that does not exist; the protocol's own tells more. */
export function honest(library: Library, error: unknown): unknown {
  const unknownTopic = error instanceof library.UserError && /^Unknown (topic|partition)/.test(error.message)
  return unknownTopic ? new library.ProtocolError('UNKNOWN_TOPIC_OR_PARTITION', null, { cause: error }) : error
}

/** Longest wait for a client's sockets to close, in milliseconds: one that is half open never does. */
const CLOSE_MS = 2_000

/** Waits until a client of the library is closed, and never rejects. `close`: those of Admin and of the others differ. */
export async function closing(close: () => unknown): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise((resolve) => (timer = setTimeout(resolve, CLOSE_MS)))
  const done = (async () => close())().catch(() => undefined)
  await Promise.race([done, late])
  clearTimeout(timer)
}
