import { describe, expect, test } from '@jest/globals'
import { PortError, type SendCall, systemClock, type Target } from '@pdvend/ports'
import fc from 'fast-check'
import { Outlet, type OutletParts } from '../src/outlet.js'

const signal = new AbortController().signal
const keyOf = (to: Target): string => JSON.stringify(to)

function outlet(parts: Partial<OutletParts>) {
  const nowhere = (): Promise<void> => Promise.reject(new Error('not this way'))
  return new Outlet({ via: 'auto', mqtt: nowhere, http: nowhere, waiting: () => 0, clock: systemClock, signal, ...parts })
}
const device = (n: number): Target => ({ device: `till-${n}` })
const body = (n: number): Uint8Array => Uint8Array.of(n)
const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

describe('how pushes go out', () => {
  test('each target gets its messages in order, whichever way they went and however long each took', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(3), fc.nat(4), fc.boolean()), { maxLength: 60 }), async (sends) => {
        const got = new Map<string, number[]>()
        const take = (to: Target, bytes: Uint8Array): void => void got.set(keyOf(to), [...(got.get(keyOf(to)) ?? []), bytes[0]!])
        // The app's connection keeps the order of all that it is given; calls by HTTP overtake each other.
        let line = Promise.resolve()
        let busy = false
        const out = outlet({
          mqtt: (to, bytes) => (line = line.then(() => later(0)).then(() => take(to, bytes))),
          http: async (to, bytes) => {
            await later(sends[bytes[0]!]![1])
            take(to, bytes)
          },
          waiting: () => (busy ? 1 : 0),
        })
        await Promise.all(
          sends.map(([target, , congested], n) => {
            busy = congested
            return out.send(keyOf(device(target)), device(target), body(n), { signal })
          }),
        )
        for (const numbers of got.values()) expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
        expect([...got.values()].flat()).toHaveLength(sends.length)
        expect(out.sent.mqtt + out.sent.http).toBe(sends.length)
      }),
      { numRuns: 30 },
    )
  })

  test('what AWS throttles goes out again before what came after it, and its caller sees nothing of it', async () => {
    const tried: number[] = []
    const out = outlet({
      via: 'http',
      http: async (_to, bytes) => {
        tried.push(bytes[0]!)
        if (tried.length <= 2) throw new PortError('RATE_LIMITED')
      },
    })
    await Promise.all([1, 2, 3].map((n) => out.send('a', device(1), body(n), { signal })))
    expect(tried).toEqual([1, 1, 1, 2, 3])
  })

  test('what is kept is refused at once beyond a second of messages; what is not kept waits', async () => {
    const done: (() => void)[] = []
    const out = outlet({ via: 'mqtt', mqtt: () => new Promise<void>((resolve) => done.push(resolve)) })
    const sending = Array.from({ length: 85 }, () => out.send('a', device(1), body(0), { signal, kept: true }))
    await expect(out.send('a', device(1), body(0), { signal, kept: true })).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      adapter: 'aws-iot',
    })
    sending.push(out.send('b', device(2), body(0), { signal, kept: true }), out.send('a', device(1), body(0), { signal }))
    for (const resolve of done) resolve()
    await Promise.all(sending)

    const congested = outlet({ via: 'mqtt', waiting: () => 85 })
    await expect(congested.send('a', device(1), body(0), { signal, kept: true })).rejects.toMatchObject({ code: 'RATE_LIMITED' })
  })

  test('whoever gives up is let go at once; what is kept follows in its turn, the rest does not', async () => {
    let open = (): void => {}
    const gate = new Promise<void>((resolve) => (open = resolve))
    const sent: number[] = []
    const out = outlet({
      via: 'http',
      http: async (_to, bytes) => {
        await gate
        sent.push(bytes[0]!)
      },
    })
    const impatient = new AbortController()
    const send = (n: number, call: SendCall): Promise<void> => out.send('a', device(1), body(n), call)
    const patient = [send(1, { signal })]
    const given = [send(2, { signal: impatient.signal, kept: true }), send(3, { signal: impatient.signal })]
    patient.push(send(4, { signal }))
    impatient.abort(new PortError('DEADLINE_EXCEEDED'))
    for (const one of given) await expect(one).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    open()
    await Promise.all(patient)
    expect(sent).toEqual([1, 2, 4])
    await expect(send(5, { signal: impatient.signal })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  })

  test('memory is bounded while the data plane is away', async () => {
    const stop = new AbortController()
    const out = outlet({ via: 'http', http: () => new Promise<void>(() => {}) })
    const large = new Uint8Array(8 * 1_048_576)
    for (let n = 0; n < 4; n++) out.send('a', device(1), large, { signal: stop.signal }).catch(() => {})
    await expect(out.send('a', device(1), body(0), { signal })).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    stop.abort(new Error('over'))
  })
})
