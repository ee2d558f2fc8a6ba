import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { IoTDataPlaneClient, ListRetainedMessagesCommand, PublishCommand } from '@aws-sdk/client-iot-data-plane'
import { awsIot } from '@pdvend/aws-iot'
import type { Engine } from '@pdvend/contract'
import { startEngine, whyMissing } from '@pdvend/engines'
import { describeClauses } from './clauses.js'

/** Retained messages of a run are below it: each clause has a namespace of its own, `c…`. */
const OURS = /^pdv\/c[a-z0-9]{6,}\//
const CANNOT = 'nobody breaks AWS'
const LEFT_OUT: Readonly<Record<string, string>> = {
  P34: 'AWS takes a keep-alive of less than 30 seconds for 30, and the clause does not wait so long',
  kill: CANNOT,
  restart: CANNOT,
  wipe: CANNOT,
  pause: CANNOT,
}

const { PDVEND_TEST_AWS, PDVEND_PUSH_ENDPOINT, PDVEND_PUSH_REGION, PDVEND_PUSH_AUTHORIZER, PDVEND_PUSH_JWT_SECRET } = process.env
const missing =
  PDVEND_TEST_AWS !== '1'
    ? 'left out without PDVEND_TEST_AWS=1'
    : PDVEND_PUSH_ENDPOINT === undefined || PDVEND_PUSH_JWT_SECRET === undefined
      ? 'left out without an endpoint of your account in PDVEND_PUSH_ENDPOINT and the secret of its authorizer in PDVEND_PUSH_JWT_SECRET'
      : await whyMissing('postgres', { named: false })

/** AWS IoT Core with ordinary credentials. What was retained there before stays. */
async function start(): Promise<Engine> {
  const database = await startEngine('postgres', { named: false })
  const endpoint = PDVEND_PUSH_ENDPOINT!
  const plane = new IoTDataPlaneClient({ endpoint, ...(PDVEND_PUSH_REGION !== undefined && { region: PDVEND_PUSH_REGION }) })
  const retained = async (): Promise<readonly string[]> => {
    const topics: string[] = []
    let nextToken: string | undefined
    do {
      const page = await plane.send(new ListRetainedMessagesCommand({ nextToken, maxResults: 200 }))
      topics.push(...(page.retainedTopics ?? []).flatMap(({ topic }) => (topic !== undefined && OURS.test(topic) ? [topic] : [])))
      nextToken = page.nextToken
    } while (nextToken !== undefined)
    return topics
  }
  const before = new Set(await retained())
  return {
    name: 'AWS IoT Core',
    module: pathToFileURL(createRequire(import.meta.url).resolve('@pdvend/aws-iot')).href,
    env: {
      ...database.env,
      PDVEND_PUSH_ENDPOINT: endpoint,
      PDVEND_PUSH_JWT_SECRET: PDVEND_PUSH_JWT_SECRET!,
      ...(PDVEND_PUSH_REGION !== undefined && { PDVEND_PUSH_REGION }),
      ...(PDVEND_PUSH_AUTHORIZER !== undefined && { PDVEND_PUSH_AUTHORIZER }),
    },
    async stop() {
      for (const topic of await retained())
        if (!before.has(topic)) await plane.send(new PublishCommand({ topic, qos: 1, retain: true, payload: new Uint8Array() }))
      plane.destroy()
      await database.stop!()
    },
  }
}

describeClauses('aws-iot on AWS IoT Core', { manifest: awsIot, start, missing, leftOut: LEFT_OUT })
