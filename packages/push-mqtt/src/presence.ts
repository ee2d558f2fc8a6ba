import { type Clock, type ClockTimer, type Logger, type OfflineReason, type Presence, presenceOf, type PresenceFact } from '@pdvend/ports'
import { type Announcement, decodeAnnouncement, encodeAnnouncement, encodeFrame, lastVersion } from '@pdvend/ports/wire'

/** How long devices have to answer a roll call, in milliseconds; they spread their answers over one second. */
const ROLL_CALL_MS = 5_000
/** Clients of one device that are remembered as taken over. */
const MAX_FORMER = 8

/** What the book needs of the connection. */
export interface PresenceParts {
  readonly clock: Clock
  readonly log: Logger
  /** Writes a device's retained presence in its place. */
  declare(device: string, text: string): Promise<void>
  /** Sends a frame to a device, or to all. */
  tell(device: string | undefined, frame: Uint8Array): Promise<void>
  /** What the broker itself says: is this device connected? Undefined where it does not tell. Default: it never does. */
  judge?(device: string): Promise<boolean | undefined>
}

/** Which client a device is, and which ones it took over. */
interface Clients {
  holder: string
  /** The holder said goodbye: a former one may come back. */
  left: boolean
  readonly former: Set<string>
}

/**
 * Who is there, from what devices announce and their wills say: doubled, out of order, retained, or missing where the broker
 * was killed. The greatest version stands, the end over the beginning; after a new connection to the broker a roll call tells
 * who is still there, and who does not answer is written off for all instances.
 */
export class PresenceBook {
  readonly #facts = new Map<string, Announcement>()
  readonly #clients = new Map<string, Clients>()
  /** By device, the version of the end that hid another client. */
  readonly #hiding = new Map<string, number>()
  readonly #listeners = new Set<(fact: PresenceFact) => void>()
  readonly #timers = new Set<ClockTimer>()
  #takeOvers = 0

  constructor(private readonly parts: PresenceParts) {}

  /** Take-overs of a client that was told and came back all the same, so far. */
  get takeOvers(): number {
    return this.#takeOvers
  }

  presence(device: string): Presence {
    const known = this.#facts.get(device)
    return presenceOf(known === undefined ? { device, version: 0, state: 'offline', at: 0, reason: 'unknown' } : factOf(device, known))
  }

