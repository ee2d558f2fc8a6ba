/** No answer came: why, and whether the request can have reached the store. */
export class TransportError extends Error {
  override readonly name: string = 'TransportError'
  /** Node's code (`ECONNREFUSED`), or `NO_CONNECTION`, `SILENT`, `BODY_ENDED`. */
  readonly code: string

  constructor(
    cause: Error & { readonly code?: string },
    /** False: the request did not leave whole, so that the store cannot have carried it out. */
    readonly sent: boolean,
  ) {
    super(cause.message, { cause })
    this.code = cause.code ?? 'ECONNRESET'
  }

  static noConnection(ms: number): TransportError {
    return new TransportError(coded(`no connection within ${ms} ms`, 'NO_CONNECTION'), false)
  }

  static silent(ms: number, sent: boolean): TransportError {
    return new TransportError(coded(`nothing was sent or received for ${ms} ms`, 'SILENT'), sent)
  }

  static ended(received: number, expected: number): TransportError {
    return new TransportError(coded(`the body ended after ${received} of ${expected} bytes`, 'BODY_ENDED'), true)
  }
}

function coded(message: string, code: string): Error & { readonly code: string } {
  return Object.assign(new Error(message), { code })
}
