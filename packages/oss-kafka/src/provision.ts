import { type Fail, PortError, type ProvisionPlan, type ProvisionStep } from '@pdvend/ports'
import type { KafkaAdmin, KafkaClient, TopicInfo, TopicSpec } from './client.js'

export interface PlanOptions {
  readonly adapter: string
  readonly fail: Fail
  /**
   * May a topic get more partitions? `never`: keys would move to other partitions while records of theirs wait in the old ones,
   * and their order were lost.
   */
  readonly growth: 'any-time' | 'never'
}

/** Copies where none are asked for (`replicas: -1`), as far as there are brokers for them. */
const DEFAULT_REPLICAS = 3
/** Copies from which on one may be away while writes go on (`min.insync.replicas=2`). */
const SAFE_REPLICAS = 3

/** Settings of which more is as good; -1 is the most. What a topic has beyond is left to whoever set it. */
const AT_LEAST: ReadonlySet<string> = new Set(['retention.ms', 'retention.bytes', 'max.message.bytes', 'min.insync.replicas'])
/** Settings that tell another use of the topic; they are never changed. */
const ITS_USE: ReadonlySet<string> = new Set(['cleanup.policy'])

/** A step and what carries it out. */
interface Move {
  readonly step: ProvisionStep
  carryOut?(): Promise<void>
}

/**
 * Looks at what the brokers have and plans what `specs` lack: topics, partitions, settings. Nothing is ever taken away: a topic
 * with more partitions, longer retention or more copies is kept. The plan closes `client`.
 * @throws what the brokers answer, by `fail`
 */
export async function planTopics(client: KafkaClient, specs: readonly TopicSpec[], options: PlanOptions): Promise<ProvisionPlan> {
  const { adapter, fail } = options
  try {
    const moves = await movesFor(client.admin, specs, options)
    return {
      steps: moves.map(({ step }) => step),
      async apply() {
        const refused = moves.find(({ step }) => step.change === 'refuse')?.step
        if (refused !== undefined)
          throw new PortError('PRECONDITION_FAILED', { adapter, operation: 'provision', target: refused.name, detail: refused.detail! })
        for (const { step, carryOut } of moves) {
          await carryOut?.().catch((cause: unknown) => {
            const error = fail('provision', cause, step.name)
            // Another deployment was faster and made the same; the next plan tells what is different.
            if (error.code !== 'ALREADY_EXISTS') throw error
          })
        }
      },
      close: () => client.close(),
    }
  } catch (cause) {
    await client.close()
    throw fail('provision', cause)
  }
}

async function movesFor(admin: KafkaAdmin, specs: readonly TopicSpec[], { growth }: PlanOptions): Promise<readonly Move[]> {
  if (specs.length === 0) return []
  const brokers = (await admin.brokers()).length
  const found = new Map((await admin.topics(specs.map(({ name }) => name))).map((topic) => [topic.name, topic]))
  const moves: Move[] = []
  for (const wanted of specs) {
    const spec = safe(wanted, brokers)
    const topic = found.get(spec.name)
    moves.push(topic === undefined ? creation(admin, spec, brokers) : await mending(admin, spec, topic, growth))
  }
  return moves
}

/** The spec with what it leaves to us: copies, and how many of them must have a record before it counts. */
function safe(spec: TopicSpec, brokers: number): TopicSpec {
  const replicas = spec.replicas > 0 ? spec.replicas : Math.min(DEFAULT_REPLICAS, brokers)
  return { ...spec, replicas, config: { 'min.insync.replicas': replicas >= SAFE_REPLICAS ? '2' : '1', ...spec.config } }
}

function creation(admin: KafkaAdmin, spec: TopicSpec, brokers: number): Move {
  const { name, partitions, replicas, config } = spec
  if (replicas > brokers)
    return refusal(name, `${replicas} copies are asked for, and there are ${brokers} brokers: ask for fewer, or start more brokers`)
  const settings = Object.entries(config).map(([key, value]) => `${key}=${value}`)
  return {
    step: { kind: 'topic', name, change: 'create', detail: [counted(partitions, 'partition'), copies(replicas), ...settings].join(', ') },
    carryOut: () => admin.createTopics([spec]),
  }
}

async function mending(admin: KafkaAdmin, spec: TopicSpec, topic: TopicInfo, growth: PlanOptions['growth']): Promise<Move> {
  const { name } = spec
  const has = await admin.topicConfig(name)
  const off = Object.entries(spec.config).filter(([key, value]) => !fits(key, has[key], value))
  const [alien] = off.filter(([key]) => ITS_USE.has(key))
  if (alien !== undefined)
    return refusal(
      name,
      `it has ${alien[0]}=${has[alien[0]]} and ${alien[1]} is wanted: is it another app's topic? Name another one, or change it by hand`,
    )
  if (topic.partitions < spec.partitions && growth === 'never')
    return refusal(
      name,
      `it has ${counted(topic.partitions, 'partition')} and ${spec.partitions} are wanted; more would break the order of keys that wait: ask for ${topic.partitions}, or let it run empty, delete it and provision again`,
    )
  // Fewer copies than asked for are told and kept: moving data between brokers is for the cluster's own tools.
  const few =
    topic.replicas < spec.replicas
      ? [`kept at ${copies(topic.replicas)} where ${spec.replicas} are wanted: see kafka-reassign-partitions`]
      : []
  // With one copy, two in sync are never there: nothing could be written.
  const settings = off.filter(([key]) => key !== 'min.insync.replicas' || topic.replicas >= SAFE_REPLICAS)
  const grows = topic.partitions < spec.partitions
  const changes = [
    ...(grows ? [`${topic.partitions} to ${spec.partitions} partitions`] : []),
    ...settings.map(([key, value]) => `${key} from ${has[key] ?? 'unset'} to ${value}`),
  ]
  if (changes.length === 0) {
    const detail = [counted(topic.partitions, 'partition'), ...(few.length > 0 ? few : [copies(topic.replicas)])].join(', ')
    return { step: { kind: 'topic', name, change: 'keep', detail } }
  }
  return {
    step: { kind: 'topic', name, change: 'update', detail: [...changes, ...few].join(', ') },
    async carryOut() {
      if (grows) await admin.addPartitions(name, spec.partitions)
      if (settings.length > 0) await admin.setTopicConfig(name, Object.fromEntries(settings))
    },
  }
}

function refusal(name: string, detail: string): Move {
  return { step: { kind: 'topic', name, change: 'refuse', detail } }
}

/** Is what the topic has as good as what is wanted? */
function fits(key: string, has: string | undefined, wanted: string): boolean {
  if (has === wanted) return true
  if (has === undefined || !AT_LEAST.has(key)) return false
  const most = (text: string): number => (text === '-1' ? Number.POSITIVE_INFINITY : Number(text))
  return most(has) >= most(wanted)
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`
const copies = (count: number): string => (count === 1 ? '1 copy' : `${count} copies`)
