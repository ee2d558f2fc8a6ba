import { expect, test } from '@jest/globals'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { useOwnDirectory } from './own-directory.js'

useOwnDirectory()

/** Starts the child, waits until its ports are open, does `act`, and gives what it printed and how it ended. */
async function drained(
  args: readonly string[],
  act: (child: ReturnType<typeof fork>, printed: (line: string) => Promise<void>) => Promise<void> | void,
) {
  const script = fileURLToPath(new URL('./children/drain.mjs', import.meta.url))
  const child = fork(script, args, { stdio: ['ignore', 'pipe', 'inherit', 'ipc'], execArgv: [] })
  let output = ''
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (output += text))
  const printed = async (line: string): Promise<void> => {
    while (!output.includes(line)) await once(child.stdout!, 'data')
  }
  await once(child, 'message')
  await act(child, printed)
  const [code, signal] = await exited
  return { lines: output.trim().split('\n'), code, signal }
}

const inOrder = ['close http', 'close push', 'close jobs', 'close blob', 'close telemetry']

test.each(['SIGTERM', 'SIGINT'] as const)('%s drains, then the process ends by it', async (signal) => {
  const end = await drained(['well'], (child) => void child.kill(signal))
  expect(end).toMatchObject({ lines: inOrder, code: null, signal })
})

test('a part that hangs costs its share of the time only, and the process still ends', async () => {
  const end = await drained(['hangs'], (child) => void child.kill('SIGTERM'))
  expect(end).toMatchObject({ lines: inOrder, signal: 'SIGTERM' })
})

test('a second signal ends the process at once', async () => {
  const end = await drained(['hangs'], async (child, printed) => {
    child.kill('SIGTERM')
    await printed('close jobs')
    child.kill('SIGTERM')
  })
  expect(end).toMatchObject({ lines: inOrder.slice(0, 3), signal: 'SIGTERM' })
})

test('every app of the process is drained before it ends', async () => {
  const end = await drained(['well', 'twice'], (child) => void child.kill('SIGTERM'))
  expect(end).toMatchObject({ lines: [...inOrder, 'close second', 'close push'], signal: 'SIGTERM' })
})

test('with no signals the app is left alone', async () => {
  const end = await drained(['well', 'none'], (child) => void child.kill('SIGTERM'))
  expect(end).toMatchObject({ lines: [''], signal: 'SIGTERM' })
})

test('close stops listening, and nothing keeps the process alive', async () => {
  const end = await drained(['well'], (child) => void child.send('close'))
  expect(end).toMatchObject({ lines: [...inOrder, 'listeners 0', 'exit'], code: 0 })
})
