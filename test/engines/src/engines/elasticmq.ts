import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Launcher, Place } from '../launcher.js'
import { httpOk } from '../process/probe.js'
import { findCached } from '../provision/cache.js'
import { classPath, mavenJars, needJava } from '../provision/maven.js'

/** A second opinion on SQS, with the strict limits; the only one here with move tasks and FIFO replay. Queues and messages go to disk a moment after they are acknowledged. */
export const elasticmq: Launcher = {
  name: 'elasticmq',
  title: 'ElasticMQ',
  versions: ['1.7.1'],
  variable: 'PDVEND_TEST_ELASTICMQ',
  ports: 1,
  settings: (url) => ({
    AWS_ENDPOINT_URL_SQS: new URL(url).origin,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  }),
  find: (version) => findCached('elasticmq', version),
  provision: (version, report) =>
    mavenJars({ name: 'elasticmq', version, artifacts: [`org.elasticmq:elasticmq-server_2.13:${version}`] }, report),
  async plan(home, place) {
    const { java } = await needJava('ElasticMQ')
    const file = join(place.folder, 'elasticmq.conf')
    return {
      url: `http://127.0.0.1:${place.ports[0]}`,
      command: java,
      args: [
        '-Xmx256m',
        '-XX:TieredStopAtLevel=1',
        '-XX:+UseSerialGC',
        `-Dconfig.file=${file}`,
        '-cp',
        await classPath(home),
        'org.elasticmq.server.Main',
      ],
      prepare: () => writeConfiguration(file, place),
      ready: () => httpOk(`http://127.0.0.1:${place.ports[0]}/health`),
    }
  },
}

async function writeConfiguration(file: string, { data, ports: [port] }: Place): Promise<void> {
  await mkdir(data, { recursive: true })
  const lines = [
    'include classpath("application.conf")',
    `node-address { protocol = http, host = "127.0.0.1", port = ${port} }`,
    `rest-sqs { bind-port = ${port}, bind-hostname = "127.0.0.1", sqs-limits = strict }`,
    'rest-stats.enabled = false',
    `messages-storage { enabled = true, uri = "jdbc:h2:${data}/messages" }`,
    `queues-storage { enabled = true, path = "${data}/queues.conf" }`,
  ]
  await writeFile(file, `${lines.join('\n')}\n`)
}
