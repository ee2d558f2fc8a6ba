import type { RunningEngine } from '../src/index.js'
import { describeEngine } from './lifecycle.js'

async function put(engine: RunningEngine, name: string): Promise<void> {
  const body = JSON.stringify({ name, listen: '127.0.0.1:0', upstream: '127.0.0.1:1', enabled: true })
  const response = await fetch(`${engine.url}/proxies`, { method: 'POST', body })
  if (!response.ok && response.status !== 409) throw new Error(`POST /proxies: ${response.status} ${await response.text()}`)
}

async function has(engine: RunningEngine, name: string): Promise<boolean> {
  return name in ((await (await fetch(`${engine.url}/proxies`)).json()) as Record<string, unknown>)
}

await describeEngine({ name: 'toxiproxy', keeps: 'nothing', put, has })
