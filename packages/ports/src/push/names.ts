import { invalid, type PortErrorDetails } from '../errors.js'
import type { Target } from './types.js'

/** Letters and digits at both ends, so that no name is `.` or hides as an option; no `+ # / $` in between. */
const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._:-]{0,62}[A-Za-z0-9])?$/
const MEND = 'use 1 to 64 of A-Z a-z 0-9 . _ : -, letters or digits at both ends'

/** [P5] Refuses what could leave its topic level on any broker. @throws INVALID_ARGUMENT */
export function checkedDevice(device: unknown, place: PortErrorDetails = {}): string {
  if (typeof device === 'string' && NAME.test(device)) return device
  throw invalid('device', device, MEND, place)
}

/** [P5] @throws INVALID_ARGUMENT */
export function checkedGroup(group: unknown, place: PortErrorDetails = {}): string {
  if (typeof group === 'string' && NAME.test(group)) return group
  throw invalid('group', group, MEND, place)
}

/** @throws INVALID_ARGUMENT when it is none or several of device, group, all */
export function checkedTarget(to: Target, place: PortErrorDetails = {}): Target {
  const { device, group, all } = (to ?? {}) as { device?: unknown; group?: unknown; all?: unknown }
  const named = [device, group, all].filter((part) => part !== undefined)
  if (named.length !== 1) throw invalid('to', to, 'give one of { device }, { group }, { all: true }', place)
  if (device !== undefined) return { device: checkedDevice(device, place) }
  if (group !== undefined) return { group: checkedGroup(group, place) }
  if (all !== true) throw invalid('to.all', all, 'give true', place)
  return { all: true }
}

/** Names the journal's stream of a target; one target, one stream, one order. */
export function streamOf(to: Target): string {
  if ('device' in to) return `device:${to.device}`
  return 'group' in to ? `group:${to.group}` : 'all'
}

/** The target whose stream it is. */
export function targetOf(stream: string): Target {
  if (stream.startsWith('device:')) return { device: stream.slice(7) }
  return stream.startsWith('group:') ? { group: stream.slice(6) } : { all: true }
}
