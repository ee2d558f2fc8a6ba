import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { bootFolder, brokerCommand, formatNode } from './engines/kafka-boot.js'
import { kafka } from './engines/kafka.js'
import { writeProperties, type KafkaNode } from './engines/kafka-properties.js'
import { brokerServes } from './engines/kafka-wire.js'
import { makePlace, runOn, toStandardError, type LaunchOptions } from './launch.js'
import type { Plan, RunningEngine } from './launcher.js'
import { sweep } from './process/run-folder.js'

/** Several nodes, each broker and controller: it stands as long as most of them do. */
export interface KafkaCluster {
  /** `host:port` of each node, with commas. */
  readonly url: string
  readonly env: Readonly<Record<string, string>>
  /** To be killed, paused and brought down one by one. A node that is wiped fetches everything from the others. */
  readonly nodes: readonly RunningEngine[]
  stop(): Promise<void>
}

/** Starts a cluster of its own on loopback, never one that the environment names; about 150 MB of memory a node. */
export async function startKafkaCluster(
  options: Pick<LaunchOptions, 'version' | 'report'> & { /** Default 3. */ readonly nodes?: number } = {},
): Promise<KafkaCluster> {
  const { version = kafka.versions[0], report = toStandardError, nodes: count = 3 } = options
  await sweep()
  const home = (await kafka.find(version)) ?? (await kafka.provision(version, report))
  const boot = await bootFolder(home, version, report)
  const places = await Promise.all(Array.from({ length: count }, () => makePlace(kafka, version, 'mine')))
  const controllers = places.map((place, index) => ({ id: index + 1, port: place.ports[1]! }))
  const started = await Promise.allSettled(
    places.map(async (place, index): Promise<RunningEngine> => {
      const node: KafkaNode = { id: index + 1, controllers }
      const file = join(place.folder, 'server.properties')
      const plan: Plan = {
        url: `127.0.0.1:${place.ports[0]}`,
        ...(await brokerCommand(home, boot, file)),
        prepare: async () => {
          await writeProperties(file, place, node)
          if ((await readdir(place.data)).length === 0) await formatNode(boot, place.data, node.id)
        },
        ready: () => brokerServes(place.ports[0]!),
      }
      return runOn(kafka, place, plan)
    }),
  )
  const nodes = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  const stop = async (): Promise<void> => void (await Promise.all(nodes.map((node) => node.stop())))
  const failed = started.find((each) => each.status === 'rejected')
  if (failed !== undefined) {
    await stop()
    throw failed.reason
  }
  const url = nodes.map((node) => node.url).join(',')
  return { url, env: kafka.settings(url), nodes, stop }
}
