/** Migrations are embedded as text: `import sql from "….sql" with { type: "text" }`. */
declare module "*.sql" {
  const text: string;
  // biome-ignore lint/style/noDefaultExport: the shape the bundler gives a text import
  export default text;
}
