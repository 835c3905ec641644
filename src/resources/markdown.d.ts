/** Markdown is embedded as text: `import text from "….md" with { type: "text" }`. */
declare module "*.md" {
  const text: string;
  // biome-ignore lint/style/noDefaultExport: the shape the bundler gives a text import
  export default text;
}
