import type { DriverCall, DriverJob } from '@pdvend/ports'
import { jobKey, keysBelow } from './keys.js'
import type { BucketStore, Note, NoteBook } from './types.js'

/** Notes that a count looks into, at most; what is beyond counts as waiting. */
const MAX_READ = 200
const AT_ONCE = 20

/** What is known of messages that stay where they are; one object each, replaced at every note. */
export class Notes implements NoteBook {
  constructor(private readonly store: BucketStore) {}

  async read(job: Pick<DriverJob, 'id' | 'name'>, call: DriverCall): Promise<Note | undefined> {
    return this.#read(jobKey('notes', job), call)
  }

  async write(job: Pick<DriverJob, 'id' | 'name'>, note: Note, call: DriverCall): Promise<void> {
    await this.store.put(jobKey('notes', job), Buffer.from(JSON.stringify(note)), call)
  }

  remove(job: Pick<DriverJob, 'id' | 'name'>, call: DriverCall): Promise<void> {
    return this.store.delete(jobKey('notes', job), call)
  }

  async countDelayed(names: readonly string[] | undefined, now: number, call: DriverCall): Promise<number> {
    const keys: string[] = []
    for (const prefix of names?.map((name) => `notes/${name}/`) ?? ['notes/'])
      for await (const page of keysBelow(this.store, prefix, {}, call)) keys.push(...page)
    let waiting = Math.max(0, keys.length - MAX_READ)
    for (let at = 0; at < Math.min(keys.length, MAX_READ); at += AT_ONCE) {
      const notes = await Promise.all(keys.slice(at, Math.min(at + AT_ONCE, MAX_READ)).map((key) => this.#read(key, call)))
      waiting += notes.filter((note) => note !== undefined && note.dueAt > now).length
    }
    return waiting
  }

  async #read(key: string, call: DriverCall): Promise<Note | undefined> {
    const found = await this.store.get(key, call)
    return found === undefined ? undefined : (JSON.parse(Buffer.from(found.bytes).toString('utf8')) as Note)
  }
}
