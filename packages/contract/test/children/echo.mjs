// Tells what it was started with; then does as `args.next` says.
export async function run({ manifest, env, args, send }) {
  send({ adapter: manifest.name, env, args })
  if (args.next === 'throw') throw new Error('the script broke')
  if (args.next === 'wait') await new Promise((resolve) => setTimeout(resolve, 60_000))
  for (let n = 0; n < (args.count ?? 0); n++) send({ n })
}
