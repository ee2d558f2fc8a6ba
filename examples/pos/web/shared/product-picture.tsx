import { departmentPicture } from '../../src/contracts/api.js'
import type { Product } from '../../src/domain/product.js'

/** The product's own picture, or its department's; it says nothing that the name beside it does not. */
export function ProductPicture(props: {
  readonly product: Product
  readonly pictures: Readonly<Record<string, string>>
  readonly class?: string
}) {
  const { product, pictures } = props
  const standIn = pictures[departmentPicture(product.category)]
  const url = (product.picture === undefined ? undefined : pictures[product.picture]) ?? standIn
  return (
    <img
      class={props.class}
      src={url}
      alt=""
      width="240"
      height="150"
      loading="lazy"
      decoding="async"
      onError={(event) => {
        const image = event.currentTarget as HTMLImageElement
        if (standIn !== undefined && image.getAttribute('src') !== standIn) image.src = standIn
      }}
    />
  )
}
