import { keep, kept } from './keep.js'
import { Store } from './store.js'

export type Theme = 'light' | 'dark'

const system = matchMedia('(prefers-color-scheme: dark)')

function preferred(): Theme {
  const chosen = kept('theme')
  return chosen === 'light' || chosen === 'dark' ? chosen : system.matches ? 'dark' : 'light'
}

export const themes = new Store<{ theme: Theme }>({ theme: preferred() })

const show = (): void => {
  document.documentElement.dataset.theme = themes.state.theme
}

system.addEventListener('change', () => themes.set({ theme: preferred() }))
themes.listen(show)
show()

export function chooseTheme(theme: Theme): void {
  keep('theme', theme)
  themes.set({ theme })
}
