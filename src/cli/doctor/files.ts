import { accessSync, constants, existsSync, statfsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { AppError } from "../../errors.ts";
import { asPlace, asReason, asShellWord, figure, own, sentence } from "../../lib/shown-text.ts";

import { systemCode, systemReason } from "../../lib/system-errors.ts";
import { MAX_PATH_BYTES, shortPath } from "../../store/file/store-error.ts";
import type { DoctorFinding } from "./finding.ts";

const AREA = "files";
const MIN_FREE_BYTES = 200 * 1024 ** 2;

function nearestExisting(path: string): string {
  const parent = dirname(path);
  return existsSync(path) || parent === path ? path : nearestExisting(parent);
}

function mayUse(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

/** Permission bits of group and others; 0 on Windows, where they mean nothing. */
function openBits(path: string): number {
  return process.platform === "win32" ? 0 : statSync(path).mode & 0o077;
}

/** Why the path cannot be looked at although it may exist: it is too long, or its links form a circle. */
function pathProblem(path: string): string | null {
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) return "its path is too long for SQLite";
  try {
    statSync(path, { throwIfNoEntry: false });
    return null;
  } catch (error) {
    const code = systemCode(error);
    return code === "ENOENT" || code === "ENOTDIR" || code === "EACCES" ? null : systemReason(error);
  }
}

/** A record's file name in the folder, for the check of the whole path's length. */
const SAMPLE_NAME = "a".repeat(100);

function checkFolder(dataDir: string): DoctorFinding {
  const problem = pathProblem(join(dataDir, SAMPLE_NAME));
  if (problem !== null) {
    const what = sentence`The data folder ${asPlace(shortPath(dataDir))} cannot be used: ${asReason(problem)}.`;
    return { level: "fix", area: AREA, what, fix: own("Name another folder in PREFECT_MCP_DATA_DIR.") };
  }
  const home = nearestExisting(dataDir);
  if (!statSync(home).isDirectory()) {
    const fix = own("Remove that file, or name another folder in PREFECT_MCP_DATA_DIR.");
    return {
      level: "fix",
      area: AREA,
      what: sentence`${asPlace(home)} is a file, so the data folder ${asPlace(dataDir)} cannot be created.`,
      fix,
    };
  }
  if (!mayUse(home, constants.W_OK | constants.X_OK)) {
    const fix = sentence`Give this user write access to ${asPlace(home)}, or name another folder in PREFECT_MCP_DATA_DIR.`;
    return { level: "fix", area: AREA, what: sentence`The data folder ${asPlace(dataDir)} cannot be written.`, fix };
  }
  if (home !== dataDir)
    return {
      level: "ok",
      area: AREA,
      what: sentence`The data folder ${asPlace(dataDir)} is created when it is needed.`,
    };
  if (openBits(dataDir) === 0)
    return { level: "ok", area: AREA, what: sentence`The data folder is ${asPlace(dataDir)}.` };
  const what = sentence`Other users can read the data folder ${asPlace(dataDir)}.`;
  return {
    level: "warn",
    area: AREA,
    what,
    fix: sentence`Run \`chmod 700 ${asShellWord(dataDir)}\`, or start a sync, which does the same.`,
  };
}

function checkRecordFile(file: string): DoctorFinding[] {
  const findings: DoctorFinding[] = [];
  for (const name of [file, `${file}-wal`, `${file}-shm`].filter((path) => existsSync(path))) {
    if (!mayUse(name, constants.R_OK | constants.W_OK)) {
      const fix = sentence`Give this user read and write access to it, or move it away: the next sync builds it again from Prefect.`;
      findings.push({
        level: "fix",
        area: AREA,
        what: sentence`The file ${asPlace(name)} cannot be read and written.`,
        fix,
      });
    } else if (openBits(name) !== 0) {
      const what = sentence`Other users can read ${asPlace(name)}.`;
      findings.push({
        level: "warn",
        area: AREA,
        what,
        fix: sentence`Run \`chmod 600 ${asShellWord(name)}\`, or start a sync, which does the same.`,
      });
    }
  }
  return findings;
}

function checkDisk(dataDir: string, capBytes: number): DoctorFinding[] {
  const home = nearestExisting(dataDir);
  const { bavail, bsize } = statfsSync(home);
  const free = bavail * bsize;
  const gigabytes = sentence`${figure(free / 1024 ** 3, 1)} GB`;
  if (free < MIN_FREE_BYTES) {
    const fix = own("Free disk space there, or name a folder on another disk in PREFECT_MCP_DATA_DIR.");
    return [
      {
        level: "fix",
        area: AREA,
        what: sentence`Only ${Math.round(free / 1024 ** 2)} MB are free at ${asPlace(home)}.`,
        fix,
      },
    ];
  }
  if (capBytes > 0 && free < capBytes) {
    const what = sentence`${gigabytes} are free at ${asPlace(home)}, less than the record may take (${figure(capBytes / 1024 ** 3, 1)} GB).`;
    return [
      { level: "warn", area: AREA, what, fix: own("Free disk space there, or lower PREFECT_MCP_RETENTION_BYTES.") },
    ];
  }
  return [{ level: "ok", area: AREA, what: sentence`${gigabytes} are free there.` }];
}

/** Folder, permissions and disk space. `capBytes`: largest allowed size of the record, 0 for no limit. Changes nothing. */
export function checkFiles(dataDir: string, recordFile: string | null, capBytes: number): DoctorFinding[] {
  const folder = checkFolder(dataDir);
  if (folder.level === "fix") return [folder];
  return [folder, ...checkDisk(dataDir, capBytes), ...(recordFile === null ? [] : checkRecordFile(recordFile))];
}

/** Why the record cannot be written, in the words of `doctor`; null when it can. */
export function writeProblem(dataDir: string, recordFile: string | null = null): AppError | null {
  const findings = [checkFolder(dataDir), ...(recordFile === null ? [] : checkRecordFile(recordFile))];
  return toError(findings.find(({ level }) => level === "fix"));
}

/** Why the record cannot be read, or null. A folder that does not exist yet is no obstacle. */
export function readProblem(dataDir: string): AppError | null {
  const isFile = !statSync(nearestExisting(dataDir)).isDirectory();
  return isFile || pathProblem(join(dataDir, SAMPLE_NAME)) !== null ? toError(checkFolder(dataDir)) : null;
}

function toError(finding: DoctorFinding | undefined): AppError | null {
  if (!finding) return null;
  return new AppError("invalid_config", finding.what, finding.fix === undefined ? {} : { hint: finding.fix });
}
