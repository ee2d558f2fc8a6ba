import type { Duplex } from 'node:stream'
import { generate, type Packet, parser } from 'mqtt-packet'

export type MqttVersion = 3 | 4 | 5

/** MQTT packets over a stream of bytes: in order, and held back until somebody takes them. */
export class PacketStream {
  readonly #parser
  #take: ((packet: Packet) => void) | undefined
  #held: Packet[] = []
  #holds = 0
  #closed = false
  readonly #onClose: (() => void)[] = []

  /** `version` is how packets are written; a parser learns its own from the CONNECT that it reads. */
  constructor(
    readonly stream: Duplex,
    public version: MqttVersion,
    onMalformed: () => void,
  ) {
    this.#parser = parser({ protocolVersion: version })
    this.#parser.on('packet', (packet) => (this.#take === undefined ? this.#held.push(packet) : this.#take(packet)))
    this.#parser.on('error', onMalformed)
    stream.on('data', (bytes: Buffer) => this.#parser.parse(bytes))
    stream.on('error', () => stream.destroy())
    stream.once('close', () => {
      this.#closed = true
      for (const closed of this.#onClose) closed()
    })
  }

  get closed(): boolean {
    return this.#closed
  }

  onClose(listener: () => void): void {
    if (this.#closed) listener()
    else this.#onClose.push(listener)
  }

  /** The first packet; undefined when the stream ends or stays silent before. */
  async first(withinMs: number): Promise<Packet | undefined> {
    return new Promise((resolve) => {
      const late = setTimeout(resolve, withinMs, undefined)
      this.onClose(() => resolve(undefined))
      this.take((packet) => {
        clearTimeout(late)
        this.#take = undefined
        resolve(packet)
      })
    })
  }

  /** From now on every packet goes there, those that came before included. */
  take(handler: (packet: Packet) => void): void {
    this.#take = handler
    while (this.#take !== undefined && this.#held.length > 0) this.#take(this.#held.shift()!)
  }

  /** Writes a packet; a receiver that is slow holds back `source`, whence it came. */
  send(packet: Packet, source?: PacketStream): void {
    if (this.#closed || !this.stream.writable) return
    const room = this.stream.write(generate(packet, { protocolVersion: this.version }))
    if (room || source === undefined) return
    const release = source.hold()
    this.stream.once('drain', release)
    this.onClose(release)
  }

  /** Reads nothing more until the returned function was called. */
  hold(): () => void {
    if (++this.#holds === 1) this.stream.pause()
    let held = true
    return () => {
      if (!held) return
      held = false
      if (--this.#holds === 0 && !this.#closed) this.stream.resume()
    }
  }

  /** What was written goes out first. */
  end(): void {
    this.stream.end()
    setTimeout(() => this.stream.destroy(), 500).unref()
  }
}
