import type { ComponentType } from "preact";
import { DashboardPage } from "./dashboard.tsx";
import type { PageProps } from "./page.ts";

export interface PageDefinition {
  readonly title: string;
  /** The tool whose arguments the page takes. */
  readonly tool: string;
  readonly component: ComponentType<PageProps>;
}

/** By the names in `../page.ts` (`VIEWS`). */
export const PAGES: Readonly<Record<string, PageDefinition>> = {
  dashboard: { title: "Dashboard", tool: "get_dashboard", component: DashboardPage },
};
