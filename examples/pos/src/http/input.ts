import { z } from 'zod'
import { MAX_QUANTITY } from '../domain/basket.js'
import { MAX_CENTS } from '../domain/money.js'
import { MAX_FOOTER } from '../domain/receipt.js'
import { pictureTypes, type PictureType } from '../use-cases/picture-upload.js'
import { HttpProblem } from './problems.js'

const ean = z.string().regex(/^\d{13}$/, 'an EAN-13 has thirteen digits')
const cents = z.int().min(1).max(MAX_CENTS)
const till = z
  .string()
  .max(40)
  .regex(/^till-[a-z0-9]+(-[a-z0-9]+)*$/, 'a till is called "till-" and small letters or digits')
/** Begins with the time, so that files sort by it. */
const saleId = z
  .string()
  .regex(/^\d{8}-\d{6}-[a-z0-9]{8,32}$/, 'a sale id is date, time and 8 to 32 random letters, e.g. 20261123-150000-k3v9x2ab')
const receivedCents = z
  .int()
  .min(0)
  .max(MAX_CENTS * 1_000)

/** What requests may say. */
export const input = {
  sale: z.strictObject({
    saleId,
    till,
    lines: z
      .array(z.strictObject({ ean, quantity: z.int().min(1).max(MAX_QUANTITY), cents }))
      .min(1)
      .max(500)
      .refine((lines) => new Set(lines.map((line) => line.ean)).size === lines.length, 'a product stands there twice'),
    payment: z.discriminatedUnion('method', [
      z.strictObject({ method: z.literal('cash'), receivedCents }),
      z.strictObject({ method: z.enum(['card', 'pix']) }),
    ]),
  }),
  ean: z.strictObject({ ean }),
  saleId: z.strictObject({ saleId }),
  price: z.strictObject({ cents }),
  device: z.strictObject({ device: till }),
  pictureForm: z.strictObject({ contentType: z.enum(Object.keys(pictureTypes) as [PictureType, ...PictureType[]]) }),
  picture: z.strictObject({ key: z.string().min(1).max(200) }),
  layout: z.strictObject({ storeName: z.string().trim().min(1).max(60), footer: z.string().max(MAX_FOOTER) }),
  jobIds: z.strictObject({ ids: z.array(z.string().min(1).max(128)).min(1).max(100) }),
  files: z.strictObject({ folder: z.string().max(200).default(''), startAfter: z.string().min(1).max(1_024).optional() }),
  events: z.strictObject({
    type: z.string().min(1).max(64),
    from: z.iso.datetime(),
    limit: z.coerce.number().int().min(1).max(100_000).default(1_000),
  }),
} as const

/** Reads what a request says, or refuses it with every reason. */
export function read<S extends z.ZodType>(schema: S, value: unknown, what: string): z.output<S> {
  const result = schema.safeParse(value ?? {})
  if (result.success) return result.data
  const issues = result.error.issues.slice(0, 8).map(({ path, message }) => `${path.length > 0 ? `${path.join('.')}: ` : ''}${message}`)
  throw new HttpProblem(400, 'invalid', `The ${what} is not as it must be: ${issues.join('; ')}`, { issues })
}
