// What both push benchmarks measure with: publishes in a window, and a count of what the devices handled.

/** Publishes `count` with at most `window` on their way; ends when every device has handled every one. */
export async function timed(counter, count, devices, publish, window) {
  const deliveries = count * devices
  const done = counter.reach(deliveries)
  const startedAt = performance.now()
  const cpuAt = process.cpuUsage()
  let next = 0
  await Promise.all(
    Array.from({ length: window }, async () => {
      while (next < count) await publish(next++)
    }),
  )
  await done
  const seconds = (performance.now() - startedAt) / 1_000
  const { user, system } = process.cpuUsage(cpuAt)
  return { perSecond: Math.round(deliveries / seconds), cpuUsEach: Math.round((user + system) / deliveries) }
}

/** Resolves when as many deliveries were counted as `reach` was given. */
export function counting() {
  let seen = 0
  let wanted = Infinity
  let resolve = () => {}
  return {
    count: () => void (++seen === wanted && resolve()),
    reach(count) {
      seen = 0
      wanted = count
      return new Promise((done) => (resolve = done))
    },
  }
}
