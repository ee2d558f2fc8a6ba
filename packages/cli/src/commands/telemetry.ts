import { Telemetry } from '@pdvend/ports'
import type { Command } from 'commander'
import { say, sayJson, sayTable } from '../io.js'
import { dateOption, integerOption } from '../options.js'
import type { Setup } from '../program.js'
import { withPort } from '../with-port.js'

interface QueryFlags {
  readonly type?: string
  readonly from?: Date
  readonly to?: Date
  readonly limit: number
  readonly json?: boolean
}

export function addTelemetry(program: Command, setup: Setup): void {
  const telemetry = program.command('telemetry').description('what was recorded, and what was set aside')
  addQuery(telemetry, setup)
  addDead(telemetry, setup)
}

function withTelemetry<T>(setup: Setup, work: (telemetry: Telemetry) => Promise<T>): Promise<T> {
  return withPort(setup, 'telemetry', (container) => work(container.get(Telemetry)))
}

function addQuery(telemetry: Command, setup: Setup): void {
  const { io, action } = setup
  telemetry
    .command('query')
    .description('stored events, the newest first; for adapters that can be queried')
    .option('--type <name>', 'only events of this type, e.g. sale.closed')
    .option('--from <time>', 'only what happened at or after it (ISO 8601)', dateOption)
    .option('--to <time>', 'only what happened before it (ISO 8601)', dateOption)
    .option('--limit <count>', 'at most so many', integerOption(1), 100)
    .option('--json', 'as JSON')
    .action(
      action(async ({ json, ...query }: QueryFlags) => {
        const rows = await withTelemetry(setup, (port) => port.query(query))
        if (json) return sayJson(io, rows)
        if (rows.length === 0) return say(io, 'no events')
        sayTable(io, [
          ['AT', 'TYPE', 'ID', 'DATA'],
          ...rows.map(({ at, type, id, data }) => [at.toISOString(), type, id, JSON.stringify(data)]),
        ])
      }),
    )
}

function addDead(telemetry: Command, setup: Setup): void {
  const { io, action } = setup
  telemetry
    .command('dead')
    .description('events that were set aside: of the wrong type, too large, or refused')
    .option('--replay', 'sends them again, each once')
    .option('--json', 'as JSON')
    .action(
      action(async ({ replay, json }: { replay?: boolean; json?: boolean }) => {
        await withTelemetry(setup, async (port) => {
          if (replay) {
            const count = await port.deadLetters.replay()
            const { complete } = await port.flush()
            if (json) return sayJson(io, { replayed: count, complete })
            return say(io, `${count} sent again${complete ? '' : '; some are still on their way'}`)
          }
          const dead = []
          for await (const event of port.deadLetters.list()) dead.push(event)
          if (json) return sayJson(io, dead)
          if (dead.length === 0) return say(io, 'no dead events')
          sayTable(io, [
            ['DIED AT', 'TYPE', 'ID', 'REASON'],
            ...dead.map(({ diedAt, type, id, reason }) => [diedAt.toISOString(), type, id, reason]),
          ])
        })
      }),
    )
}
