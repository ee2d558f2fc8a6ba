import { type AdapterDeps, PortError, type ProvisionPlan, type ProvisionStep } from '@pdvend/ports'
import { addressesOf } from './address.js'
import type { Settings } from './config.js'
import { wrong } from './errors.js'
import { authorizerMend, knock } from './knock.js'

/**
 * AWS IoT Core needs nothing made but the authorizer, whose function only its operator can deploy: whether it does what it should
 * is tried, and what is to be made is told.
 */
export async function planAuthorizer(settings: Settings, deps: AdapterDeps): Promise<ProvisionPlan> {
  const step = await stepOf(settings, deps)
  return {
    steps: step === undefined ? [] : [step],
    async apply() {
      if (step?.change === 'refuse') throw wrong(step.detail ?? '').with({ operation: 'provision', target: step.name })
    },
    close: async () => {},
  }
}

async function stepOf(settings: Settings, { clock, signal }: AdapterDeps): Promise<ProvisionStep | undefined> {
  if (settings.jwtSecret === undefined) return undefined
  const of = { kind: 'authorizer', name: settings.authorizer } as const
  try {
    await knock(settings, addressesOf(settings).urls, clock.now(), signal)
    return { ...of, change: 'keep', detail: 'it lets in a device with a token of this app' }
  } catch (error) {
    if (!PortError.is(error, 'CONFIG_INVALID') || error.cause === undefined) throw error
    return { ...of, change: 'refuse', detail: authorizerMend(settings) }
  }
}
