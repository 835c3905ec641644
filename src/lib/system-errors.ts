/** Why the operating system does not let a file be used. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: "this user may not use it",
  EPERM: "this user may not use it",
  ENOENT: "it does not exist",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of its path is a file, not a folder",
  ELOOP: "its symbolic links form a circle",
  ENAMETOOLONG: "its name or path is too long",
  EROFS: "its file system is read-only",
  EMFILE: "this process has too many open files",
  ENFILE: "this machine has too many open files",
  ENOSPC: "its disk is full",
  EDQUOT: "the disk quota of this user is used up",
  EFBIG: "it would become larger than its file system allows",
  EBUSY: "another program uses it",
  ETXTBSY: "another program uses it",
  EIO: "its disk fails",
  ESTALE: "its network file system does not answer properly",
  ETIMEDOUT: "its network file system does not answer",
  ENODEV: "its device is missing",
  ENXIO: "its device is missing",
  EILSEQ: "its name has characters that its file system does not allow",
  EINVAL: "its file system does not allow this name or operation",
  ERR_INVALID_ARG_VALUE: "its name has a character that no file name can have",
};

/** The code of an error of the operating system, such as `ENOSPC`; "" for any other value. */
export function systemCode(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && (/^E[A-Z0-9]+$/.test(code) || code in REASONS) ? code : "";
}

/** The reason, to be put after a colon: `it is a folder`. Null for an error that is not one of the operating system. */
export function systemReason(error: unknown): string | null {
  const code = systemCode(error);
  return code === "" ? null : (REASONS[code] ?? `the system reports ${code}`);
}
