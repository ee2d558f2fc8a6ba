import type { App, AppJob, PortProvision, Provision, ProvisionOptions } from '@pdvend/container'
import { type PortName, portNames } from '@pdvend/ports'
import { type Command, InvalidArgumentError } from 'commander'
import { knownApp, loadApp } from '../adapters.js'
import { iamPolicy, MAX_POLICY_CHARACTERS } from '../iam-policy.js'
import { EXIT, Failure, type Io, say, sayJson, sayTable } from '../io.js'
import { listOption } from '../options.js'
import type { Setup } from '../program.js'
import { CHECK_UP } from '../round-trips.js'

interface ProvisionFlags {
  readonly app?: string
  readonly jobs?: readonly AppJob[]
  readonly only?: readonly PortName[]
  readonly apply?: boolean
  readonly json?: boolean
  readonly printIam?: boolean
}

export function addProvision(program: Command, { io, modules, action }: Setup): void {
  program
    .command('provision')
    .description('plans what the engines lack: buckets, topics, queues; nothing is changed without --apply')
    .option('--app <path>', "the app's module, which exports `app`: its profiles and its jobs")
    .option('--jobs <names>', 'names of jobs, in place of an app; those with a key as name:keyed', jobsOption)
    .option('--only <ports>', `only these of ${portNames.join(', ')}`, portsOption)
    .option('--apply', 'carries the plan out')
    .option('--json', 'as JSON')
    .option('--print-iam', 'prints the AWS policy that the running app needs, and looks at nothing')
    .addHelpText('after', '\nExit codes beside the others: 2 the plan has changes to make.')
    .action(
      action(async ({ app: module, jobs = [], only, apply, json, printIam }: ProvisionFlags) => {
        if (module !== undefined && jobs.length > 0) throw new Failure('give --app or --jobs, not both')
        if (printIam && apply) throw new Failure('--print-iam changes nothing: give it without --apply')
        const app = module === undefined ? await knownApp(io, modules()) : await loadApp(io, module)
        const options = { jobs: [{ name: CHECK_UP }, ...jobs], ...(only === undefined ? {} : { only }) }
        if (printIam) return printPolicy(io, app, options)
        await using plan = await app.provision(io.env, options)
        if (!json) sayPlan(io, plan)
        const open = changes(plan.ports, 'create', 'update')
        const refused = changes(plan.ports, 'refuse')
        const doIt = apply === true && refused === 0 && open > 0
        if (doIt) await plan.apply()
        if (json) sayJson(io, { profile: plan.profile, ports: plan.ports, applied: doIt })
        else say(io, `\n${closing(open, refused, doIt)}`)
        if (refused > 0) return EXIT.failed
        return open > 0 && !doIt ? EXIT.pending : EXIT.ok
      }),
    )
}

/** The policy alone on standard output; what it leaves out on standard error. */
async function printPolicy(io: Io, app: App, options: ProvisionOptions): Promise<void> {
  const ports = await app.permissions(io.env, options)
  const policy = iamPolicy(ports)
  sayJson(io, policy)
  const note = (text: string): void => void io.stderr.write(`${text}\n`)
  for (const { port, adapter, permissions } of ports)
    if (permissions === undefined) note(`not in it: ${port}, for ${adapter} has no rights of AWS`)
  if (policy.Statement.some(({ Resource }) => Resource.some((name) => name.split(':').slice(3, 5).includes('*'))))
    note('a * stands for the region or the account where no setting tells it')
  const characters = JSON.stringify(policy).length
  if (characters > MAX_POLICY_CHARACTERS)
    note(`${characters} characters: a managed policy holds ${MAX_POLICY_CHARACTERS}; make one of each port with --only`)
}

function changes(ports: readonly PortProvision[], ...kinds: readonly string[]): number {
  return ports.flatMap(({ steps }) => steps).filter(({ change }) => kinds.includes(change)).length
}

function closing(open: number, refused: number, done: boolean): string {
  if (refused > 0) return `${refused} cannot be done, so nothing was changed`
  if (open === 0) return 'everything is there'
  const what = open === 1 ? 'one change' : `${open} changes`
  return done ? `${what} made` : `${what} to make: add --apply`
}

function sayPlan(io: Io, { profile, ports }: Provision): void {
  say(io, `profile ${profile}`)
  const rows = ports.flatMap(({ port, adapter, steps }) =>
    steps.length === 0
      ? [[port, adapter, '-', '-', '', 'nothing has to be made']]
      : steps.map(({ change, kind, name, detail }) => [port, adapter, change, kind, name, detail ?? '']),
  )
  sayTable(io, [['PORT', 'ADAPTER', 'CHANGE', 'WHAT', 'NAME', 'DETAIL'], ...rows])
}

/** `receipt.issue:keyed,catalogue.import`. */
function jobsOption(text: string): readonly AppJob[] {
  return listOption(text).map((item) => {
    const [, name, keyed] = /^([a-z][a-z0-9._-]*)(:keyed)?$/.exec(item) ?? []
    if (name === undefined) throw new InvalidArgumentError('Write it like receipt.issue:keyed,catalogue.import.')
    return keyed === undefined ? { name } : { name, key: () => name }
  })
}

function portsOption(text: string): readonly PortName[] {
  const names = listOption(text)
  const known = portNames.filter((port) => names.includes(port))
  if (known.length !== names.length || known.length === 0) throw new InvalidArgumentError(`The ports are ${portNames.join(', ')}.`)
  return known
}
