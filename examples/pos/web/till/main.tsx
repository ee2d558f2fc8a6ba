import { render } from 'preact'
import '../styles/tokens.css'
import '../styles/base.css'
import '../styles/till.css'
import { TillPage } from './till-page.js'
import { tillName } from './till-name.js'
import { Till } from './till-store.js'

const till = new Till(tillName())
till.start()
render(<TillPage till={till} />, document.getElementById('app')!)
