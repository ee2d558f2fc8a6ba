import { Command, InvalidArgumentError } from 'commander'
import { startOwnServer } from './own-server.js'
import { simulate } from './run.js'

interface Options {
  readonly tills: number
  readonly minutes: number
  readonly rate: number
  readonly url?: string
}

const above0 = (text: string): number => {
  const value = Number(text)
  if (!(value > 0 && value <= 10_000)) throw new InvalidArgumentError('Give a number above 0.')
  return value
}

const program = new Command('simulate')
  .description('Sells at many tills at once through the real HTTP and push interfaces, and checks that nothing is lost.')
  .option('--tills <count>', 'tills', above0, 20)
  .option('--minutes <minutes>', 'how long they sell', above0, 2)
  .option('--rate <sales>', 'sales per till and minute, on average', above0, 30)
  .option('--url <url>', 'a shop that runs already, e.g. http://localhost:3000; default: one of its own, over an empty store')
  .parse()

const { tills, minutes, rate, url } = program.opts<Options>()
const say = (line: string): void => console.log(line)

async function main(): Promise<number> {
  await using own = url === undefined ? await startOwnServer() : undefined
  const losses = await simulate({ url: url ?? own!.url, tills: Math.ceil(tills), minutes, rate, say })
  for (const loss of losses) say(`LOST: ${loss}`)
  say(losses.length === 0 ? 'nothing lost' : `${losses.length} kinds of loss`)
  return losses.length === 0 ? 0 : 1
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : String(error))
    process.exit(1)
  },
)
