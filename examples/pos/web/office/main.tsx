import { render } from 'preact'
import '../styles/tokens.css'
import '../styles/base.css'
import '../styles/office.css'
import { OfficePage } from './office-page.js'
import { OfficeFeed } from './office-feed.js'

const feed = new OfficeFeed()
feed.start()
render(<OfficePage feed={feed} />, document.getElementById('app')!)
