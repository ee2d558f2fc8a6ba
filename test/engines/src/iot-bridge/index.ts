export { startIotBridge } from './start.js'
export type {
  AuthorizerEvent,
  AuthorizerResult,
  DisconnectReason,
  EventDisturbance,
  IotAuthorizer,
  IotBridge,
  IotBridgeOptions,
  IotCredentials,
  IotLimits,
  PolicyDocument,
} from './types.js'
