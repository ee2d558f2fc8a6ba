import type { DriverCall, PushDriver, PushJournal } from '@pdvend/ports'
import type { Mutant } from '../case.js'
import { altered } from './kit.js'

type Break = (journal: PushJournal) => Partial<PushJournal>

function journalMutant(name: string, fault: string, clauses: readonly string[], change: Break): Mutant<'push'> {
  return {
    name,
    fault,
    clauses,
    mutate: (driver) => (driver.journal ? altered(driver, { journal: altered(driver.journal, change(driver.journal)) }) : driver),
  }
}

function driverMutant(
  name: string,
  fault: string,
  clauses: readonly string[],
  change: (driver: PushDriver) => Partial<PushDriver>,
): Mutant<'push'> {
  return { name, fault, clauses, mutate: (driver) => altered(driver, change(driver)) }
}

/** Drivers broken on purpose. */
export const mutants: readonly Mutant<'push'>[] = [
  journalMutant('settled when sent', 'what was handed out counts as handled: a device that dies first loses it', ['P57'], (journal) => ({
    async replay(device, request, now, call) {
      const page = await journal.replay(device, request, now, call)
      await journal.acknowledge(device, page.cursors, [], now, call)
      return page
    },
    async append(entry, now, call) {
      const receipt = await journal.append(entry, now, call)
      if (entry.stream.startsWith('device:'))
        await journal.acknowledge(entry.stream.slice(7), { [entry.stream]: receipt.sequence }, [], now, call)
      return receipt
    },
  })),
  journalMutant('ttl ignored', 'messages past their time are handed out', ['P23'], (journal) => ({
    append: (entry, now, call) => journal.append({ ...entry, expiresAt: entry.expiresAt + 86_400_000 }, now, call),
  })),
  journalMutant('order lost', 'a replay hands out the newest first', ['P21'], (journal) => ({
    async replay(device, request, now, call) {
      const page = await journal.replay(device, request, now, call)
      return { ...page, entries: [...page.entries].reverse() }
    },
  })),
  journalMutant('replace ignored', 'older messages of the same key stay queued', ['P29'], (journal) => ({
    append: ({ replaceKey: _ignored, ...entry }, now, call) => journal.append(entry, now, call),
  })),
  journalMutant('retain ignored', 'new devices get no state', ['P28'], (journal) => ({
    append: (entry, now, call) => journal.append({ ...entry, retain: false }, now, call),
  })),
  journalMutant('gap hidden', 'lost history is passed over in silence', ['P27'], (journal) => ({
    replay: async (device, request, now, call) => ({ ...(await journal.replay(device, request, now, call)), lost: [] }),
  })),
  journalMutant('kept in memory', 'a message is accepted before it is kept', ['P21'], (journal) => {
    let sequence = 1_000_000
    return {
      append: async () => ({ sequence: ++sequence, previous: sequence - 1, known: false }),
      enroll: (...args) => journal.enroll(...args),
    }
  }),
  driverMutant('group leak', 'a device that left a group stays in it', ['P3'], (driver) => {
    const ever = new Map<string, Set<string>>()
    const all = (device: string, groups: readonly string[] | undefined): string[] => {
      const known = ever.get(device) ?? new Set()
      ever.set(device, known)
      for (const group of groups ?? []) known.add(group)
      return [...known]
    }
    return {
      issue: (device, options) => driver.issue(device, { ...options, groups: all(device, options.groups) }),
      ...(driver.journal && {
        journal: altered(driver.journal, {
          enroll: (device: string, groups: readonly string[] | undefined, call: DriverCall) =>
            driver.journal!.enroll(device, all(device, groups), call),
        }),
      }),
    }
  }),
  driverMutant('presence stuck', 'nobody ever goes offline', ['P34'], (driver) => ({
    watchPresence: (listener) => driver.watchPresence((fact) => fact.state === 'online' && listener(fact)),
    presence: async (device, call) => ({ ...(await driver.presence(device, call)), state: 'online' }),
  })),
  driverMutant('revocation forgotten', 'revoked credentials still work', ['P48'], () => ({ revoke: () => Promise.resolve() })),
]
