/** Strokes on a canvas of 24 by 24. */
const paths = {
  search: 'M11 4a7 7 0 1 1 0 14 7 7 0 0 1 0-14zM16 16l4.5 4.5',
  close: 'M6 6l12 12M18 6L6 18',
  plus: 'M12 5v14M5 12h14',
  minus: 'M5 12h14',
  trash: 'M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.4L17 7M10.5 11v5M13.5 11v5',
  check: 'M4.5 12.5l5 5 10-11',
  warning: 'M12 4l9 16H3zM12 10v4.5M12 17.2v.3',
  bell: 'M6 17V11a6 6 0 0 1 12 0v6l1.5 2h-15zM10 21h4',
  sun: 'M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4',
  moon: 'M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z',
  receipt: 'M6 3.5h12v17l-2.4-1.6-2.4 1.6-2.4-1.6-2.4 1.6L6 19zM9 8h6M9 12h6',
  basket: 'M4 9.5h16l-1.6 9.2a1.5 1.5 0 0 1-1.5 1.3H7.1a1.5 1.5 0 0 1-1.5-1.3zM8 9.5l3-5.5M16 9.5L13 4',
  scale: 'M5 20h14M7.5 20l-2-9h13l-2 9M12 11V7M8 7h8M12 14.5l1.8-1.5',
  cash: 'M3 7h18v10H3zM12 9.5a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5zM6 10v4M18 10v4',
  card: 'M3 6h18v12H3zM3 10h18M6.5 14.5h4',
  pix: 'M12 3.5l8.5 8.5-8.5 8.5L3.5 12zM8 12l4 4 4-4-4-4z',
  camera: 'M4 8h3.5L9 5.5h6L16.5 8H20v11H4zM12 10a3.3 3.3 0 1 1 0 6.6 3.3 3.3 0 0 1 0-6.6z',
  upload: 'M12 16V5M7.5 9.5L12 5l4.5 4.5M4.5 19h15',
  redo: 'M19.5 12a7.5 7.5 0 1 1-2.3-5.4M19.5 4v4.5H15',
  folder: 'M3.5 6.5h6l2 2.5h9V18h-17z',
  device: 'M5 4.5h14v11H5zM9 20h6M12 15.5V20',
  shop: 'M4 10l1.5-5.5h13L20 10M5 10v9.5h14V10M4 10c0 3 4 3 4 0 0 3 4 3 4 0 0 3 4 3 4 0 0 3 4 3 4 0M10 19.5V15h4v4.5',
  chart: 'M4 19.5h16M7 16v-5M12 16V6M17 16v-8',
  edit: 'M5 19l1-4L16 5l3 3L9 18z',
} as const

export type IconName = keyof typeof paths

export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  )
}
