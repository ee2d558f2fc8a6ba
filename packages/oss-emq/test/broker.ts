import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import type { Engine } from '@pdvend/contract'
import { type EngineName, type RunningEngine, startEngine, whyMissing } from '@pdvend/engines'

/** Why this machine cannot run a broker with the journal's database; undefined = it can. */
export async function whyNoBroker(name: EngineName): Promise<string | undefined> {
  return (await whyMissing(name, { named: false })) ?? (await whyMissing('postgres', { named: false }))
}

/** What {@link brokerEngine} can do, to name the cases before it runs. */
export const abilities: Engine = {
  name: 'broker',
  env: {},
  module: pathToFileURL(createRequire(import.meta.url).resolve('@pdvend/oss-emq')).href,
  kill: async () => {},
  restart: async () => {},
  wipe: async () => {},
  pause: async () => async () => {},
}

export interface BrokerEngine extends Engine {
  readonly broker: RunningEngine
  readonly database: RunningEngine
}

/** A broker that cases may break, and the journal's database, which they may not. */
export async function brokerEngine(name: EngineName, settings: Readonly<Record<string, string>> = {}): Promise<BrokerEngine> {
  const [broker, database] = await Promise.all([startEngine(name, { named: false }), startEngine('postgres', { named: false })])
  return {
    ...abilities,
    name: broker.name,
    version: broker.version,
    env: { ...broker.env, ...database.env, ...settings },
    broker,
    database,
    kill: () => broker.kill!(),
    restart: () => broker.restart!(),
    wipe: () => broker.wipe!(),
    pause: () => broker.pause!(),
    async stop() {
      await Promise.all([broker.stop!(), database.stop!()])
    },
  }
}
