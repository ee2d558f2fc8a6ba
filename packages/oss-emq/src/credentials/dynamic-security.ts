import { createHash, randomBytes } from 'node:crypto'
import { type Clock, type ClockTimer, type DriverCall, type Logger, newId, PortError } from '@pdvend/ports'
import { clientIdOf, type Credential, grantsOf, topicOf } from '@pdvend/push-mqtt'
import type { CredentialRequest, DeviceAuth, OnCutOff } from './device-auth.js'

/** Mosquitto's dynamic-security plug-in, https://mosquitto.org/documentation/dynamic-security/: commands in JSON, answers to all who subscribe. */
export const CONTROL_TOPIC = '$CONTROL/dynamic-security/v1'
export const RESPONSE_TOPIC = `${CONTROL_TOPIC}/response`

const ANSWER_MS = 5_000
/** Credentials end so much before their time, so that the broker knows it when a device comes at the last moment. */
const EARLY_MS = 50
/** How often this instance looks for credentials that another one issued, and for whose end it did not live. */
const LOOK_EVERY_MS = 30_000
/** What a command is answered with when its work was done before. */
const DONE_BEFORE = new Set(['Client not found', 'Role not found', 'Client already exists', 'Role already exists'])

type Command = Readonly<Record<string, unknown>> & { readonly command: string }
type Answer = { readonly correlationData?: string; readonly error?: string; readonly data?: Readonly<Record<string, unknown>> }

export interface ControlChannel {
  /** Sends one batch of commands. */
  control(text: string, signal: AbortSignal): Promise<void>
}

/**
 * Every credential is a client of the broker of its own, and its name says when it ends and for whom it is:
 * `device~<ns>~<device>~<end>.<groups>.<random>`. So the broker is the registry: any instance can end what another issued,
 * nothing has to be kept beside it, and what a wiped broker forgot is issued anew. Devices and groups each have a role, made
 * when it is first missed. *Cost*: the plug-in rewrites its whole file on each command that changes something, so an issue
 * costs one rewrite, of about 2 KiB a device; beyond some thousand devices use tokens.
 */
export class DynamicSecurity implements DeviceAuth {
  readonly name = 'dynsec'
  readonly #pending = new Map<string, (answer: Answer) => void>()
  /** End of each credential that this instance knows of, by user name. */
  readonly #ends = new Map<string, number>()
  #timer: ClockTimer | undefined
  #nextLook = 0
  readonly #ended = new AbortController()

  constructor(
    private readonly ns: string,
    private readonly channel: ControlChannel,
    private readonly clock: Clock,
    private readonly log: Logger,
    private readonly cutOff: OnCutOff,
  ) {}

  /** @throws CONFIG_INVALID where a client may do what no rule forbids: a device would reach everything [P46] */
  async checkDefaults(signal: AbortSignal): Promise<void> {
    const [answer] = await this.#run([{ command: 'getDefaultACLAccess' }], signal)
    const acls = (answer!.data?.acls ?? []) as readonly { readonly acltype: string; readonly allow: boolean }[]
    const open = acls.filter(({ acltype, allow }) => allow && (acltype === 'publishClientSend' || acltype === 'subscribe'))
    if (open.length === 0) return
    throw new PortError('CONFIG_INVALID', {
      adapter: 'oss-emq',
      operation: 'open',
      detail: `the dynamic-security plug-in allows ${open.map(({ acltype }) => acltype).join(' and ')} by default: deny that by setDefaultACLAccess, or every device reaches everything`,
    })
  }

  /** A message on {@link RESPONSE_TOPIC}: answers to this instance, and to others. */
  answered(payload: Uint8Array): void {
    const { responses = [] } = JSON.parse(Buffer.from(payload).toString('utf8')) as { responses?: readonly Answer[] }
    for (const answer of responses) this.#pending.get(answer.correlationData ?? '')?.(answer)
  }

