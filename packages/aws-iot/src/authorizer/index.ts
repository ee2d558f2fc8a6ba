import { createHash } from 'node:crypto'
import type { IoTDataPlaneClient } from '@aws-sdk/client-iot-data-plane'
import { policiesOf, type PolicyDocument } from './policy.js'
import { readGeneration, readToken } from './token.js'

/** Bounds of AWS for how long a device may stay, in seconds. */
const LEAST_SECONDS = 300
const MOST_SECONDS = 86_400

/** What AWS IoT asks: https://docs.aws.amazon.com/iot/latest/developerguide/custom-auth-lambda.html (seen 2026-11). */
export interface AuthorizerEvent {
  readonly protocolData?: {
    readonly mqtt?: {
      readonly username?: string
      /** Base64. */
      readonly password?: string
      readonly clientId?: string
    }
  }
}

export interface AuthorizerContext {
  /** The function's ARN: region and account of what it allows. */
  readonly invokedFunctionArn: string
}

export interface AuthorizerAnswer {
  readonly isAuthenticated: boolean
  readonly principalId: string
  readonly policyDocuments: readonly PolicyDocument[]
  readonly disconnectAfterInSeconds: number
  readonly refreshAfterInSeconds: number
}

export interface AuthorizerParts {
  /** `PDVEND_PUSH_JWT_SECRET` of the app. */
  readonly secret: string
  /** Payload of a retained message; undefined where there is none. */
  retained(topic: string): Promise<Uint8Array | undefined>
  /** Milliseconds since the epoch. Default Date.now. */
  readonly now?: () => number
}

export type Authorizer = (event: AuthorizerEvent, context: AuthorizerContext) => Promise<AuthorizerAnswer>

/**
 * Lets devices in by the tokens of `credentials.issue`: signed with the app's secret, not over, for this client id and user
 * name, and of a generation that is not revoked. Whether it is revoked is read at each connection; when that cannot be read,
 * nobody gets in. AWS ends a connection after 5 minutes at the earliest and a day at the latest, at the token's end in between.
 */
export function authorizer({ secret, retained, now = Date.now }: AuthorizerParts): Authorizer {
  return async ({ protocolData }, { invokedFunctionArn }) => {
    const { username = '', password = '', clientId = '' } = protocolData?.mqtt ?? {}
    const claims = readToken(Buffer.from(password, 'base64').toString('utf8'), secret, now())
    if (claims === undefined || claims.clientid !== clientId || claims.username !== username.split('?')[0]) return REFUSED
    if (claims.generation < readGeneration(await retained(claims.record))) return REFUSED
    const [, partition, , region, account] = invokedFunctionArn.split(':')
    const seconds = Math.min(Math.max(Math.floor(claims.exp - now() / 1_000), LEAST_SECONDS), MOST_SECONDS)
    return {
      isAuthenticated: true,
      // Letters and digits are all that it may hold.
      principalId: createHash('sha256').update(clientId).digest('hex'),
      policyDocuments: policiesOf(claims, `arn:${partition}:iot:${region}:${account}`),
      disconnectAfterInSeconds: seconds,
      refreshAfterInSeconds: seconds,
    }
  }
}

const REFUSED: AuthorizerAnswer = {
  isAuthenticated: false,
  principalId: 'refused',
  policyDocuments: [],
  disconnectAfterInSeconds: LEAST_SECONDS,
  refreshAfterInSeconds: LEAST_SECONDS,
}

/** Reads retained messages by the data plane. */
export async function retainedFrom(endpoint: string, client?: IoTDataPlaneClient): Promise<AuthorizerParts['retained']> {
  const { IoTDataPlaneClient: Client, GetRetainedMessageCommand } = await import('@aws-sdk/client-iot-data-plane')
  const plane = client ?? new Client({ endpoint })
  return async (topic) => {
    try {
      return (await plane.send(new GetRetainedMessageCommand({ topic }))).payload
    } catch (error) {
      if ((error as { name?: unknown }).name === 'ResourceNotFoundException') return undefined
      throw error
    }
  }
}

let ready: Promise<Authorizer> | undefined

/** The Lambda function: `PDVEND_PUSH_JWT_SECRET` and `PDVEND_PUSH_ENDPOINT` in its environment, as the app has them. */
export const handler: Authorizer = async (event, context) => {
  ready ??= fromEnvironment()
  return (await ready)(event, context)
}

async function fromEnvironment(): Promise<Authorizer> {
  const { PDVEND_PUSH_JWT_SECRET: secret, PDVEND_PUSH_ENDPOINT: endpoint } = process.env
  if (secret === undefined || secret.length < 32) throw new Error('PDVEND_PUSH_JWT_SECRET is missing or shorter than 32 bytes')
  if (endpoint === undefined) throw new Error('PDVEND_PUSH_ENDPOINT is missing')
  return authorizer({ secret, retained: await retainedFrom(endpoint) })
}
