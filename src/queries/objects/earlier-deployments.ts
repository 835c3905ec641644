/** Deployments that were deleted and created again under the same name. Earlier runs belong to the old id. */
import { asName, counted, quote, type Sentence, sentence } from "../../lib/shown-text.ts";
import type { RecordDb } from "../../store/database.ts";
import { findByName } from "../../store/objects/names.ts";
import { countRunsOfDeployment } from "../../store/runs/runs-of-owner.ts";

/** Counting stops here, and the note says "at least". */
const MAX_COUNTED = 1_000;

/** Notes about deleted deployments of the same name and flow that have recorded runs. */
export function earlierDeploymentNotes(db: RecordDb, id: string, name: string): Sentence[] {
  const namesakes = findByName(db, "deployment", name);
  const own = namesakes.find((one) => one.id === id);
  return namesakes
    .filter((one) => one.isDeleted && one.id !== id && one.parent === own?.parent)
    .flatMap((one) => {
      const n = countRunsOfDeployment(db, one.id, MAX_COUNTED);
      if (n === 0) return [];
      const runs = sentence`${n === MAX_COUNTED ? "at least " : ""}${counted(n, "run is", "runs are")}`;
      const them = n === 1 ? "it" : "them";
      return [
        sentence`An earlier deployment ${quote(one.name)} (${asName(one.id)}) was deleted; its ${runs} not listed here, ask for ${them} by that id.`,
      ];
    });
}
