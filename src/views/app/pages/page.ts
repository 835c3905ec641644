/** What every page gets. */
import type { View } from "../../calls.ts";
import type { Args, Connection } from "../connection/connection.ts";

export interface PageProps {
  readonly connection: Connection;
  /** Arguments of the page's first tool. */
  readonly args: Args;
  /** When the page was drawn; ages count from it. */
  readonly nowMs: number;
  /** Goes to another page. */
  open(view: View, args: Args): void;
}
