import { describe, expect, test } from '@jest/globals'
import { Calls, type Clock, type DriverCall, PortError, RetryBudget } from '../src/index.js'

/** Timers fire at once and in order, and time moves with them: backoff costs nothing here. */
function eagerClock(): Clock & { readonly waits: number[] } {
  let now = 0
  const waits: number[] = []
  return {
    waits,
    now: () => now,
    timer(delayMs, fire) {
      // A call's own deadline must stay silent; what sleeps between tries is shorter than that.
      if (delayMs >= 10_000) return { cancel: () => {} }
      waits.push(delayMs)
      const handle = setImmediate(() => {
        now += delayMs
        fire()
      })
      return { cancel: () => clearImmediate(handle) }
    },
  }
}

const unavailable = (): PortError => new PortError('UNAVAILABLE', { adapter: 'engine' })

function failing(
  times: number,
  error: () => unknown = unavailable,
): {
  readonly tries: () => number
  attempt(call: DriverCall): Promise<string>
} {
  let tries = 0
  return {
    tries: () => tries,
    attempt: async () => {
      tries += 1
      if (tries <= times) throw error()
      return 'done'
    },
  }
}

describe('one owner of retries', () => {
  test('a retryable failure is tried again until it succeeds', async () => {
    const { attempt, tries } = failing(2)
    await expect(new Calls('blob', { clock: eagerClock() }).run({ operation: 'get' }, attempt)).resolves.toBe('done')
    expect(tries()).toBe(3)
  })

  test('it gives up after maxAttempts and says how many there were', async () => {
    const { attempt, tries } = failing(99)
    const calls = new Calls('blob', {
      clock: eagerClock(),
      adapter: 'oss-minio',
      retry: { maxAttempts: 3 },
    })
    const error = await calls.run({ operation: 'get', target: 'a/b' }, attempt).catch((thrown: unknown) => thrown)
    expect(tries()).toBe(3)
    expect(error).toMatchObject({
      code: 'UNAVAILABLE',
      attempts: 3,
      adapter: 'oss-minio',
      operation: 'get',
      target: 'a/b',
    })
    expect((error as Error).message).toBe('oss-minio.get("a/b"): UNAVAILABLE after 3 attempts')
  })

  test.each([
    ['an unknown outcome that a retry could double', new PortError('DEADLINE_EXCEEDED'), 'guarded', 1],
    ['an unknown outcome of what may be repeated', new PortError('DEADLINE_EXCEEDED'), 'safe', 4],
    ['what was surely not applied', unavailable(), 'guarded', 4],
    ['a source that can be read only once', unavailable(), 'never', 1],
    ['what no retry can mend', new PortError('PERMISSION_DENIED'), 'safe', 1],
  ] as const)('%s', async (_name, error, repeat, expected) => {
    const { attempt, tries } = failing(99, () => error)
    await expect(new Calls('blob', { clock: eagerClock() }).run({ operation: 'put', repeat }, attempt)).rejects.toThrow(PortError)
    expect(tries()).toBe(expected)
  })

  test('waits grow exponentially with full jitter, and the engine may ask for longer', async () => {
    const clock = eagerClock()
    const { attempt } = failing(3, () => new PortError('RATE_LIMITED', { retryAfterMs: 700 }))
    await new Calls('blob', {
      clock,
      random: () => 0.5,
      retry: { firstMs: 1_000 },
    }).run({ operation: 'get' }, attempt)
    expect(clock.waits).toEqual([700, 1_000, 2_000])
  })

  test('B111 an empty budget stops a retry storm: 50 calls that fail make at most 50 + capacity tries', async () => {
    const calls = new Calls('blob', {
      clock: eagerClock(),
      budget: new RetryBudget(5, 0),
    })
    const all = Array.from({ length: 50 }, () => failing(99))
    await Promise.allSettled(all.map(({ attempt }) => calls.run({ operation: 'get' }, attempt)))
    expect(all.reduce((sum, { tries }) => sum + tries(), 0)).toBe(55)
  })
})

describe('deadline and cancellation', () => {
  const hang = ({ signal }: DriverCall): Promise<never> =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('the vendor says: aborted'))))

  test('B111 a call ends at its deadline with DEADLINE_EXCEEDED, outcome unknown', async () => {
    const error = await new Calls('blob').run({ operation: 'get', options: { timeoutMs: 30 } }, hang).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      outcome: 'unknown',
    })
  })

  test('a driver that ignores the signal cannot hold the caller', async () => {
    const deaf = (): Promise<never> => new Promise(() => {})
    await expect(new Calls('blob').run({ operation: 'get', options: { timeoutMs: 30 } }, deaf)).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    })
  })

  test('the caller may give up at any time: CANCELED, and no further try', async () => {
    const abort = new AbortController()
    const call = new Calls('blob').run({ operation: 'get', options: { signal: abort.signal } }, hang)
    abort.abort(new Error('the user left'))
    await expect(call).rejects.toMatchObject({ code: 'CANCELED' })
  })

  test('a signal that has aborted already sends nothing', async () => {
    const { attempt, tries } = failing(0)
    await expect(new Calls('blob').run({ operation: 'get', options: { signal: AbortSignal.abort() } }, attempt)).rejects.toMatchObject({
      code: 'CANCELED',
      outcome: 'not-applied',
    })
    expect(tries()).toBe(0)
  })

  test.each([0, -1, Number.NaN])('timeoutMs %p is refused before anything is sent', async (timeoutMs) => {
    const { attempt, tries } = failing(0)
    await expect(new Calls('blob').run({ operation: 'get', options: { timeoutMs } }, attempt)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
    expect(tries()).toBe(0)
  })

  test('after shut every call is refused with CLOSED', async () => {
    const calls = new Calls('blob')
    expect([calls.shut(), calls.shut()]).toEqual([true, false])
    await expect(calls.run({ operation: 'get' }, failing(0).attempt)).rejects.toMatchObject({ code: 'CLOSED' })
  })
})
