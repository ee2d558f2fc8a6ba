import { setMaxListeners } from 'node:events'
import { describe, expect, test } from '@jest/globals'
import { type Clock, PortError, systemClock } from '@pdvend/ports'
import { brokerOf } from '../src/broker.js'
import type { MqttClient } from '../src/client.js'
import { Outgoing } from '../src/outgoing.js'

type Done = (error?: Error & { code?: number }) => void

/** As much of a client as the queue uses; what it sends is acknowledged by hand. */
function client() {
  const sent: { readonly topic: string; readonly done: Done }[] = []
  const made = {
    connected: true,
    publish: (topic: string, _payload: unknown, _options: unknown, done: Done) => void sent.push({ topic, done }),
  }
  return { sent, made, mqtt: made as unknown as MqttClient }
}
const broker = brokerOf({ adapter: 'a', address: 'A', login: 'L', rules: 'R', trust: 'T', certificate: 'C' })
/** A clock that moves only when told. */
function clockByHand(): Clock & { advance(ms: number): void } {
  let now = 0
  let timers: { readonly at: number; readonly fire: () => void }[] = []
  return {
    now: () => now,
    timer(delayMs, fire) {
      const timer = { at: now + delayMs, fire }
      timers.push(timer)
      return { cancel: () => void (timers = timers.filter((one) => one !== timer)) }
    },
    advance(ms) {
      now += ms
      const due = timers.filter(({ at }) => at <= now)
      timers = timers.filter(({ at }) => at > now)
      for (const { fire } of due) fire()
    },
  }
}
const never = new AbortController().signal
setMaxListeners(0, never)

describe('what goes to the broker', () => {
  test('keeps its order, no more than the window on its way, and goes out again first after a loss', async () => {
    const outgoing = new Outgoing(broker, systemClock)
    const one = client()
    outgoing.connected(one.mqtt, 2)
    const all = ['a', 'b', 'c', 'd'].map((topic) => outgoing.publish(topic, '', {}, never))
    expect(one.sent.map(({ topic }) => topic)).toEqual(['a', 'b'])
    one.sent[0]!.done()
    await all[0]
    expect(one.sent.map(({ topic }) => topic)).toEqual(['a', 'b', 'c'])
    one.made.connected = false
    outgoing.disconnected()
    one.sent[1]!.done(new Error('Connection closed'))
    const two = client()
    outgoing.connected(two.mqtt, 10)
    expect(two.sent.map(({ topic }) => topic)).toEqual(['b', 'c', 'd'])
    for (const { done } of two.sent) done()
    await Promise.all(all)
    await outgoing.close(0)
  })

  test('is refused at the bound while the broker is away, and by its caller’s end', async () => {
    const outgoing = new Outgoing(broker, systemClock)
    const waiting = Array.from({ length: 10_000 }, () => outgoing.publish('a', '', {}, never))
    for (const one of waiting) one.catch(() => {})
    await expect(outgoing.publish('b', '', {}, never)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await outgoing.close(0)
    await expect(waiting[0]).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(outgoing.publish('c', '', {}, never)).rejects.toMatchObject({ code: 'CLOSED' })

    const bytes = new Outgoing(broker, systemClock)
    const ended = new AbortController()
    const large = Array.from({ length: 4 }, () => bytes.publish('a', new Uint8Array(8 * 1024 * 1024), {}, ended.signal))
    await expect(bytes.publish('b', 'x', {}, never)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    ended.abort(new PortError('DEADLINE_EXCEEDED'))
    for (const one of large) await expect(one).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    const fits = bytes.publish('b', 'x', {}, never)
    const one = client()
    bytes.connected(one.mqtt, 1)
    one.sent[0]!.done()
    await fits
    await bytes.close(0)
  })

  test('a refusal by the broker is told in our codes', async () => {
    const outgoing = new Outgoing(broker, systemClock)
    const one = client()
    outgoing.connected(one.mqtt, 10)
    const refused = outgoing.publish('a', '', {}, never)
    one.sent[0]!.done(Object.assign(new Error('Publish error: Not authorized'), { code: 135 }))
    await expect(refused).rejects.toMatchObject({ code: 'PERMISSION_DENIED' })
    await outgoing.close(0)
  })

  test('keeps to a pace, and what is refused as too fast goes out again in its place a second later', async () => {
    const clock = clockByHand()
    const outgoing = new Outgoing(broker, clock, 100)
    const one = client()
    outgoing.connected(one.mqtt, 100)
    const all = Array.from({ length: 15 }, (_, n) => outgoing.publish(String(n), '', {}, never))
    const topics = (): string => one.sent.map(({ topic }) => topic).join(' ')
    expect(topics()).toBe('0 1 2 3 4 5 6 7 8 9')
    clock.advance(9)
    expect(topics()).toBe('0 1 2 3 4 5 6 7 8 9')
    clock.advance(21)
    expect(topics()).toBe('0 1 2 3 4 5 6 7 8 9 10 11 12')
    const tooFast = Object.assign(new Error('Publish error: Quota exceeded'), { code: 151 })
    one.sent[12]!.done(tooFast)
    one.sent[11]!.done(tooFast)
    for (const { done } of one.sent.slice(0, 11)) done()
    clock.advance(990)
    expect(topics()).toBe('0 1 2 3 4 5 6 7 8 9 10 11 12')
    clock.advance(100)
    expect(topics()).toBe('0 1 2 3 4 5 6 7 8 9 10 11 12 11 12 13 14')
    for (const { done } of one.sent.slice(13)) done()
    await Promise.all(all)
    await outgoing.close(0)
  })
})
