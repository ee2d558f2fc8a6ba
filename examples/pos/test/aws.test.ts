import { expect, jest } from '@jest/globals'
import { whyNoAwsHome } from '@pdvend/engines'
import { decodeEnvelope } from '@pdvend/ports'
import { startAws } from './aws-home.js'
import { pdvend } from './pdvend.js'
import { describeShop } from './shop-on-engines.js'

jest.setTimeout(180_000)

interface Policy {
  readonly Statement: readonly { readonly Action: readonly string[]; readonly Resource: readonly string[] }[]
}

describeShop('S3, SQS, Firehose and IoT Core, all of them emulated, and PostgreSQL', {
  profile: 'aws',
  adapters: { telemetry: 'aws-firehose', blob: 'aws-s3', jobs: 'aws-sqs', push: 'aws-iot' },
  missing: await whyNoAwsHome(),
  afterwards: 'from now on every service holds each request against the policy that pdvend prints',
  async start() {
    const home = await startAws()
    return {
      env: home.env,
      events: async () => (await home.delivered()).map(decodeEnvelope),
      async settle() {
        const { code, out, err } = await pdvend(['provision', '--app', './dist/app.js', '--print-iam'], home.env)
        expect({ code, err }).toEqual({ code: 0, err: '' })
        const { Statement } = JSON.parse(out) as Policy
        home.allow(Statement.map(({ Action, Resource }) => ({ actions: Action, resources: Resource })))
      },
      [Symbol.asyncDispose]: home[Symbol.asyncDispose],
    }
  },
})
