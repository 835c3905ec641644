import type { ComponentType } from "preact";
import type { View } from "../../calls.ts";
import { DashboardView } from "./dashboard.tsx";
import { DiagnosisView } from "./diagnosis.tsx";
import { EventsView } from "./events.tsx";
import { ForecastView } from "./forecast.tsx";
import { IncidentsView } from "./incidents.tsx";
import type { PageProps } from "./page.ts";
import { ReliabilityView } from "./reliability.tsx";
import { RunView } from "./run.tsx";

export interface PageDefinition {
  readonly title: string;
  readonly component: ComponentType<PageProps>;
}

export const PAGES: Readonly<Record<View, PageDefinition>> = {
  dashboard: { title: "Dashboard", component: DashboardView },
  diagnosis: { title: "Diagnosis", component: DiagnosisView },
  run: { title: "Run", component: RunView },
  events: { title: "Events", component: EventsView },
  incidents: { title: "Incidents", component: IncidentsView },
  reliability: { title: "Reliability", component: ReliabilityView },
  forecast: { title: "Forecast", component: ForecastView },
};