  async issue(device: string, { groups, expiresAt, signal }: CredentialRequest): Promise<Credential> {
    const username = `${clientIdOf(this.ns, device)}~${expiresAt.toString(36)}.${fingerprint(groups)}.${randomBytes(6).toString('base64url')}`
    const password = randomBytes(24).toString('base64url')
    const roles = [clientIdOf(this.ns, device), ...groups.map((group) => this.#roleOf(group))]
    const create = {
      command: 'createClient',
      username,
      password,
      clientid: clientIdOf(this.ns, device),
      roles: roles.map((rolename) => ({ rolename })),
    }
    const [created] = await this.#ask([create], signal)
    if (created!.error === 'Role not found') await this.#run([...this.#roles(device, groups), create], signal)
    else refuse(create, created!)
    this.#know(username)
    await this.#endFormer(device, groups, signal)
    return { username, password }
  }

  async revoke(device: string, { signal }: DriverCall): Promise<void> {
    await this.#end(await this.#credentialsOf(device, signal), 'revoked', signal)
    this.cutOff(device, undefined, 'revoked')
  }

  connected(): void {
    this.#nextLook = 0
    this.#arm()
  }

  async close(): Promise<void> {
    this.#ended.abort(new PortError('CLOSED', { adapter: 'oss-emq' }))
    this.#timer?.cancel()
    this.#pending.clear()
  }

  /** [P3] Credentials for a group that the device has left are ended; those for fewer groups may stay. */
  async #endFormer(device: string, groups: readonly string[], signal: AbortSignal): Promise<void> {
    const mark = fingerprint(groups)
    const others = (await this.#credentialsOf(device, signal)).filter((username) => markOf(username) !== mark)
    if (others.length === 0) return
    const wanted = new Set([clientIdOf(this.ns, device), ...groups.map((group) => this.#roleOf(group))])
    const clients = await this.#run(
      others.map((username) => ({ command: 'getClient', username })),
      signal,
    )
    const reachesMore = (answer: Answer): boolean => {
      const { roles = [] } = (answer.data?.client ?? {}) as { roles?: readonly { readonly rolename: string }[] }
      return roles.some(({ rolename }) => !wanted.has(rolename))
    }
    await this.#end(
      others.filter((_, index) => reachesMore(clients[index]!)),
      'revoked',
      signal,
    )
  }

  /** All credentials that the broker has for a device, or for this namespace. */
  async #credentialsOf(device: string | undefined, signal: AbortSignal): Promise<readonly string[]> {
    const [answer] = await this.#run([{ command: 'listClients', verbose: false, count: -1, offset: 0 }], signal)
    const prefix = device === undefined ? `device~${this.ns}~` : `${clientIdOf(this.ns, device)}~`
    return ((answer!.data?.clients ?? []) as readonly string[]).filter((name) => name.startsWith(prefix))
  }

  async #end(usernames: readonly string[], reason: 'revoked' | 'expired', signal: AbortSignal): Promise<void> {
    if (usernames.length === 0) return
    await this.#run(
      // Deleting disconnects its user, without its will.
      usernames.map((username) => ({ command: 'deleteClient', username })),
      signal,
    )
    for (const username of usernames) {
      this.#ends.delete(username)
      const [, , device] = username.split('~')
      this.cutOff(device!, username, reason)
    }
  }

