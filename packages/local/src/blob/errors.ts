import { errorTable } from '@pdvend/ports'

/** What the file system says, in the port's words. */
export const fail = errorTable('local-blob', {
  ENOSPC: { code: 'UNAVAILABLE', detail: 'the disk of PDVEND_LOCAL_DIR is full', retryable: false, outcome: 'not-applied' },
  EDQUOT: { code: 'UNAVAILABLE', detail: 'the disk quota of PDVEND_LOCAL_DIR is used up', retryable: false, outcome: 'not-applied' },
  EROFS: { code: 'PERMISSION_DENIED', detail: 'PDVEND_LOCAL_DIR is read-only: give the process write access' },
  EACCES: { code: 'PERMISSION_DENIED', detail: 'give the process access to PDVEND_LOCAL_DIR' },
  EPERM: { code: 'PERMISSION_DENIED', detail: 'give the process access to PDVEND_LOCAL_DIR' },
  EMFILE: { code: 'UNAVAILABLE', detail: 'too many open files: dispose readers, or raise the limit', outcome: 'not-applied' },
  ENFILE: { code: 'UNAVAILABLE', detail: 'the system has too many open files', outcome: 'not-applied' },
  EIO: { code: 'UNAVAILABLE', detail: 'the disk of PDVEND_LOCAL_DIR gives errors', outcome: 'not-applied' },
  ENOTDIR: { code: 'CONFIG_INVALID', detail: 'PDVEND_LOCAL_DIR is not a directory' },
  EEXIST: { code: 'CONFIG_INVALID', detail: 'a file stands at PDVEND_LOCAL_DIR/blob, where a directory must be: move it away' },
  EISDIR: { code: 'CONFIG_INVALID', detail: 'a directory stands at PDVEND_LOCAL_DIR/blob/signing.key: remove it' },
})
