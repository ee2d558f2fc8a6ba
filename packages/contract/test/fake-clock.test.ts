import { describe, expect, test } from '@jest/globals'
import { FakeClock } from '@pdvend/contract'

describe('the fake clock', () => {
  test('fires timers by time, and those of one time in the order in which they were set', async () => {
    const clock = new FakeClock(0)
    const fired: string[] = []
    clock.timer(20, () => fired.push(`late at ${clock.now()}`))
    clock.timer(10, () => fired.push(`first at ${clock.now()}`))
    clock.timer(10, () => fired.push(`second at ${clock.now()}`))
    await clock.advance(15)
    expect(fired).toEqual(['first at 10', 'second at 10'])
    expect(clock.now()).toBe(15)
    await clock.advance(5)
    expect(fired.at(-1)).toBe('late at 20')
  })

  test('fires what a timer sets when that is due within the same move', async () => {
    const clock = new FakeClock(0)
    const fired: number[] = []
    const tick = (): void => {
      fired.push(clock.now())
      if (fired.length < 5) clock.timer(10, tick)
    }
    clock.timer(10, tick)
    await clock.advance(35)
    expect(fired).toEqual([10, 20, 30])
  })

  test('lets promises and I/O run between two timers', async () => {
    const clock = new FakeClock(0)
    const order: string[] = []
    clock.timer(1, () => void Promise.resolve().then(() => order.push('promise of the first')))
    clock.timer(2, () => order.push('second'))
    await clock.advance(2)
    expect(order).toEqual(['promise of the first', 'second'])
  })

  test('does not fire what was cancelled', async () => {
    const clock = new FakeClock(0)
    const fired: string[] = []
    clock.timer(1, () => fired.push('x')).cancel()
    await clock.advance(10)
    expect(fired).toEqual([])
  })

  test('set anew it jumps, also back, and fires nothing by that', async () => {
    const clock = new FakeClock(1_000)
    const fired: string[] = []
    clock.timer(10, () => fired.push('x'))
    clock.set(500)
    expect(clock.now()).toBe(500)
    expect(fired).toEqual([])
    await clock.advance(510)
    expect(fired).toEqual(['x'])
  })

  test('moves until something holds, and says when it never does', async () => {
    const clock = new FakeClock(0)
    let done = false
    clock.timer(250, () => (done = true))
    await clock.until(() => done, 1_000)
    expect(clock.now()).toBe(300)
    await expect(clock.until(() => false, 500)).rejects.toThrow('not reached within 500 ms of the fake clock')
  })
})
