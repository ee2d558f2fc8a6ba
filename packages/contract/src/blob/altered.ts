import type { BlobDriver } from '@pdvend/ports'

type Methods = 'put' | 'get' | 'head' | 'list' | 'copy' | 'delete' | 'deleteMany' | 'sign'

/** Methods that stand in for a driver's own; each gets the driver itself first. */
export type Alterations = { readonly [M in Methods]?: (inner: BlobDriver, ...args: Parameters<BlobDriver[M]>) => ReturnType<BlobDriver[M]> }

/** A driver with some methods replaced. */
export function altered(driver: BlobDriver, alterations: Alterations): BlobDriver {
  return new Proxy(driver, {
    get(target, name) {
      const replacement = (alterations as Record<PropertyKey, ((...args: unknown[]) => unknown) | undefined>)[name]
      if (replacement !== undefined) return (...args: unknown[]) => replacement(target, ...args)
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}
