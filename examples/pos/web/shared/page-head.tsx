import type { ComponentChildren } from 'preact'
import { Icon } from './icon.js'
import { speak, useLabels, useLanguage } from './labels.js'
import { useStore } from './store.js'
import { chooseTheme, themes } from './theme.js'

/** The bar at the top of both pages. */
export function PageHead({ page, children }: { readonly page: 'till' | 'office'; readonly children?: ComponentChildren }) {
  const labels = useLabels()
  const language = useLanguage()
  const theme = useStore(themes, (state) => state.theme)
  const current = (name: string) => (name === page ? { 'aria-current': 'page' as const } : {})
  return (
    <header class="page-head">
      <a class="skip" href="#content">
        {labels.skip}
      </a>
      <span class="brand">
        <Icon name="shop" />
        <span>PDVend</span>
      </span>
      <nav aria-label={labels.mainNavigation} class="page-nav">
        <a href="/till" {...current('till')}>
          {labels.till}
        </a>
        <a href="/office" {...current('office')}>
          {labels.office}
        </a>
      </nav>
      <div class="page-state">{children}</div>
      <div class="segmented small" role="group" aria-label={labels.language}>
        {(['pt', 'en'] as const).map((each) => (
          <button type="button" key={each} lang={each} aria-pressed={language === each} onClick={() => speak(each)}>
            {each.toUpperCase()}
          </button>
        ))}
      </div>
      <button
        type="button"
        class="icon-button"
        aria-label={theme === 'dark' ? labels.themeLight : labels.themeDark}
        onClick={() => chooseTheme(theme === 'dark' ? 'light' : 'dark')}
      >
        <Icon name={theme === 'dark' ? 'sun' : 'moon'} />
      </button>
    </header>
  )
}
