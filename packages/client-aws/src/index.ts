export { clientBase, type ClientBase, type ClientSettings } from './base.js'
export { awsErrorKeys, awsErrorRows, connectionErrorRows, type AwsErrorWords } from './errors.js'
export { renewing } from './renewing.js'
