import { categoryIds, type CategoryId } from '../domain/category.js'

/** One drawing a department, on a canvas of 240 by 180: background from, background to, shapes. */
const drawings: Readonly<Record<CategoryId, readonly [string, string, string]>> = {
  grocery: [
    '#f6e7c8',
    '#eccf93',
    `<path d="M84 62h72l8 84a8 8 0 0 1-8 8H84a8 8 0 0 1-8-8z" fill="#fff8ea"/><path d="M88 46h64v16H88z" fill="#c98f3c"/>
     <path d="M78 92h84l3 34H75z" fill="#d9a24c"/><g fill="#fff3d6"><ellipse cx="104" cy="108" rx="5" ry="9" transform="rotate(-24 104 108)"/><ellipse cx="120" cy="106" rx="5" ry="9"/><ellipse cx="136" cy="108" rx="5" ry="9" transform="rotate(24 136 108)"/></g>`,
  ],
  bakery: [
    '#fbe3cd',
    '#f2bd8c',
    `<path d="M58 104c0-30 27-48 62-48s62 18 62 48c0 12-8 16-14 18v18a8 8 0 0 1-8 8H80a8 8 0 0 1-8-8v-18c-6-2-14-6-14-18z" fill="#d98b45"/>
     <path d="M72 102c0-20 20-34 48-34s48 14 48 34" fill="none" stroke="#f4c58f" stroke-width="9" stroke-linecap="round"/><g stroke="#b76a2b" stroke-width="6" stroke-linecap="round"><path d="M98 104l8 20M118 102l8 22M138 104l8 20"/></g>`,
  ],
  produce: [
    '#dff2d3',
    '#aedb98',
    `<path d="M92 92c-4-24-16-34-30-38 0 16 6 30 18 40z" fill="#4f9d4a"/><path d="M96 92c0-28 10-42 26-50 8 18 6 36-4 50z" fill="#67b35c"/><circle cx="146" cy="82" r="24" fill="#e2574c"/><path d="M146 60c0-8 3-12 8-15" stroke="#7a4a2b" stroke-width="5" stroke-linecap="round" fill="none"/>
     <path d="M150 58c4-9 14-11 22-9-2 8-12 13-22 9z" fill="#4f9d4a"/><path d="M176 100c10-14 10-30 4-44l-10 2c2 14-4 26-16 36z" fill="#f2c230"/><path d="M54 92h132l-12 56a8 8 0 0 1-8 6H74a8 8 0 0 1-8-6z" fill="#c98f4e"/><path d="M50 88h140v12H50z" fill="#a9712f"/><g stroke="#a9712f" stroke-width="4"><path d="M62 118h116M66 136h108M92 100v54M120 100v54M148 100v54"/></g>`,
  ],
  dairy: [
    '#e3effb',
    '#b5d4f2',
    `<path d="M94 68l12-22h28l12 22z" fill="#dbe7f3"/><path d="M104 34h32v12h-32z" fill="#3f7fc1"/><path d="M94 68h52v78a8 8 0 0 1-8 8h-36a8 8 0 0 1-8-8z" fill="#fff"/>
     <path d="M94 92h52v34H94z" fill="#5a9bd8"/><path d="M120 98c8 10 10 13 10 17a10 10 0 0 1-20 0c0-4 2-7 10-17z" fill="#fff"/>`,
  ],
  deli: [
    '#fdf0c4',
    '#f7d873',
    `<path d="M52 118l104-58c18 4 32 20 32 40v18z" fill="#f2b632"/><path d="M52 118h136v30H52z" fill="#fbd25f"/><g fill="#e09f1f"><circle cx="86" cy="134" r="8"/><circle cx="132" cy="130" r="6"/><circle cx="164" cy="138" r="7"/><circle cx="146" cy="94" r="8"/></g>`,
  ],
  meat: [
    '#fbdcd7',
    '#f0a79d',
    `<path d="M62 112c-8-30 22-58 62-58 34 0 58 18 58 44 0 24-20 30-34 34-16 5-22 18-44 18-24 0-38-18-42-38z" fill="#c94f4a"/>
     <path d="M74 110c-5-22 18-44 50-44 27 0 46 13 46 32 0 17-15 20-27 24-16 5-21 16-38 16-17 0-28-14-31-28z" fill="#e77b72"/><circle cx="108" cy="98" r="14" fill="#fff4ec"/><circle cx="108" cy="98" r="7" fill="#f0cfc0"/>`,
  ],
  drinks: [
    '#d6f1ee',
    '#94d7cf',
    `<path d="M108 30h24v22c0 8 12 16 12 32v62a8 8 0 0 1-8 8h-32a8 8 0 0 1-8-8V84c0-16 12-24 12-32z" fill="#1f9c8d"/><path d="M106 28h28v12h-28z" fill="#f4b740"/><path d="M96 96h48v34H96z" fill="#f3fffd"/>
     <path d="M108 122c0-10 6-18 12-18s12 8 12 18" fill="none" stroke="#1f9c8d" stroke-width="5" stroke-linecap="round"/>`,
  ],
  coffee: [
    '#eee0d4',
    '#cfae95',
    `<path d="M70 82h84v34a36 36 0 0 1-36 36h-12a36 36 0 0 1-36-36z" fill="#fffaf5"/><path d="M154 90h10a16 16 0 0 1 0 32h-12" fill="none" stroke="#fffaf5" stroke-width="9"/><ellipse cx="112" cy="84" rx="42" ry="8" fill="#6b4226"/>
     <g fill="none" stroke="#8b6043" stroke-width="5" stroke-linecap="round"><path d="M98 64c-6-8 6-12 0-22M124 64c-6-8 6-12 0-22"/></g>`,
  ],
  sweets: [
    '#fbe0ee',
    '#f0aed0',
    `<circle cx="120" cy="98" r="46" fill="#c98a52"/><circle cx="120" cy="98" r="38" fill="#dca468"/><g fill="#5c3420"><circle cx="104" cy="84" r="7"/><circle cx="132" cy="80" r="6"/><circle cx="140" cy="106" r="7"/><circle cx="112" cy="116" r="6"/><circle cx="120" cy="98" r="5"/><circle cx="96" cy="104" r="4"/></g>`,
  ],
  frozen: [
    '#e0f0fb',
    '#a9d4f3',
    `<path d="M92 44h56a14 14 0 0 1 14 14v50a14 14 0 0 1-14 14H92a14 14 0 0 1-14-14V58a14 14 0 0 1 14-14z" fill="#5fb3e6"/><path d="M112 122h16v26a8 8 0 0 1-16 0z" fill="#e0b982"/>
     <g stroke="#fff" stroke-width="5" stroke-linecap="round"><path d="M120 60v46M100 71l40 24M140 71l-40 24"/></g>`,
  ],
  cleaning: [
    '#e4e6fb',
    '#b7bcf3',
    `<path d="M100 78h40c10 10 14 22 14 34v32a10 10 0 0 1-10 10H96a10 10 0 0 1-10-10v-32c0-12 4-24 14-34z" fill="#5661d6"/><path d="M106 58h28v20h-28z" fill="#8c94ea"/><path d="M96 42h44l14 10v8H96z" fill="#333c9e"/>
     <path d="M92 106h56v28H92z" fill="#fff"/><g fill="#fff"><circle cx="172" cy="50" r="4"/><circle cx="184" cy="42" r="3"/><circle cx="182" cy="60" r="3"/></g>`,
  ],
  care: [
    '#f0e2f7',
    '#d5b1e8',
    `<path d="M70 92a22 22 0 0 1 22-22h56a22 22 0 0 1 22 22v22a22 22 0 0 1-22 22H92a22 22 0 0 1-22-22z" fill="#fff"/><path d="M88 96a10 10 0 0 1 10-10h44a10 10 0 0 1 10 10v12a10 10 0 0 1-10 10H98a10 10 0 0 1-10-10z" fill="#e6cdf2"/>
     <g fill="#fff" opacity=".9"><circle cx="82" cy="52" r="10"/><circle cx="104" cy="44" r="6"/><circle cx="164" cy="52" r="8"/><circle cx="180" cy="68" r="5"/></g>`,
  ],
  pets: [
    '#fde6cf',
    '#f5bf85',
    `<g fill="#8a5a32"><ellipse cx="84" cy="82" rx="13" ry="17" transform="rotate(-18 84 82)"/><ellipse cx="108" cy="62" rx="13" ry="18"/><ellipse cx="134" cy="62" rx="13" ry="18"/><ellipse cx="158" cy="82" rx="13" ry="17" transform="rotate(18 158 82)"/><path d="M121 92c20 0 38 24 38 42 0 12-10 18-20 16-7-2-12-4-18-4s-11 2-18 4c-10 2-20-4-20-16 0-18 18-42 38-42z"/></g>`,
  ],
  other: [
    '#e7eaee',
    '#c4ccd6',
    `<path d="M72 76h96l-8 70a8 8 0 0 1-8 7H88a8 8 0 0 1-8-7z" fill="#f9fbfd"/><path d="M66 66h108a6 6 0 0 1 6 6v10H60V72a6 6 0 0 1 6-6z" fill="#7c8b9d"/><path d="M96 66l16-30M144 66l-16-30" stroke="#7c8b9d" stroke-width="7" stroke-linecap="round"/><g stroke="#b6c1ce" stroke-width="6" stroke-linecap="round"><path d="M100 98l3 36M120 98v36M140 98l-3 36"/></g>`,
  ],
}

/** The picture that stands in for a department's products without their own: SVG, about 1 KiB. */
export function drawDepartment(category: CategoryId): string {
  const [from, to, shapes] = drawings[category]
  const body = shapes.replace(/\n\s+/g, '')
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 240 180"><defs><linearGradient id="g" x1="0" y1="0" x2="0" y2="1"><stop stop-color="${from}"/><stop offset="1" stop-color="${to}"/></linearGradient></defs><path d="M0 0h240v180H0z" fill="url(#g)"/><ellipse cx="120" cy="156" rx="66" ry="7" fill="#000" opacity=".08"/>${body}</svg>`
}

export const drawnDepartments = categoryIds
