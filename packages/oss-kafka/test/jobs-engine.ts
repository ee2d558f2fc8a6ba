import type { Engine } from '@pdvend/contract'
import { type LaunchOptions, startEngine } from '@pdvend/engines'
import { readSettings } from '@pdvend/ports'
import { config } from '../src/jobs/config.js'
import { planJobs } from '../src/jobs/provision.js'

export interface JobsEngineOptions extends Pick<LaunchOptions, 'version'> {
  readonly client: 'kafkajs' | 'platformatic'
  /** Default: the setting's own. */
  readonly engine?: 'auto' | 'classic'
}

/** What the handle will be able to do. */
export const abilities: Engine = {
  name: 'Apache Kafka',
  env: {},
  module: new URL('../dist/jobs/index.js', import.meta.url).href,
  restart: async () => {},
  kill: async () => {},
}

/** A broker of its own, whose queues are made by what `pdvend provision` runs. */
export async function jobsEngine({ version, client, engine }: JobsEngineOptions): Promise<Engine> {
  const kafka = await startEngine('kafka', version === undefined ? {} : { version })
  const chosen = engine === undefined ? {} : { PDVEND_JOBS_ENGINE: engine }
  const env = { PDVEND_JOBS_BROKERS: kafka.url, PDVEND_JOBS_CLIENT: client, ...chosen }
  return {
    ...kafka,
    name: abilities.name,
    module: abilities.module!,
    env,
    provision: (names) => provisionQueues(env, names),
  }
}

/** Makes the topics of these job names, as `pdvend provision` does. */
export async function provisionQueues(env: Readonly<Record<string, string>>, names: readonly string[]): Promise<void> {
  const read = await readSettings(config, env)
  if (read.problems !== undefined) throw new Error(JSON.stringify(read.problems))
  const jobs = names.map((name) => ({ name, keyed: false }))
  const plan = await planJobs(read.settings, jobs, { signal: AbortSignal.timeout(60_000) })
  try {
    await plan.apply()
  } finally {
    await plan.close()
  }
}
