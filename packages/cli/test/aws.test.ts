import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { handler } from '@pdvend/aws-iot/authorizer'
import { type Allowed, type AwsHome, startAwsHome, whyNoAwsHome } from '@pdvend/engines'
import type { IamPolicy } from '../src/iam-policy.js'
import { Shell } from './pdvend.js'

jest.setTimeout(120_000)

/** 32 bytes or more. */
const SECRET = 'the secret of the tests, of more than 32 bytes'

const missing = await whyNoAwsHome()
const suite = missing === undefined ? describe : describe.skip
suite(`on the aws profile${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let home: AwsHome
  let shell: Shell
  let policy: readonly Allowed[]
  let printed: Awaited<ReturnType<Shell['pdvend']>>
  beforeAll(async () => {
    home = await startAwsHome({
      authorizer: (event) => handler(event, { invokedFunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:pdvend' }),
    })
    // The function's own environment, as an operator sets it.
    Object.assign(process.env, { PDVEND_PUSH_JWT_SECRET: SECRET, PDVEND_PUSH_ENDPOINT: home.bridge.url, AWS_REGION: home.bridge.region })
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' })
    shell = new Shell()
    expect(await shell.pdvend(['provision', '--apply'], env())).toMatchObject({ code: 0 })
    printed = await shell.pdvend(['provision', '--print-iam'], env())
    policy = (JSON.parse(printed.out) as IamPolicy).Statement.map(({ Action, Resource, Condition }) => ({
      actions: Action,
      resources: Resource,
      ...(Condition === undefined ? {} : { conditions: Condition }),
    }))
    shell.remove()
  })
  beforeEach(() => {
    shell = new Shell()
  })
  afterEach(() => shell.remove())
  afterAll(async () => home?.[Symbol.asyncDispose]())

  const env = () => ({ ...home.env, PDVEND_PUSH_JWT_SECRET: SECRET, NODE_NO_WARNINGS: '1' })
  const findings = async (): Promise<Readonly<Record<string, { readonly status: string; readonly error?: string }>>> => {
    const { out, err } = await shell.pdvend(['doctor', '--json'], env())
    expect(err).toBe('')
    const { ports } = JSON.parse(out) as { ports: readonly { port: string; status: string; error?: string }[] }
    return Object.fromEntries(ports.map((finding) => [finding.port, finding]))
  }
  const without = (action: string): readonly Allowed[] =>
    policy.map((one) => ({ ...one, actions: one.actions.filter((other) => other !== action) }))

  test('the policy is of all four adapters, and the doctor is content with it', async () => {
    expect({ code: printed.code, err: printed.err }).toEqual({ code: 0, err: '' })
    const sids = (JSON.parse(printed.out) as IamPolicy).Statement.map(({ Sid }) => Sid)
    expect(new Set(sids).size).toBe(sids.length)
    expect([...new Set(sids.map((sid) => /^Aws(?:Firehose|S3|Sqs|Iot)(?=[A-Za-z0-9]+$)/.exec(sid)?.[0]))]).toEqual([
      'AwsFirehose',
      'AwsS3',
      'AwsSqs',
      'AwsIot',
    ])
    home.allow(policy)
    const found = await findings()
    expect(Object.values(found).map(({ status, error }) => [status, error])).toEqual(Array.from({ length: 4 }, () => ['up', undefined]))
  })

  test.each([
    ['blob', 's3:GetObject', 'arn:aws:s3:::pdv-shop/*'],
    ['blob', 's3:PutObject', 'arn:aws:s3:::pdv-shop/*'],
    ['blob', 's3:DeleteObject', 'arn:aws:s3:::pdv-shop/*'],
    ['blob', 's3:ListBucket', 'arn:aws:s3:::pdv-shop'],
    ['telemetry', 'firehose:PutRecordBatch', 'arn:aws:firehose:us-east-1:000000000000:deliverystream/pdv-telemetry'],
    ['jobs', 'sqs:SendMessage', 'arn:aws:sqs:us-east-1:000000000000:pdvend-pdvend_doctor'],
    ['jobs', 'sqs:ReceiveMessage', 'arn:aws:sqs:us-east-1:000000000000:pdvend-pdvend_doctor'],
    ['jobs', 'sqs:DeleteMessage', 'arn:aws:sqs:us-east-1:000000000000:pdvend-pdvend_doctor'],
    ['push', 'iot:Publish', 'arn:aws:iot:us-east-1:000000000000:topic/pdv/pdvend/'],
    ['push', 'iot:Subscribe', 'pdv/pdvend/presence/+'],
    ['push', 'iot:Connect', 'client/app~'],
  ])('doctor: %s without %s is not well, and names the action and the resource', async (port, action, resource) => {
    home.allow(without(action))
    const { [port]: finding } = await findings()
    expect(finding!.status).not.toBe('up')
    expect(finding!.error).toContain('PERMISSION_DENIED')
    expect(finding!.error).toContain(action)
    expect(finding!.error).toContain(resource)
  })

  test.each([
    ['aws-s3', 'B1,B57'],
    ['aws-sqs', 'Q1'],
    ['aws-iot', 'P1'],
    ['aws-firehose', 'T1'],
  ])('pdvend contract: %s keeps %s', async (adapter, clauses) => {
    home.allow()
    const { code, out, err } = await shell.pdvend(['contract', '--adapter', adapter, '--only', clauses], env())
    const passed = `${clauses.split(',').length} passed, 0 failed\n`
    expect({ code, err, out }).toEqual({ code: 0, err: '', out: expect.stringContaining(passed) })
  })
})
