// What differs from port to port in a new adapter.

/** `type`: the driver's interface. `methods`: what it has to do beside `ping` and `close`. `capabilities` begin as false. */
export const PORTS = {
  blob: {
    type: 'BlobDriver',
    capabilities: ['conditionalWrites', 'conditionalDelete', 'conditionalCopy', 'signedUrls', 'signedPost'],
    limits: {
      maxBytes: '5 * 1_024 ** 3',
      maxMetadataBytes: '2_048',
      maxPageSize: '1_000',
      maxDeleteBatch: '1_000',
      maxSignedMs: '7 * 86_400_000',
    },
    methods: ['put', 'get', 'head', 'list', 'copy', 'delete', 'deleteMany', 'sign'],
  },
  jobs: {
    type: 'JobDriver',
    capabilities: ['delay', 'fifo', 'dedupe', 'priority', 'lookup'],
    limits: { maxPayloadBytes: '1_048_576', maxBatch: '100', maxLeaseMs: '43_200_000' },
    methods: ['enqueue', 'receive', 'settle', 'extend', 'stats', 'listDead', 'redriveDead', 'discardDead'],
  },
  push: {
    type: 'PushDriver',
    capabilities: ['journal', 'presence', 'request', 'receipts', 'credentials'],
    limits: { maxPayloadBytes: '131_072' },
    methods: ['send', 'receive', 'presence', 'issue', 'revoke'],
    sync: { watchPresence: '() => () => {}' },
  },
  telemetry: {
    type: 'TelemetryDriver',
    capabilities: ['orderedByKey', 'exactlyOnce', 'query'],
    limits: { maxBatchEvents: '500', maxBatchBytes: '4 * 1_048_576', maxEventBytes: '1_000 * 1_024' },
    methods: ['send'],
  },
}
