import type { Engine } from '@pdvend/contract'
import { type LaunchOptions, startEngine } from '@pdvend/engines'
import { readSettings } from '@pdvend/ports'
import { config } from '../src/jobs/config.js'
import { planJobs } from '../src/jobs/provision.js'

export interface JobsEngineOptions extends Pick<LaunchOptions, 'version'> {
  readonly client: 'kafkajs' | 'platformatic'
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
export async function jobsEngine({ version, client }: JobsEngineOptions): Promise<Engine> {
  const kafka = await startEngine('kafka', version === undefined ? {} : { version })
  const env = { PDVEND_JOBS_BROKERS: kafka.url, PDVEND_JOBS_CLIENT: client }
  return { ...kafka, name: abilities.name, module: abilities.module!, env, provision: (names) => provisionQueues(env, names) }
}

/** Makes the topics of these job names, as `pdvend provision` does. */
export async function provisionQueues(env: Readonly<Record<string, string>>, names: readonly string[]): Promise<void> {
  const { settings, problems } = await readSettings(config, env)
  if (settings === undefined) throw new Error(JSON.stringify(problems))
  const jobs = names.map((name) => ({ name, keyed: false }))
  const plan = await planJobs(settings, jobs, { signal: AbortSignal.timeout(60_000) })
  try {
    await plan.apply()
  } finally {
    await plan.close()
  }
}
