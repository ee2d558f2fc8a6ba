import type { App, Environment } from '@pdvend/container'
import { type AnyAdapter, type Logger, PortError, type PortName, portNames, silentLogger } from '@pdvend/ports'
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
        const complaints = new Complaints()
        const app = await knownApp(io, modules(), complaints.log)
        const { profile, adapters } = await app.check(io.env)
        const findings: Finding[] = []
        for (const port of portNames) findings.push(await examine(app, complaints, io.env, port, adapters[port], ping === true))
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

/** What was told at work, in polls and deliveries that no call waits for. */
class Complaints {
  readonly #told: string[] = []
  readonly log: Logger = {
    ...silentLogger,
    warn: (fields, text) => this.#hear(fields, text),
    error: (fields, text) => this.#hear(fields, text),
  }

  /** Each once, the newest last; from now on new ones. */
  taken(): readonly string[] {
    return [...new Set(this.#told.splice(0))]
  }

  #hear({ error, detail }: Readonly<Record<string, unknown>>, text: string): void {
    this.#told.push([text, error, detail].filter((part) => typeof part === 'string').join(': '))
  }
}

/** Opens one port alone, so that one that fails hides nothing of the others. */
async function examine(
  app: App,
  complaints: Complaints,
  env: Environment,
  port: PortName,
  adapter: AnyAdapter,
  pingOnly: boolean,
): Promise<Finding> {
  const of = { port, adapter: adapter.name }
  complaints.taken()
  try {
    await using running = await app.start(env, { only: [port] })
    const { status, latencyMs, lastError } = (await running.health()).ports[port]
    const found = { ...of, status, latencyMs, facts: running.facts[port] }
    if (pingOnly || status === 'down') return { ...found, ...errorOf(lastError === undefined ? [] : [lastError.message]) }
    const trip = await roundTrips[port](running.container, adapter).then(
      (roundTrip) => ({ told: { roundTrip }, failures: [] }),
      (error: unknown) => ({ told: {}, failures: error instanceof AggregateError ? (error.errors as readonly unknown[]) : [error] }),
    )
    const after = (await running.health()).ports[port]
    // What failed in the background says more than that it took too long; where all went well, only a right that lacks matters.
    const heard = complaints.taken().filter((text) => trip.failures.length > 0 || /PERMISSION_DENIED|UNAUTHENTICATED/.test(text))
    const behind = [...(after.lastError === undefined ? [] : [after.lastError.message]), ...heard]
    const telling = trip.failures.filter((error) => behind.length === 0 || !PortError.is(error, 'DEADLINE_EXCEEDED')).map(message)
    const errors = [...telling, ...behind]
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
