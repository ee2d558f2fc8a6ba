import { randomUUID } from 'node:crypto'
import type { AwsService, Refusal } from './types.js'

/** An answer of the proxy's own. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** A refusal in the shape that the service's clients read. */
export function errorAnswer(service: AwsService, refusal: Refusal): Answer {
  return SHAPES[service](refusal, randomUUID())
}

const SHAPES: Readonly<Record<AwsService, (refusal: Refusal, requestId: string) => Answer>> = {
  s3: ({ status, code, message, details = {} }, requestId) => {
    const elements = { Code: code, Message: message, ...details, RequestId: requestId, HostId: 'proxy' }
    const inner = Object.entries(elements).map(([name, value]) => `<${name}>${escapeXml(value)}</${name}>`)
    return {
      status,
      headers: { 'content-type': 'application/xml', 'x-amz-request-id': requestId },
      body: `<?xml version="1.0" encoding="UTF-8"?>\n<Error>${inner.join('')}</Error>`,
    }
  },
  sqs: ({ status, code, message, queryCode = code }, requestId) => ({
    status,
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amzn-requestid': requestId,
      'x-amzn-errortype': code,
      'x-amzn-query-error': `${queryCode};${status < 500 ? 'Sender' : 'Receiver'}`,
    },
    body: JSON.stringify({ __type: `com.amazonaws.sqs#${code}`, message }),
  }),
  firehose: ({ status, code, message }, requestId) => ({
    status,
    headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': requestId, 'x-amzn-errortype': code },
    body: JSON.stringify({ __type: code, message }),
  }),
  iot: ({ status, code, message }, requestId) => ({
    status,
    headers: { 'content-type': 'application/json', 'x-amzn-requestid': requestId, 'x-amzn-errortype': code },
    body: JSON.stringify({ message, traceId: requestId }),
  }),
}

/** What a service says to one who is too fast. */
export const THROTTLED: Readonly<Record<AwsService, Refusal>> = {
  s3: { status: 503, code: 'SlowDown', message: 'Please reduce your request rate.' },
  sqs: { status: 403, code: 'RequestThrottled', message: 'Request was throttled.' },
  firehose: { status: 503, code: 'ServiceUnavailableException', message: 'Slow down.' },
  iot: { status: 429, code: 'ThrottlingException', message: 'Rate exceeded' },
}

export const INTERNAL: Readonly<Record<AwsService, Refusal>> = {
  s3: { status: 500, code: 'InternalError', message: 'We encountered an internal error. Please try again.' },
  sqs: { status: 500, code: 'InternalFailure', message: 'The request processing has failed because of an unknown error.' },
  firehose: { status: 500, code: 'InternalFailure', message: 'The request processing has failed because of an unknown error.' },
  iot: { status: 500, code: 'InternalFailureException', message: 'An unexpected error has occurred.' },
}

export const UNAVAILABLE: Readonly<Record<AwsService, Refusal>> = {
  s3: { status: 503, code: 'ServiceUnavailable', message: 'Service is unable to handle request.' },
  sqs: { status: 503, code: 'ServiceUnavailable', message: 'Service is unable to handle request.' },
  firehose: { status: 503, code: 'ServiceUnavailableException', message: 'The service is unavailable. Back off and retry the operation.' },
  iot: { status: 503, code: 'ServiceUnavailableException', message: 'The service is temporarily unavailable.' },
}

export const EXPIRED_TOKEN: Readonly<Record<AwsService, Refusal>> = {
  s3: { status: 400, code: 'ExpiredToken', message: 'The provided token has expired.' },
  sqs: { status: 403, code: 'ExpiredTokenException', message: 'The security token included in the request is expired' },
  firehose: { status: 400, code: 'ExpiredTokenException', message: 'The security token included in the request is expired' },
  iot: { status: 403, code: 'ExpiredTokenException', message: 'The security token included in the request is expired' },
}

export const DENIED: Readonly<Record<AwsService, Refusal>> = {
  s3: { status: 403, code: 'AccessDenied', message: 'Access Denied' },
  sqs: { status: 403, code: 'AccessDenied', message: 'Access to the resource is denied.', queryCode: 'AccessDenied' },
  firehose: { status: 400, code: 'AccessDeniedException', message: 'User is not authorized to perform this action' },
  iot: { status: 403, code: 'ForbiddenException', message: 'Forbidden' },
}

function escapeXml(text: string): string {
  return text.replace(/[<>&"']/g, (mark) => `&#${mark.charCodeAt(0)};`)
}
