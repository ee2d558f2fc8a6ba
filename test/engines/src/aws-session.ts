import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface AwsSessionOptions {
  /** `#` stands for the session's number, from 1. Default `temporary`. */
  readonly accessKeyId?: string
  /** Default `token-#`. */
  readonly sessionToken?: string
  /** How long the first one says that it lives, in milliseconds; the later ones: an hour. Default an hour. */
  readonly firstLivesMs?: number
}

/**
 * A profile of AWS whose credentials come from a program, another session each time it is asked; its files are in `folder`.
 * Gives the variables by which the SDK's chain finds it.
 */
export async function awsSessions(
  folder: string,
  { accessKeyId = 'temporary', sessionToken = 'token-#', firstLivesMs = 3_600_000 }: AwsSessionOptions = {},
): Promise<Readonly<Record<string, string>>> {
  const [script, counter, file] = [join(folder, 'credentials.mjs'), join(folder, 'counter'), join(folder, 'config')]
  await writeFile(counter, '0')
  await writeFile(
    script,
    `#!${process.execPath}
import { readFileSync, writeFileSync } from 'node:fs'
const number = Number(readFileSync(${JSON.stringify(counter)}, 'utf8')) + 1
writeFileSync(${JSON.stringify(counter)}, String(number))
const numbered = (text) => text.replace('#', number)
const [AccessKeyId, SessionToken] = [${JSON.stringify(accessKeyId)}, ${JSON.stringify(sessionToken)}].map(numbered)
const Expiration = new Date(Date.now() + (number === 1 ? ${firstLivesMs} : 3_600_000)).toISOString()
console.log(JSON.stringify({ Version: 1, AccessKeyId, SecretAccessKey: 'secret', SessionToken, Expiration }))
`,
  )
  await chmod(script, 0o755)
  await writeFile(file, `[profile shop]\ncredential_process = ${script}\nregion = us-east-1\n`)
  return { AWS_PROFILE: 'shop', AWS_CONFIG_FILE: file, AWS_SHARED_CREDENTIALS_FILE: '/none' }
}