  #roleOf(group: string): string {
    return `group~${this.ns}~${group}`
  }

  /** What a device may do by itself, and what its groups add. */
  #roles(device: string, groups: readonly string[]): readonly Command[] {
    const allow = (acltype: string, topic: string) => ({ acltype, topic, priority: 0, allow: true })
    const reach = (topic: string) => [allow('subscribeLiteral', topic), allow('publishClientReceive', topic)]
    const { subscribe, publish } = grantsOf(this.ns, device, [])
    const acls = [...subscribe.flatMap(reach), ...publish.map((topic) => allow('publishClientSend', topic))]
    return [
      { command: 'createRole', rolename: clientIdOf(this.ns, device), acls },
      ...groups.map((group) => ({ command: 'createRole', rolename: this.#roleOf(group), acls: reach(topicOf(this.ns, { group })) })),
    ]
  }

  #know(username: string): void {
    const end = Number.parseInt(username.split('~')[3]?.split('.')[0] ?? '', 36)
    if (!Number.isSafeInteger(end)) return
    this.#ends.set(username, end)
    this.#arm()
  }

  /** [P47] One timer for the next thing to do: an end, or a look at what others issued. */
  #arm(): void {
    this.#timer?.cancel()
    if (this.#ended.signal.aborted) return
    let next = this.#nextLook
    for (const end of this.#ends.values()) next = Math.min(next, end - EARLY_MS)
    this.#timer = this.clock.timer(Math.max(0, next - this.clock.now()), () => {
      this.#sweep()
        .catch((error: unknown) => {
          if (this.#ended.signal.aborted) return
          this.log.warn({ port: 'push', error: String(error) }, 'credentials that are over were not ended yet')
          this.#nextLook = this.clock.now() + 1_000
        })
        .finally(() => this.#arm())
    })
  }

  async #sweep(): Promise<void> {
    const { signal } = this.#ended
    const now = this.clock.now()
    if (now >= this.#nextLook) {
      this.#nextLook = now + LOOK_EVERY_MS * (0.5 + Math.random())
      for (const username of await this.#credentialsOf(undefined, signal)) this.#know(username)
    }
    const over = [...this.#ends].filter(([, end]) => end - EARLY_MS <= now).map(([username]) => username)
    // Tried again with the next look, should this fail.
    for (const username of over) this.#ends.delete(username)
    await this.#end(over, 'expired', signal)
  }

  async #run(commands: readonly Command[], signal: AbortSignal): Promise<readonly Answer[]> {
    const answers = await this.#ask(commands, signal)
    answers.forEach((answer, index) => refuse(commands[index]!, answer))
    return answers
  }

  async #ask(commands: readonly Command[], signal: AbortSignal): Promise<readonly Answer[]> {
    const ids = commands.map(() => newId())
    const late = new AbortController()
    const timer = this.clock.timer(ANSWER_MS, () =>
      late.abort(
        new PortError('UNAVAILABLE', {
          adapter: 'oss-emq',
          detail: `the dynamic-security plug-in does not answer: check PDVEND_PUSH_DEVICE_AUTH, and that PDVEND_PUSH_USERNAME may use ${CONTROL_TOPIC}`,
        }),
      ),
    )
    const all = AbortSignal.any([signal, late.signal, this.#ended.signal])
    try {
      const answers = new Promise<Answer[]>((resolve, reject) => {
        const got: Answer[] = []
        let missing = ids.length
        ids.forEach((id, index) =>
          this.#pending.set(id, (answer) => {
            this.#pending.delete(id)
            got[index] = answer
            if (--missing === 0) resolve(got)
          }),
        )
        all.addEventListener('abort', () => reject(all.reason as Error), { once: true })
      })
      answers.catch(() => {})
      await this.channel.control(
        JSON.stringify({ commands: commands.map((command, index) => ({ ...command, correlationData: ids[index] })) }),
        all,
      )
      return await answers
    } finally {
      timer.cancel()
      for (const id of ids) this.#pending.delete(id)
    }
  }
}

function refuse({ command }: Command, { error }: Answer): void {
  if (error === undefined || DONE_BEFORE.has(error)) return
  throw new PortError('PERMISSION_DENIED', { adapter: 'oss-emq', detail: `${command}: ${error}` })
}

/** Says whether two sets of groups are the same; short, for user names. */
function fingerprint(groups: readonly string[]): string {
  return createHash('sha256')
    .update(JSON.stringify([...groups].sort()))
    .digest('base64url')
    .slice(0, 8)
    .replaceAll('~', '-')
}

function markOf(username: string): string | undefined {
  return username.split('~')[3]?.split('.')[1]
}
