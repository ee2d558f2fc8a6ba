import { useEffect, useReducer, useRef } from 'preact/hooks'

/** Holds a state that is replaced, never changed, and tells who listens. */
export class Store<S extends object> {
  readonly #listeners = new Set<() => void>()
  #state: S

  constructor(initial: S) {
    this.#state = initial
  }

  get state(): S {
    return this.#state
  }

  set(change: Partial<S> | ((state: S) => Partial<S>)): void {
    this.#state = { ...this.#state, ...(typeof change === 'function' ? change(this.#state) : change) }
    for (const listener of [...this.#listeners]) listener()
  }

  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

/** What `select` finds in the store; draws again when that changes. */
export function useStore<S extends object, T>(store: Store<S>, select: (state: S) => T): T {
  const [, draw] = useReducer((count: number) => count + 1, 0)
  const selected = select(store.state)
  const last = useRef(selected)
  const selector = useRef(select)
  last.current = selected
  selector.current = select
  useEffect(() => {
    const look = (): void => {
      if (!Object.is(selector.current(store.state), last.current)) draw(undefined as never)
    }
    const stop = store.listen(look)
    // Between the drawing and this effect a frame may have passed, and what came meanwhile was told to nobody.
    look()
    return stop
  }, [store])
  return selected
}
