import { elasticmq } from './engines/elasticmq.js'
import { emqx } from './engines/emqx.js'
import { hivemq } from './engines/hivemq.js'
import { kafka } from './engines/kafka.js'
import { minio } from './engines/minio.js'
import { ministack } from './engines/ministack.js'
import { mosquitto } from './engines/mosquitto.js'
import { postgres } from './engines/postgres.js'
import { redis } from './engines/redis.js'
import { toxiproxy } from './engines/toxiproxy.js'
import { versitygw } from './engines/versitygw.js'
import type { EngineName, Launcher } from './launcher.js'

/** Every launcher, cheapest to provision first. */
export const launchers: readonly Launcher[] = [
  mosquitto,
  postgres,
  redis,
  kafka,
  ministack,
  elasticmq,
  hivemq,
  toxiproxy,
  versitygw,
  minio,
  emqx,
]

export function launcherOf(name: EngineName): Launcher {
  const launcher = launchers.find((candidate) => candidate.name === name)
  if (launcher === undefined)
    throw new Error(`no engine is called ${JSON.stringify(name)}; there are ${launchers.map((each) => each.name).join(', ')}`)
  return launcher
}
