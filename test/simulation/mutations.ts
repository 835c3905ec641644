/**
 * Deliberate faults in the engine: the simulation must find each. `scripts/mutations.ts` applies them one at a time.
 */
export interface Mutation {
  readonly name: string;
  /** Relative to the root of the repository. */
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

export const MUTATIONS: readonly Mutation[] = [
  {
    name: "catch-ups do not overlap",
    file: "src/sync/events/catch-up.ts",
    find: "const overlapUs = ctx.settings.overlapMs * 1000;",
    replace: 'const overlapUs = coverageEnd(ctx.db, "event", "") === null ? 30_000_000 : 0;',
  },
  {
    name: "the overlap before a long absence is not compared",
    file: "src/sync/events/catch-up.ts",
    find: "if (!isSmallOverlap && before.fromUs <= before.toUs) {",
    replace: "if (!isSmallOverlap && freshUs <= endUs && before.fromUs <= before.toUs) {",
  },
  {
    name: "events with a later time than now are not asked for",
    file: "src/sync/events/catch-up.ts",
    find: "toUs: addUs(nowUs, CLIENT_AHEAD_US) }",
    replace: "toUs: nowUs }",
  },
  {
    name: "a claim is committed before its rows",
    file: "src/sync/context/ingest.ts",
    find: "    const clean = events.map((event) => this.redact.event(event));\n",
    replace:
      '    if (claim) this.repairs.transaction(() => this.claimWriter.cover("event", "", claim));\n    const clean = events.map((event) => this.redact.event(event));\n',
  },
  {
    name: "a page claims the whole range",
    file: "src/sync/context/store-walk.ts",
    find: "earliestUs(provenToUs, range.toUs, reachedUs)",
    replace: "earliestUs(range.toUs, reachedUs)",
  },
  {
    name: "a claim is dated by the end of its reading",
    file: "src/sync/context/store-walk.ts",
    find: "{ fromUs, toUs, source, verifiedUs: mark.atUs }",
    replace: "{ fromUs, toUs, source, verifiedUs: ctx.clock.nowUs() }",
  },
  {
    name: "the local clock is used as the server clock",
    file: "src/prefect/transport/server-offset.ts",
    find: "    return ((atMs + Math.min(beforeMs, now.newestLowMs)) * 1000) as ServerUs;",
    replace: "    return (clock.nowUs() - (clock.steadyMs() - atMs) * 1000) as number as ServerUs;",
  },
  {
    name: "claims reach back before the retention horizon",
    file: "src/prefect/event-retention.ts",
    find: "if (retentionUs === null) return",
    replace: "if (retentionUs !== 1) return",
  },
  {
    name: "the next page begins after the last time stamp",
    file: "src/prefect/paging/event-walk.ts",
    find: "      fromUs = last.atUs;\n",
    replace: "      fromUs = last.atUs + 1;\n",
  },
  {
    name: "an instant counts as read whatever was listed of it",
    file: "src/prefect/paging/event-walk.ts",
    find: "if (listed >= instant.total) yield",
    replace: "if (listed >= 0) yield",
  },
  {
    name: "the total of an instant is not checked",
    file: "src/prefect/paging/event-instant.ts",
    find: "if (found.size >= total) return { events: [...found.values()], total };",
    replace: "if (found.size >= 0) return { events: [...found.values()], total: found.size };",
  },
  {
    name: "a page that is too short is accepted",
    file: "src/prefect/paging/event-walk.ts",
    find: "if (isWhole) return stamped;",
    replace: "return stamped;",
  },
  {
    name: "a possible gap does not cause a catch-up",
    file: "src/sync/engine.ts",
    find: "    const nowMs = this.ctx.clock.steadyMs();\n    this.schedule.request(nowMs);\n",
    replace: "    const nowMs = this.ctx.clock.steadyMs();\n    if (nowMs > -1) return;\n",
  },
  {
    name: "a new connection causes no later catch-ups",
    file: "src/sync/engine.ts",
    find: '    if (reason !== "lost") this.schedule.request(addMs(nowMs, FLUSHED_MS));\n    if (reason === "connected") this.schedule.request(addMs(nowMs, SETTLED_MS));\n',
    replace: "",
  },
  {
    name: "a burst is not noticed",
    file: "src/sync/events/event-feed.ts",
    find: '    this.ctx.changes.publish("possibleGap", { reason: "burst" });\n',
    replace: "",
  },
  {
    name: "streamed events are stored seconds later",
    file: "src/sync/context/tuning.ts",
    find: "batchMs: 250,",
    replace: "batchMs: 2_500,",
  },
  {
    name: "the back-off grows to minutes",
    file: "src/sync/context/tuning.ts",
    find: "retryMaxMs: 8_000,",
    replace: "retryMaxMs: 240_000,",
  },
  {
    name: "events that cannot be stored are dropped",
    file: "src/sync/events/event-feed.ts",
    find: 'if (failure.code === "unavailable") return false;',
    replace: "",
  },
  {
    name: "streamed events count as confirmed",
    file: "src/store/events/confirmed-events.ts",
    find: "range.fromUs, range.toUs, STREAM)?.n",
    replace: "range.fromUs, range.toUs, -1)?.n",
  },
  {
    name: "a replaced database is not noticed",
    file: "src/sync/context/recognition.ts",
    find: "if (lost.length > 0) await checkDatabase(ctx, lost, priority, signal);",
    replace: "if (lost.length < 0) await checkDatabase(ctx, lost, priority, signal);",
  },
  {
    name: "a range is claimed from streamed events",
    file: "src/sync/context/ingest.ts",
    find: '      if (claim) this.claimWriter.cover("event", "", claim);\n',
    replace:
      '      if (claim) this.claimWriter.cover("event", "", claim);\n      else if (source === "stream" && inserted.length > 1) {\n        const stamps = inserted.map((event) => parseIsoUs(event.occurred) ?? 0).sort((a, b) => a - b);\n        const reached = this.serverClock.toServerUs(this.clock.nowUs() - 3_000_000);\n        if (reached !== null) this.claimWriter.cover("event", "", { fromUs: stamps[0] ?? 0, toUs: Math.min(reached, stamps.at(-1) ?? 0), source: "stream", verifiedUs: this.clock.nowUs() });\n      }\n',
  },
  {
    name: "a copy over REST does not replace the streamed one",
    file: "src/store/events/event-writer.ts",
    find: '        if (source === "stream") return null;\n',
    replace: "        return null;\n",
  },
  {
    name: "a claim reaches back before the retention floor",
    file: "src/sync/context/claim-writer.ts",
    find: "const fromUs = ceilUs(latestUs(claim.fromUs, retentionFloorUs(this.db)));",
    replace: "const fromUs = ceilUs(claim.fromUs);",
  },
  {
    name: "Retry-After does not delay other requests",
    file: "src/sync/server/requests.ts",
    find: "if (failure.retryAfterMs !== undefined) this.budget.pause(failure.retryAfterMs);",
    replace: "if (failure.retryAfterMs !== undefined) this.budget.pause(0);",
  },
  {
    name: "the logs of a run are claimed without their last page",
    file: "src/prefect/paging/row-walk.ts",
    find: "if (page.length < pageSize || lastUs === null) {",
    replace: "if (page.length <= pageSize || lastUs === null) {",
  },
  {
    name: "a state from REST replaces a newer one",
    file: "src/store/runs/flow-runs.ts",
    find: "const isLater = heldUs > restUs",
    replace: "const isLater = false && heldUs > restUs",
  },
  {
    name: "deleted runs are never asked for",
    file: "src/sync/runs/run-sync.ts",
    find: '    await this.reconciler.readUnfinishedRuns(readBeforeUs, "reconcile", signal);\n',
    replace: "",
  },
  {
    name: "recorded numbers are read as doubles",
    file: "src/store/events/blocks.ts",
    find: "const event = parseJson(json) as PrefectEvent;",
    replace: "const event = JSON.parse(json) as PrefectEvent;",
  },
  {
    name: "a task run with a late row is marked deleted",
    file: "src/sync/runs/absent-runs.ts",
    find: "row, mark, TASK_RUN_ROW_DELAY_US",
    replace: "row, mark, 0",
  },
  {
    name: "a flow run with a late row is marked deleted",
    file: "src/sync/runs/absent-runs.ts",
    find: "row, mark, FLOW_RUN_ROW_DELAY_US",
    replace: "row, mark, 30_000_000",
  },
  {
    name: "the coverage of task runs follows that of events",
    file: "src/sync/context/ingest.ts",
    find: '      if (claim) this.claimWriter.cover("event", "", claim);\n      if (putFacts)',
    replace:
      '      if (claim) this.claimWriter.cover("event", "", claim);\n      if (claim) this.claimWriter.cover("task_run", "", claim);\n      if (putFacts)',
  },
  {
    name: "a page of task runs claims the whole range",
    file: "src/sync/runs/task-run-fill.ts",
    find: "const fromUs = latestUs(range.fromUs, step.provenUs);",
    replace: "const { fromUs } = range;",
  },
  {
    name: "task runs without events are not read again until they are idle",
    file: "src/store/runs/task-runs.ts",
    find: "t.t IS NULL OR t.state_us",
    replace: "t.state_us",
  },
  {
    name: "claims beyond the server's clock are kept when it is set back",
    file: "src/sync/context/clock-repairs.ts",
    find: "    cutClaims(db, untilUs);\n",
    replace: "",
  },
  {
    name: "the server clock of before is believed whatever the newest answer shows",
    file: "src/prefect/transport/server-offset.ts",
    find: "Math.min(beforeMs, now.newestLowMs)",
    replace: "Math.max(now.lowMs, beforeMs === Number.POSITIVE_INFINITY ? now.lowMs : beforeMs)",
  },
  {
    name: "a measurement of the server clock never becomes doubtful",
    file: "src/prefect/transport/server-offset.ts",
    find: "return intersection(answer, before) ?? answer;",
    replace: "return intersection(answer, before) ?? before;",
  },
  {
    name: "one answer with an earlier time shows that the server clock was set back",
    file: "src/prefect/transport/server-offset.ts",
    find: "if (answer.highMs >= before.lowMs) {",
    replace: "if (answer.highMs !== before.lowMs) {",
  },
  {
    name: "a server clock that was set back is never believed",
    file: "src/prefect/transport/server-offset.ts",
    find: "return sentMs - sinceMs >= DISPUTE_MS;",
    replace: "return sentMs - sinceMs >= 1e9;",
  },
  {
    name: "readings keep their time when the local clock is set back",
    file: "src/sync/context/create-context.ts",
    find: "    if (byMs < 0) ingest.repairs.localClockSetBack(Math.round(byMs * 1000));\n",
    replace: "",
  },
  {
    name: "readings of others keep their time when the local clock was set back",
    file: "src/sync/session.ts",
    find: "    if (!isSameLocalClock(db, clock)) ingest.repairs.localClockSetBack(setBackUs(db, clock));\n",
    replace: "",
  },
  {
    name: "the time since a reading began is measured on the wall clock",
    file: "src/lib/clock.ts",
    find: "addUs(clock.nowUs(), (atMs - clock.steadyMs()) * 1000)",
    replace: "addUs(clock.nowUs(), atUs - clock.nowUs())",
  },
  {
    name: "a record is used again with what was read from another server",
    file: "src/sync/change-record.ts",
    find: "      withdrawUnproven(db);\n",
    replace: "",
  },
  {
    name: "idle work of many requests waits for as long as there is smaller work",
    file: "src/sync/server/request-budget.ts",
    find: "const ahead = this.workAhead(work);",
    replace: "const ahead: IdleWork[] = [];",
  },
  {
    name: "task runs that are known from events alone are never asked for",
    file: "src/sync/runs/verify-runs.ts",
    find: "  await askForUnread(ctx, options);\n",
    replace: "",
  },
  {
    name: "equal counts of task runs are taken for equal sets",
    file: "src/sync/runs/verify-runs.ts",
    find: "  await askForEnded(ctx, options);\n",
    replace: "",
  },
  {
    name: "of unfinished runs only those that began in the covered time are read",
    file: "src/sync/runs/unfinished-runs.ts",
    find: "[{ fromUs: 0, toUs: addUs(nowUs, AHEAD_US) }, IN_PROGRESS]",
    replace: "[{ fromUs: coveredUs, toUs: addUs(nowUs, AHEAD_US) }, IN_PROGRESS]",
  },
  {
    name: "what was deleted comes back: by an answer of before",
    file: "src/store/runs/flow-runs.ts",
    find: "const deletedUs = held.deleted_us !== null && held.deleted_us > (options.seenUs ?? readUs) ? held.deleted_us : null;",
    replace: "const deletedUs = null as ServerUs | null;",
  },
  {
    name: "what was deleted comes back: by an event of before",
    file: "src/store/runs/flow-runs.ts",
    find: "isNewer && newest.atUs > held.deleted_us;",
    replace: "isNewer;",
  },
  {
    name: "what was deleted stays so when a restored database has it again",
    file: "src/store/runs/flow-runs.ts",
    find: "const deletedUs = held.deleted_us !== null && held.deleted_us > (options.seenUs ?? readUs) ? held.deleted_us : null;",
    replace: "const deletedUs = held.deleted_us;",
  },
  {
    name: "marks of deletion are compared with the local clock",
    file: "src/store/runs/flow-runs.ts",
    find: "held.deleted_us > (options.seenUs ?? readUs) ?",
    replace: "held.deleted_us > readUs ?",
  },
  {
    name: "a restored database kept ids: of events that were sent again",
    file: "src/sync/context/marker-events.ts",
    find: "asked.filter((event) => received.get(event.id) !== event.receivedUs),",
    replace: "asked.filter((event) => !received.has(event.id)),",
  },
  {
    name: "a restored database kept ids: its states of task runs are taken for old answers",
    file: "src/store/runs/task-runs.ts",
    find: " && !mayBeLost(db, held, doubtedUs);",
    replace: ";",
  },
  {
    name: "runs are not counted again",
    file: "src/sync/runs/verify-runs.ts",
    find: "if (count === held) return 0;",
    replace: "return 0;",
  },
];

/** The text of the file with the fault; null when the searched text does not occur exactly once. */
export function mutate(text: string, mutation: Mutation): string | null {
  const parts = text.split(mutation.find);
  return parts.length === 2 ? parts.join(mutation.replace) : null;
}
