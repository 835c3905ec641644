/**
 * All regular expressions of the source: the literals, and those that modules make with `new RegExp` while they are loaded. Run as a
 * program, it prints them as JSON, because only a new process can observe how modules are loaded.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Glob } from "bun";

export interface SourceExpression {
  /** `src/lib/time.ts:68`; for one that was made, the file alone. */
  readonly place: string;
  readonly source: string;
  readonly flags: string;
}

const ROOT = join(import.meta.dir, "../../..");

function sourceFiles(): { readonly file: string; readonly text: string }[] {
  const files = [...new Glob("src/**/*.ts").scanSync(ROOT)].sort();
  return files.map((file) => ({ file, text: readFileSync(join(ROOT, file), "utf8") }));
}

/** Comments, texts, templates, and a regular expression (1: source, 2: flags) where an operand is expected. */
const TOKEN =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`|\/((?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/[\\\n])+)\/([dgimsuvy]*)|[\s\S]/gy;
const BEFORE_OPERAND = /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|of|in))\s*$/;

/** The literals in a TypeScript text. */
export function expressionLiterals(
  text: string,
): { readonly at: number; readonly source: string; readonly flags: string }[] {
  const found: { at: number; source: string; flags: string }[] = [];
  /** For each open template: how many braces are open within its current `${`. */
  const braces: number[] = [];
  let code = "";
  for (let at = 0; at < text.length; ) {
    TOKEN.lastIndex = at;
    const [token = "", source, flags = ""] = TOKEN.exec(text) ?? [];
    let end = at + token.length;
    if (source !== undefined) {
      if (BEFORE_OPERAND.test(code)) found.push({ at, source, flags });
      else end = at + 1;
    } else if (token === "`" || (token === "}" && braces.at(-1) === 0)) {
      if (token === "}") braces.pop();
      end = templateEnd(text, end);
      if (text.startsWith("${", end - 2)) braces.push(0);
    } else if (token === "{" || token === "}") {
      const open = braces.pop();
      if (open !== undefined) braces.push(open + (token === "{" ? 1 : -1));
    }
    const isComment = token.startsWith("//") || token.startsWith("/*");
    // Of the code only the end is needed; a text or a template is represented by its last character.
    if (!isComment) code = (code + text.charAt(end - 1)).slice(-12);
    at = end;
  }
  return found;
}

/** After the closing backtick of a template, or after its next `${`. */
function templateEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at += 1) {
    if (text.charAt(at) === "\\") at += 1;
    else if (text.charAt(at) === "`") return at + 1;
    else if (text.startsWith("${", at)) return at + 2;
  }
  return text.length;
}

export function allLiterals(): SourceExpression[] {
  return sourceFiles().flatMap(({ file, text }) =>
    expressionLiterals(text).map(({ at, source, flags }) => ({
      place: `${file}:${text.slice(0, at).split("\n").length}`,
      source,
      flags,
    })),
  );
}

/** Those that are made while the modules are loaded. */
async function madeExpressions(): Promise<SourceExpression[]> {
  const made: SourceExpression[] = [];
  const files = sourceFiles().filter(({ text }) => text.includes("new RegExp("));
  const Original = RegExp;
  for (const { file } of files) {
    globalThis.RegExp = new Proxy(Original, {
      construct(target, [source, flags]: [string, string?]) {
        made.push({ place: file, source: String(source), flags: flags ?? "" });
        return new target(source, flags);
      },
    });
    await import(join(ROOT, file));
  }
  globalThis.RegExp = Original;
  return made;
}

if (import.meta.main) process.stdout.write(JSON.stringify(await madeExpressions()));
