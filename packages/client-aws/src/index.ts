export { clientBase, type ClientBase, type ClientSettings } from './base.js'
export { renewing } from './renewing.js'
