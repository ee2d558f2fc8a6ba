import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A spool folder as the first release wrote it, byte for byte: never to be made anew. Event v1-a is acknowledged, b and c wait, d is dead. */
const SEGMENT =
  'UERWU1BPT0wBAAAAcOE+4lBEVnK9AAAAi7DPYQAAAAABABCAqm23eUIEAAsAAAB2MS1hc2FsZS5jbG9zZWR7InNwZWN2ZXJzaW9uIjoiMS4wIiwiaWQiOiJ2' +
  'MS1hIiwidHlwZSI6InNhbGUuY2xvc2VkIiwic291cmNlIjoiL3BkdmVuZCIsInRpbWUiOiIyMDI2LTAxLTAxVDAwOjAwOjAwLjAwMVoiLCJkYXRhY29udGVu' +
  'dHR5cGUiOiJhcHBsaWNhdGlvbi9qc29uIiwiZGF0YSI6eyJuIjoxfX1QRFZy1gAAABSCC+4BAAAAAQAggKptt3lCBAALAAYAdjEtYnNhbGUuY2xvc2VkdGls' +
  'bC0xeyJzcGVjdmVyc2lvbiI6IjEuMCIsImlkIjoidjEtYiIsInR5cGUiOiJzYWxlLmNsb3NlZCIsInNvdXJjZSI6Ii9wZHZlbmQiLCJ0aW1lIjoiMjAyNi0w' +
  'MS0wMVQwMDowMDowMC4wMDJaIiwic3ViamVjdCI6InRpbGwtMSIsImRhdGFjb250ZW50dHlwZSI6ImFwcGxpY2F0aW9uL2pzb24iLCJkYXRhIjp7Im4iOjJ9' +
  'fVBEVnK9AAAAjn2kzAIAAAABADCAqm23eUIEAAsAAAB2MS1jc2FsZS5jbG9zZWR7InNwZWN2ZXJzaW9uIjoiMS4wIiwiaWQiOiJ2MS1jIiwidHlwZSI6InNh' +
  'bGUuY2xvc2VkIiwic291cmNlIjoiL3BkdmVuZCIsInRpbWUiOiIyMDI2LTAxLTAxVDAwOjAwOjAwLjAwM1oiLCJkYXRhY29udGVudHR5cGUiOiJhcHBsaWNh' +
  'dGlvbi9qc29uIiwiZGF0YSI6eyJuIjozfX0='
const ACKNOWLEDGED = 'EAAAAN0AAAAGj6fN'
const DEAD =
  'UERWU1BPT0wBAAAAcOE+4lBEVnLeAAAAHdLZbAAAAAACAECAqm23eUIEAAsAAAB2MS1kc2FsZS5jbG9zZWQAAICqbbd5QgEWAElOVkFMSURfQVJHVU1FTlQ6' +
  'IHJ1aW17InNwZWN2ZXJzaW9uIjoiMS4wIiwiaWQiOiJ2MS1kIiwidHlwZSI6InNhbGUuY2xvc2VkIiwic291cmNlIjoiL3BkdmVuZCIsInRpbWUiOiIyMDI2' +
  'LTAxLTAxVDAwOjAwOjAwLjAwNFoiLCJkYXRhY29udGVudHR5cGUiOiJhcHBsaWNhdGlvbi9qc29uIiwiZGF0YSI6eyJuIjo0fX0='

export async function formatVersion1(directory: string): Promise<void> {
  const folder = join(directory, 'free-0000000001')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, '00000001.seg'), Buffer.from(SEGMENT, 'base64'))
  await writeFile(join(folder, '00000001.ack'), Buffer.from(ACKNOWLEDGED, 'base64'))
  await writeFile(join(folder, '00000001.dead'), Buffer.from(DEAD, 'base64'))
}
