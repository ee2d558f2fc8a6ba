/**
 * What a port offers: what the manifest declares, less what the engine at hand was found to lack. Where neither says
 * anything, everything is tried.
 */
export function effective<C extends object>(all: C, declared: C | undefined, measured: C | undefined): C {
  const names = Object.keys(all) as (keyof C)[]
  return Object.fromEntries(names.map((name) => [name, (declared ?? all)[name] === true && (measured ?? all)[name] === true])) as C
}
