declare module "*.css" {
  const text: string;
  // biome-ignore lint/style/noDefaultExport: the shape the bundler gives a text import
  export default text;
}
