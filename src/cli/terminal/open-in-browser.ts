/** Opens an address with the program that the system chose for it. */

const OPENERS: Readonly<Record<string, readonly string[]>> = {
  darwin: ["open"],
  // `start` is a word of the command processor, and takes its first quoted argument for a title.
  win32: ["rundll32", "url.dll,FileProtocolHandler"],
};

/** Does nothing where there is no such program: the address is printed as well. */
export function openInBrowser(address: string): void {
  const command = OPENERS[process.platform] ?? ["xdg-open"];
  try {
    Bun.spawn([...command, address], { stdio: ["ignore", "ignore", "ignore"] }).unref();
  } catch {
    // Not installed.
  }
}
