export { startAwsHome, whyNoAwsHome, type AwsHome, type AwsHomeOptions } from './aws-home.js'
export {
  type Allowed,
  codesUnder,
  faultKinds,
  startAwsProxy,
  strengths,
  type AwsProxy,
  type AwsProxyOptions,
  type AwsService,
  type Fault,
  type FaultKind,
  type Strength,
} from './aws-proxy/index.js'
export { awsSessions, type AwsSessionOptions } from './aws-session.js'
export { launchers, launcherOf } from './catalog.js'
export { wantedEngines } from './choice.js'
export { startFaultyLink, type FaultyLink, type LinkFault } from './faulty-link.js'
export { type LateLink, startLateLink } from './late-link.js'
export {
  startIotBridge,
  type AuthorizerEvent,
  type AuthorizerResult,
  type DisconnectReason,
  type EventDisturbance,
  type IotAuthorizer,
  type IotBridge,
  type IotBridgeOptions,
  type IotCredentials,
  type IotLimits,
  type PolicyDocument,
} from './iot-bridge/index.js'
export { startIotDoor, type IotDoor } from './iot-door.js'
export { startKafkaCluster, type KafkaCluster } from './kafka-cluster.js'
export { readTopic, type KafkaRecord } from './kafka-records.js'
export { startKafkaDoors, type KafkaDoors, type KafkaDoorsOptions } from './kafka-doors.js'
export { startEngine, whyMissing, type LaunchOptions } from './launch.js'
export { EngineMissing, engineNames, type EngineName, type Launcher, type Report, type RunningEngine } from './launcher.js'
export { provisionWanted } from './provision-wanted.js'
