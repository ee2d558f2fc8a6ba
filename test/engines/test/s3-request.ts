import type { RunningEngine } from '../src/index.js'
import { s3Request } from '../src/engines/s3.js'

/** Stores an object in a bucket of the same name. */
export async function putObject(engine: RunningEngine, name: string): Promise<void> {
  for (const [path, body] of [
    [`/${name}`, ''],
    [`/${name}/receipt`, 'total 12.50'],
  ] as const) {
    const response = await s3Request(engine.url, 'PUT', path, body)
    if (!response.ok && response.status !== 409) throw new Error(`PUT ${path}: ${response.status} ${await response.text()}`)
  }
}

/** True when the object is there whole and the bucket is listed. */
export async function hasObject(engine: RunningEngine, name: string): Promise<boolean> {
  const list = await s3Request(engine.url, 'GET', '/')
  const buckets = await list.text()
  if (!list.ok) throw new Error(`GET /: ${list.status} ${buckets}`)
  const object = await s3Request(engine.url, 'GET', `/${name}/receipt`)
  return object.ok && (await object.text()) === 'total 12.50' && buckets.includes(`<Name>${name}</Name>`)
}
