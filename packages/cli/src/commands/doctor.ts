import type { App, Environment } from '@pdvend/container'
import { type AnyAdapter, PortError, type PortName, portNames } from '@pdvend/ports'
import type { Command } from 'commander'
import { knownApp } from '../adapters.js'
import { EXIT, say, sayJson, sayTable } from '../io.js'
import type { Setup } from '../program.js'
import { roundTrips } from '../round-trips.js'

/** What the doctor found about one port. */
interface Finding {
  readonly port: PortName
  readonly adapter: string
  readonly status: 'up' | 'degraded' | 'down'
  readonly latencyMs?: number
  /** What was tried through the port, or why not. */
  readonly roundTrip?: string
  /** What the adapter measured or chose. */
  readonly facts?: Readonly<Record<string, string>>
  readonly error?: string
}

interface DoctorFlags {
  readonly ping?: boolean
  readonly json?: boolean
}

export function addDoctor(program: Command, { io, modules, action }: Setup): void {
  program
    .command('doctor')
    .description('checks the configuration, opens each adapter and makes a round trip through each port')
    .option('--ping', 'only asks each engine for a sign of life: writes nothing')
    .option('--json', 'as JSON')
    .action(
      action(async ({ ping, json }: DoctorFlags) => {
        const app = await knownApp(io, modules())
        const { profile, adapters } = await app.check(io.env)
        const findings: Finding[] = []
        for (const port of portNames) findings.push(await examine(app, io.env, port, adapters[port], ping === true))
        if (json) sayJson(io, { profile, ports: findings })
        else {
          say(io, `profile ${profile}`)
          const rows = findings.map(({ port, adapter, status, latencyMs, roundTrip }) => [
            port,
            adapter,
            status,
            latencyMs === undefined ? '-' : `${latencyMs} ms`,
            roundTrip ?? '-',
          ])
          sayTable(io, [['PORT', 'ADAPTER', 'STATUS', 'LATENCY', 'ROUND TRIP'], ...rows])
          const measured = findings.filter(({ facts = {} }) => Object.keys(facts).length > 0)
          if (measured.length > 0) say(io, '')
          for (const { port, facts = {} } of measured) {
            const told = Object.entries(facts).map(([name, value]) => `${name} ${value}`)
            say(io, `${port}: ${told.join(', ')}`)
          }
          for (const { port, error } of findings) if (error !== undefined) say(io, `\n${port}: ${error}`)
        }
        return findings.every(({ status }) => status === 'up') ? EXIT.ok : EXIT.failed
      }),
    )
}

/** Opens one port alone, so that one that fails hides nothing of the others. */
async function examine(app: App, env: Environment, port: PortName, adapter: AnyAdapter, pingOnly: boolean): Promise<Finding> {
  const of = { port, adapter: adapter.name }
  try {
    await using running = await app.start(env, { only: [port] })
    const { status, latencyMs, lastError } = (await running.health()).ports[port]
    const found = { ...of, status, latencyMs, facts: running.facts[port] }
    if (pingOnly || status === 'down') return { ...found, ...errorOf(lastError === undefined ? [] : [lastError.message]) }
    const trip = await roundTrips[port](running.container, adapter).then(
      (roundTrip) => ({ told: { roundTrip }, failures: [] }),
      (error: unknown) => ({ told: {}, failures: error instanceof AggregateError ? (error.errors as readonly unknown[]) : [error] }),
    )
    // What failed in the background, a poll or a delivery, says more than that it took too long.
    const after = (await running.health()).ports[port]
    const telling = trip.failures.filter((error) => after.lastError === undefined || !PortError.is(error, 'DEADLINE_EXCEEDED')).map(message)
    const errors = after.lastError === undefined ? telling : [...telling, after.lastError.message]
    return { ...found, ...trip.told, status: errors.length > 0 ? worse(after.status) : after.status, ...errorOf(errors) }
  } catch (error) {
    return { ...of, status: 'down', error: message(error) }
  }
}

function worse(status: Finding['status']): Finding['status'] {
  return status === 'up' ? 'degraded' : status
}

function errorOf(messages: readonly string[]): Pick<Finding, 'error'> {
  return messages.length === 0 ? {} : { error: [...new Set(messages)].join('; ') }
}

function message(error: unknown): string {
  return PortError.is(error) ? error.message : String(error)
}
