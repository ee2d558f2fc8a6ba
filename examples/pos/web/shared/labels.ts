import { useEffect } from 'preact/hooks'
import { en } from './labels-en.js'
import { pt, type Labels } from './labels-pt.js'
import { keep, kept } from './keep.js'
import { Store, useStore } from './store.js'

export type Language = 'pt' | 'en'

const all: Readonly<Record<Language, Labels>> = { pt, en }

function preferred(): Language {
  const chosen = kept('language')
  if (chosen === 'pt' || chosen === 'en') return chosen
  return navigator.language.toLowerCase().startsWith('en') ? 'en' : 'pt'
}

const store = new Store<{ language: Language }>({ language: preferred() })

export function useLanguage(): Language {
  return useStore(store, ({ language }) => language)
}

export function useLabels(): Labels {
  const language = useLanguage()
  useEffect(() => {
    document.documentElement.lang = language === 'pt' ? 'pt-BR' : 'en'
  }, [language])
  return all[language]
}

/** Outside of components. */
export function labels(): Labels {
  return all[store.state.language]
}

export function speak(language: Language): void {
  keep('language', language)
  store.set({ language })
}

/** For dates and plain numbers; money is always written the Brazilian way. */
export function locale(language: Language): string {
  return language === 'pt' ? 'pt-BR' : 'en-GB'
}