  watch(listener: (fact: PresenceFact) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** A message on a device's presence topic. */
  take(device: string, payload: Uint8Array, retained: boolean): void {
    const said = decodeAnnouncement(payload)
    if (said === undefined) return
    const known = this.#facts.get(device)
    if (known !== undefined && said.client !== known.client) this.#watchOrder(device, said, known)
    if (known !== undefined && !isLater(said, known)) return
    // A will was written when its connection began.
    const at = said.reason === 'lost' && !retained ? this.parts.clock.now() : said.at
    const fact = { ...said, at }
    this.#facts.set(device, fact)
    this.#watchClients(device, fact)
    if (fact.state === 'online' && fact.backWithinMs !== undefined)
      this.#after(fact.backWithinMs, () => this.#facts.get(device) === fact && this.#writeOff(device, fact, 'lost'))
    // Said once more within one connection: nothing that a listener wants to hear.
    if (known?.state === 'online' && fact.state === 'online' && lastVersion(known.version) === lastVersion(fact.version)) return
    for (const listener of this.#listeners) listener(factOf(device, fact))
  }

  /** [P37] Asks who is there; those known as online who do not say so in time are lost. `strangers`: asks where nobody is known, too. */
  callRoll(strangers = false): void {
    const asked = [...this.#facts].filter(([, { state }]) => state === 'online')
    if (asked.length === 0 && !strangers) return
    this.#ask(undefined)
    this.#after(ROLL_CALL_MS, () => {
      for (const [device, fact] of asked) void this.#examine(device, fact, 'lost', (reason) => this.#writeOff(device, fact, reason))
    })
  }

  /** The broker says that this device has gone: it may have come back since, so the broker is asked, or the device itself. */
  doubt(device: string, reason: OfflineReason = 'lost'): void {
    const fact = this.#facts.get(device)
    if (fact?.state !== 'online') return
    void this.#examine(device, fact, reason, () => {
      this.#ask(device)
      this.#after(ROLL_CALL_MS, () => this.#facts.get(device) === fact && this.#writeOff(device, fact, reason))
    })
  }

  /** Those of `there` are connected and nobody else is. */
  settle(there: ReadonlySet<string>): void {
    for (const [device, fact] of this.#facts) if (fact.state === 'online' && !there.has(device)) this.#writeOff(device, fact, 'lost')
  }

  /** The broker cut off whoever was connected with these credentials, without its will. */
  cutOff(device: string, username: string | undefined, reason: OfflineReason): void {
    const fact = this.#facts.get(device)
    if (fact?.state === 'online' && (username === undefined || fact.username === username))
      this.#writeOff(device, { ...fact, version: lastVersion(fact.version) }, reason)
  }

  close(): void {
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
    this.#listeners.clear()
  }

  /**
   * [P35] Two clients of one device that connect in the same moment may begin in one order and be let in in the other: then the
   * end of the one hides the other. It connects anew, and so begins later. Once for each end, should their clocks differ.
   */
  #watchOrder(device: string, said: Announcement, known: Announcement): void {
    const [end, hidden] = said.state === 'offline' ? [said, known] : [known, said]
    if (end.state !== 'offline' || hidden.state !== 'online' || end.version < hidden.version) return
    if (this.#hiding.get(device) === end.version) return
    this.#hiding.set(device, end.version)
    this.parts.tell(device, encodeFrame({ kind: 'renew', sentAt: this.parts.clock.now() })).catch(() => {})
  }

  #ask(device: string | undefined): void {
    this.parts.tell(device, encodeFrame({ kind: 'rollCall', sentAt: this.parts.clock.now() })).catch(() => {})
  }

  /** Writes a device off that the broker does not know as connected; where it does not tell, `unsure` goes on. */
  async #examine(device: string, fact: Announcement, reason: OfflineReason, unsure: (reason: OfflineReason) => void): Promise<void> {
    if (this.#facts.get(device) !== fact) return
    const connected = await this.parts.judge?.(device).catch(() => undefined)
    if (this.#facts.get(device) !== fact || connected === true) return
    if (connected === false) this.#writeOff(device, fact, reason)
    else unsure(reason)
  }

  /** Offline for this instance at once, and for the others and those to come. */
  #writeOff(device: string, { version, client, username }: Announcement, reason: OfflineReason): void {
    const text = encodeAnnouncement({ state: 'offline', version, at: this.parts.clock.now(), reason, client, username })
    this.take(device, new TextEncoder().encode(text), true)
    this.parts.declare(device, text).catch((error: unknown) => {
      this.parts.log.warn({ port: 'push', device, error: String(error) }, 'the end of a device was not written down')
    })
  }

  /**
   * [P59] Mosquitto 2.0 and every MQTT 3.1.1 broker end a connection that was taken over without a word, so the former client
   * comes back and takes over in turn, for ever. It is told when it does.
   */
  #watchClients(device: string, { state, client, reason }: Announcement): void {
    const known = this.#clients.get(device)
    if (state === 'offline') {
      if (known?.holder === client && reason !== 'lost') known.left = true
      return
    }
    if (known === undefined) return void this.#clients.set(device, { holder: client, left: false, former: new Set() })
    if (known.holder === client) return void (known.left = false)
    if (known.former.has(client) && !known.left) {
      this.#takeOvers += 1
      this.parts.log.warn({ port: 'push', device }, 'two clients connect as one device: the former one is told to stay away')
      const frame = encodeFrame({ kind: 'takenOver', client, sentAt: this.parts.clock.now() })
      return void this.parts.tell(device, frame).catch(() => {})
    }
    known.former.add(known.holder)
    known.former.delete(client)
    if (known.former.size > MAX_FORMER) known.former.delete(known.former.values().next().value!)
    known.holder = client
    known.left = false
  }

  #after(delayMs: number, run: () => unknown): void {
    const timer = this.parts.clock.timer(delayMs, () => {
      this.#timers.delete(timer)
      run()
    })
    this.#timers.add(timer)
  }
}

function isLater(one: Announcement, other: Announcement): boolean {
  return one.version > other.version || (one.version === other.version && one.state === 'offline' && other.state === 'online')
}

function factOf(device: string, { state, version, at, reason }: Announcement): PresenceFact {
  return { device, version, state, at, ...(state === 'offline' ? { reason: reason ?? 'unknown' } : {}) }
}
