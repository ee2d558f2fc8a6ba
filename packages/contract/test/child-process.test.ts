import { describe, expect, test } from '@jest/globals'
import { spawnChild } from '@pdvend/contract'

const echo = new URL('./children/echo.mjs', import.meta.url)
const module = new URL('./children/adapter.mjs', import.meta.url).href
const start = (args: Readonly<Record<string, unknown>>) => spawnChild(echo, { module, env: { PDVEND_X: '1' }, args })
const isCount =
  (wanted: number) =>
  (message: unknown): boolean =>
    (message as { n?: number }).n === wanted

describe('a child process', () => {
  test('has the adapter, the settings and the arguments', async () => {
    const child = start({ count: 1 })
    expect(await child.message()).toEqual({ adapter: 'in-memory', env: { PDVEND_X: '1' }, args: { count: 1 } })
    expect(await child.done()).toBe(0)
  })

  test('is heard to its last message, also when it has ended', async () => {
    const child = start({ count: 500 })
    expect(await child.message(isCount(499))).toEqual({ n: 499 })
    await child.done()
    expect(child.messages).toHaveLength(501)
    expect(await child.message(isCount(3))).toEqual({ n: 3 })
  })

  test('that throws is an error with what it wrote', async () => {
    const child = start({ next: 'throw' })
    await expect(child.done()).rejects.toThrow('the script broke')
  })

  test('that ends without the awaited message is an error', async () => {
    const child = start({})
    await expect(child.message(isCount(7))).rejects.toThrow('the child ended without the message')
  })

  test('is gone once it is killed; killing it again does nothing', async () => {
    const child = start({ next: 'wait' })
    await child.message()
    await child.kill()
    expect(child.process.signalCode).toBe('SIGKILL')
    await child.kill()
    expect(await child.done()).toBeNull()
  })
})
