import { arn, type Permission } from '@pdvend/ports'
import type { Settings } from './config.js'

/** What each call needs, and on what of the namespace. Topic filters are what is subscribed to, topics what arrives. */
const NEEDED: readonly { readonly reason: string; readonly actions: readonly string[]; readonly on: (ns: string) => readonly string[] }[] =
  [
    { reason: 'connect as an instance of the app', actions: ['iot:Connect'], on: (ns) => [`client/app~${ns}~*`] },
    {
      reason: 'push to devices and keep presence and revoked credentials',
      actions: ['iot:Publish'],
      on: (ns) => ['d/*', 'g/*', 'all', 'presence/*', 'fence/*', 'credentials/*'].map((topic) => `topic/pdv/${ns}/${topic}`),
    },
    {
      reason: 'retain presence and revoked credentials',
      actions: ['iot:RetainPublish'],
      on: (ns) => ['presence/*', 'credentials/*'].map((topic) => `topic/pdv/${ns}/${topic}`),
    },
    {
      reason: 'subscribe to devices and their lifecycle',
      actions: ['iot:Subscribe'],
      // A shared subscription is named with its group and without.
      on: (ns) => [
        `topicfilter/pdv/${ns}/up/*`,
        `topicfilter/$share/pdv-${ns}/pdv/${ns}/up/*`,
        `topicfilter/pdv/${ns}/presence/*`,
        `topicfilter/pdv/${ns}/fence/*`,
        `topicfilter/$share/*/pdv/${ns}/fence/*`,
        'topicfilter/$aws/events/presence/disconnected/+',
      ],
    },
    {
      reason: 'receive from devices and their lifecycle',
      actions: ['iot:Receive'],
      on: (ns) => [
        ...['up/*', 'presence/*', 'fence/*'].map((topic) => `topic/pdv/${ns}/${topic}`),
        // Of every client of the account: the filter names none.
        'topic/$aws/events/presence/disconnected/*',
      ],
    },
    {
      reason: 'read presence and revoked credentials',
      actions: ['iot:GetRetainedMessage'],
      on: (ns) => ['presence/*', 'credentials/*'].map((topic) => `topic/pdv/${ns}/${topic}`),
    },
    { reason: 'find who was there before this instance', actions: ['iot:ListRetainedMessages'], on: () => ['*'] },
    {
      reason: 'see whether a device is connected and cut it off',
      actions: ['iot:GetConnection', 'iot:DeleteConnection', 'iot:ListSubscriptions', 'iot:SendDirectMessage'],
      on: (ns) => [`client/device~${ns}~*`],
    },
  ]

/** The rights of one namespace. */
export function permissionsOf(settings: Settings): readonly Permission[] {
  return NEEDED.map(({ reason, actions, on }) => ({
    reason,
    actions,
    resources: on(settings.namespace).map((resource) => (resource === '*' ? '*' : arn('iot', settings, resource))),
  }))
}

/** What to allow when AWS denied a call. */
export function toAllow(action: string, settings: Settings): string {
  const resources = permissionsOf(settings)
    .filter(({ actions }) => actions.includes(action))
    .flatMap((permission) => permission.resources)
  const actions = action === 'iot:RetainPublish' ? 'iot:Publish and iot:RetainPublish' : action
  return `allow ${actions} on ${resources.join(' and ')} to these credentials`
}
