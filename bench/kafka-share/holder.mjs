// A member in a process of its own: takes one batch, says so, and is at it until it is killed.
import { members } from './members.mjs'

const { name, ...options } = JSON.parse(process.argv[2])
await members[name]({
  ...options,
  handle: (count) => {
    process.stdout.write(`${count}\n`)
    return new Promise(() => undefined)
  },
})
setInterval(() => undefined, 1_000)
