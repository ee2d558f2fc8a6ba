import { randomBytes } from 'node:crypto'
import { link, open, readFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { PortError, type Secret } from '@pdvend/ports'

/** Shortest key that a person may set, in characters. */
const MIN_KEY_CHARACTERS = 16

/**
 * The key of signed URLs: the one of the setting, else the one kept in the data directory, made on first use (owner may
 * read it, nobody else). Processes that start at once agree: the first file that gets the name wins.
 * @throws CONFIG_INVALID when the setting is too short or the kept key is damaged
 */
export async function readSigningKey(directory: string, setting: Secret | undefined): Promise<Buffer> {
  if (setting !== undefined) {
    const key = Buffer.from(setting.reveal(), 'utf8')
    if (key.byteLength >= MIN_KEY_CHARACTERS) return key
    throw broken(`PDVEND_BLOB_SIGNING_KEY has ${key.byteLength} characters: give at least ${MIN_KEY_CHARACTERS}`)
  }
  const file = join(directory, 'signing.key')
  return (await readKey(file)) ?? (await makeKey(file))
}

async function readKey(file: string): Promise<Buffer | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return undefined
  if (!/^[0-9a-f]{64}\n$/.test(text))
    throw broken('signing.key in PDVEND_LOCAL_DIR/blob is damaged: remove it, which ends the signed URLs that are about')
  return Buffer.from(text.trim(), 'hex')
}

async function makeKey(file: string): Promise<Buffer> {
  const draft = `${file}.${randomBytes(8).toString('hex')}`
  const handle = await open(draft, 'wx', 0o600)
  try {
    await handle.writeFile(`${randomBytes(32).toString('hex')}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  try {
    // A hard link, not a rename: it fails when another process was faster, and the file is whole from its first moment.
    await link(draft, file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  } finally {
    await unlink(draft)
  }
  const key = await readKey(file)
  if (key === undefined) throw broken('signing.key in PDVEND_LOCAL_DIR/blob cannot be read after it was written')
  return key
}

function broken(detail: string): PortError {
  return new PortError('CONFIG_INVALID', { adapter: 'local-blob', operation: 'open', detail })
}
