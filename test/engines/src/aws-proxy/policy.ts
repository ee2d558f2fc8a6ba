import { formFields } from './form.js'
import type { AwsService, ProxiedRequest } from './types.js'
import { wildcards } from './wildcards.js'

/** A statement that allows, as manifests give their permissions. */
export interface Allowed {
  readonly actions: readonly string[]
  readonly resources: readonly string[]
  readonly conditions?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>
}

/** An action on a resource, which a request needs. */
export interface Right {
  readonly action: string
  readonly resource: string
}

/**
 * What a request needs, by the service authorization reference
 * (https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html, seen in November 2026): a copy needs two rights,
 * a bulk delete one for each key.
 */
export function rightsOf(service: AwsService, request: ProxiedRequest, account: string): readonly Right[] {
  if (service === 's3') return ofS3(request)
  const region = /Credential=[^/]+\/\d+\/([^/]+)\//.exec(request.headers.authorization ?? '')?.[1] ?? ''
  const at = (resource: string): string => `arn:aws:${service}:${region}:${account}:${resource}`
  if (service === 'iot') return ofIot(request, at)
  const operation = String(request.headers['x-amz-target'] ?? '').split('.')[1] ?? ''
  const call = parse(request.body)
  return service === 'firehose'
    ? [{ action: `firehose:${operation}`, resource: at(`deliverystream/${String(call.DeliveryStreamName ?? '')}`) }]
    : ofSqs(operation, call, at)
}

/** The first of the rights that nothing allows. Conditions on the resource's account hold; others allow nothing. */
export function lacking(allowed: readonly Allowed[], rights: readonly Right[], account: string): Right | undefined {
  const met = ({ conditions = {} }: Allowed): boolean =>
    Object.entries(conditions).every(
      ([operator, keys]) =>
        operator === 'StringEquals' && Object.entries(keys).every(([key, value]) => key === 'aws:ResourceAccount' && value === account),
    )
  const effective = allowed.filter(met)
  return rights.find(
    ({ action, resource }) =>
      !effective.some(
        ({ actions, resources }) =>
          actions.includes(action) && resources.some((pattern) => new RegExp(`^${wildcards(pattern)}$`).test(resource)),
      ),
  )
}

/** Of a bucket: what the query says, and what actions call it. */
const SETTINGS = [
  ['lifecycle', 'LifecycleConfiguration'],
  ['publicAccessBlock', 'BucketPublicAccessBlock'],
  ['versioning', 'BucketVersioning'],
  ['location', 'BucketLocation'],
  ['tagging', 'BucketTagging'],
] as const

function ofS3(request: ProxiedRequest): readonly Right[] {
  const { method, path, query, headers } = request
  const [bucket = '', ...rest] = path.slice(1).split('/').map(decode)
  const key = rest.join('/')
  const inBucket = (action: string): Right => ({ action: `s3:${action}`, resource: `arn:aws:s3:::${bucket}` })
  const on = (action: string, name: string): Right => ({ action: `s3:${action}`, resource: `arn:aws:s3:::${name}` })
  if (key === '') {
    if (method === 'POST' && query.has('delete')) return deletedKeys(request).map((one) => on('DeleteObject', `${bucket}/${one}`))
    if (method === 'POST') return [on('PutObject', `${bucket}/${formFields(request).get('key') ?? ''}`)]
    const setting = SETTINGS.find(([name]) => query.has(name))?.[1]
    if (setting !== undefined) return [inBucket(`${method === 'GET' ? 'Get' : 'Put'}${setting}`)]
    if (query.has('uploads')) return [inBucket('ListBucketMultipartUploads')]
    return [inBucket(method === 'PUT' ? 'CreateBucket' : 'ListBucket')]
  }
  const object = `${bucket}/${key}`
  if (method === 'GET') return [on(query.has('uploadId') ? 'ListMultipartUploadParts' : 'GetObject', object)]
  if (method === 'HEAD') return [on('GetObject', object)]
  if (method === 'DELETE') return [on(query.has('uploadId') ? 'AbortMultipartUpload' : 'DeleteObject', object)]
  const source = headers['x-amz-copy-source']
  const copied = typeof source === 'string' && source !== '' ? [on('GetObject', decode(source).replace(/^\//, ''))] : []
  return [...copied, on('PutObject', object)]
}

function deletedKeys({ body }: ProxiedRequest): readonly string[] {
  return [...(body?.toString('utf8') ?? '').matchAll(/<Key>([\s\S]*?)<\/Key>/g)].map(([, key]) => key!)
}

/** A batch has no action of its own; a move needs what reading and deleting need. */
function ofSqs(operation: string, call: Readonly<Record<string, unknown>>, at: (resource: string) => string): readonly Right[] {
  const queue = at(String(call.QueueName ?? /[^/]*$/.exec(String(call.QueueUrl ?? ''))![0]))
  if (operation === 'StartMessageMoveTask') {
    const source = String(call.SourceArn)
    return ['StartMessageMoveTask', 'ReceiveMessage', 'DeleteMessage', 'GetQueueAttributes'].map((action) => ({
      action: `sqs:${action}`,
      resource: source,
    }))
  }
  return [{ action: `sqs:${operation.replace(/Batch$/, '')}`, resource: operation === 'ListQueues' ? '*' : queue }]
}

function ofIot({ method, path, query }: ProxiedRequest, at: (resource: string) => string): readonly Right[] {
  const [, kind = '', name, more] = path.split('/').map(decode)
  const right = (action: string, resource: string): Right => ({ action: `iot:${action}`, resource })
  if (kind === 'topics') {
    const topic = at(`topic/${decode(path.slice('/topics/'.length))}`)
    return query.get('retain') === 'true' ? [right('Publish', topic), right('RetainPublish', topic)] : [right('Publish', topic)]
  }
  if (kind === 'retainedMessage')
    return name === undefined ? [right('ListRetainedMessages', '*')] : [right('GetRetainedMessage', at(`topic/${name}`))]
  const client = at(`client/${name ?? ''}`)
  if (more === 'messages') return [right('SendDirectMessage', client)]
  if (more === 'subscriptions') return [right('ListSubscriptions', client)]
  return [right(method === 'DELETE' ? 'DeleteConnection' : 'GetConnection', client)]
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function parse(body: Buffer | undefined): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(body?.toString('utf8') ?? '{}') as Readonly<Record<string, unknown>>
  } catch {
    return {}
  }
}
