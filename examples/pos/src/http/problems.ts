import { PortError, type PortErrorCode } from '@pdvend/ports'
import type { FastifyError, FastifyReply } from 'fastify'
import type { Problem } from '../contracts/api.js'

/** What a caller did wrong, or what is not there; becomes an answer of `application/problem+json`. */
export class HttpProblem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly extra: Pick<Problem, 'issues' | 'prices'> = {},
  ) {
    super(message)
  }
}

/** What a port's failure is to the page. Everything else is a 500. */
const statusOf: Partial<Record<PortErrorCode, number>> = {
  INVALID_ARGUMENT: 400,
  NOT_FOUND: 404,
  TOO_LARGE: 413,
  RATE_LIMITED: 503,
  UNAVAILABLE: 503,
  DEADLINE_EXCEEDED: 503,
  CLOSED: 503,
}

/** Details of the shop's own failures stay in the log: the page learns only that there was one. */
export function problemOf(error: unknown): Problem {
  if (error instanceof HttpProblem) return { title: error.message, status: error.status, code: error.code, ...error.extra }
  // The store tells what its source threw as the cause.
  if (PortError.is(error) && error.cause instanceof HttpProblem) return problemOf(error.cause)
  if (PortError.is(error)) {
    const status = statusOf[error.code] ?? 500
    const title = status === 503 ? 'The shop cannot do this right now: try again.' : 'The shop could not do this.'
    return { title, status, code: error.code }
  }
  const { statusCode, code, message } = error as Partial<FastifyError>
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return { title: message ?? 'Bad request', status: statusCode, code: code ?? 'badRequest' }
  return { title: 'The shop could not do this.', status: 500, code: 'internal' }
}

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  if (problem.status === 503) void reply.header('retry-after', '1')
  return reply.code(problem.status).type('application/problem+json').send(JSON.stringify(problem))
}
