// The same events for every variant, and how their cost is taken: CPU of the whole process, worker threads included, from
// the first event until the last has left.
const WARM_UP = 20_000

/** @param {{ emit(data: object): void, flush(): Promise<unknown>, close(): Promise<unknown> }} sink */
export async function measure(sink, events) {
  // Worker threads and timers of the variants do not keep a process alive by themselves.
  const alive = setInterval(() => undefined, 1_000)
  await run(sink, Math.min(WARM_UP, events))
  const from = process.cpuUsage()
  const startedAt = performance.now()
  await run(sink, events)
  const { user, system } = process.cpuUsage(from)
  const wallMs = performance.now() - startedAt
  await sink.close()
  clearInterval(alive)
  process.stdout.write(JSON.stringify({ cpuUs: (user + system) / events, wallMs }))
}

async function run(sink, events) {
  for (let n = 0; n < events; n++) {
    sink.emit(sale(n))
    // A till is not a loop: the event loop gets its turns.
    if (n % 50 === 49) await new Promise((resolve) => setImmediate(resolve))
  }
  await sink.flush()
}

function sale(n) {
  return {
    saleId: `s-${n}`,
    till: 'till-07',
    totalCents: 1_000 + n,
    items: [
      { sku: '7891000100103', name: 'Leite condensado', cents: 649, quantity: 2 },
      { sku: '7891000053508', name: 'Cafe em po 500 g', cents: 1899, quantity: 1 },
    ],
  }
}
