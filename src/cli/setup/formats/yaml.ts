import { Document, parseDocument } from "yaml";
import type { FileFormat } from "./format.ts";
import { isPlainTable, nested } from "./nested.ts";

function read(text: string): Document {
  const document = parseDocument(text, { keepSourceTokens: true });
  const [first] = document.errors;
  if (first) throw new Error(first.message.split("\n")[0]?.replace(/:$/, "") ?? "it is not valid YAML");
  if (document.contents === null) document.contents = document.createNode({}) as never;
  if (!isPlainTable(document.toJS())) throw new Error("it is not a mapping");
  return document as unknown as Document;
}

/** Long lines stay one line, and the indentation is that of the first indented line. */
function write(document: Document, text: string): string {
  const indent = /^( +)\S/m.exec(text)?.[1]?.length ?? 2;
  const lines = text.split("\n");
  const isIndented = !lines.some((line, at) => {
    const own = /^([ \t]*)[^\s#-]/.exec(line)?.[1];
    return own !== undefined && line.trimEnd().endsWith(":") && lines[at + 1]?.startsWith(`${own}- `) === true;
  });
  const result = document.toString({ lineWidth: 0, indent, indentSeq: isIndented, flowCollectionPadding: false });
  return text.includes("\r\n") ? result.replaceAll(/\r?\n/g, "\r\n") : result;
}

export const yamlFormat: FileFormat = {
  parse: (text) => read(text).toJS(),
  set(text, path, value) {
    const document = read(text);
    const parents = path.slice(0, -1).map((_, index) => path.slice(0, index + 1));
    for (const parent of parents) {
      if (document.getIn(parent) === null || document.getIn(parent) === undefined)
        document.setIn(parent, document.createNode({}));
    }
    document.setIn(path, document.createNode(value));
    return write(document, text);
  },
  append(text, path, values) {
    const document = read(text);
    if (document.getIn(path) === undefined) document.setIn(path, document.createNode([]));
    for (const value of values) document.addIn(path, value);
    return write(document, text);
  },
  remove(text, path) {
    const document = read(text);
    document.deleteIn(path);
    return write(document, text);
  },
  show: (path, value) => new Document(nested(path, value)).toString({ lineWidth: 0 }).trimEnd(),
};
