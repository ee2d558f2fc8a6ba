/** Where the shop keeps what, one line each. Sale ids begin with the time, so that listings are by time. */
export const saleKey = (saleId: string): string => `sales/${saleId}.json`
export const receiptKey = (saleId: string): string => `receipts/${saleId}.pdf`
export const layoutKey = 'settings/receipt.json'
export const importFileKey = (importId: string): string => `imports/${importId}.csv`
export const importRecordKey = (importId: string): string => `imports/${importId}.json`
export const pictureFolder = 'pictures/products/'
export const tillFolder = 'tills/'
export const tillKey = (till: string): string => `${tillFolder}${till}.json`
