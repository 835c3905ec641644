/** Lists of state types as SQL, for `state_type IN (…)`: `'FAILED', 'CRASHED'`. */
import { ACTIVE_TYPES, FAILED_TYPES, type StateType, TERMINAL_TYPES, UNFINISHED_TYPES } from "../model/state.ts";

const sqlList = (types: readonly StateType[]): string => types.map((type) => `'${type}'`).join(", ");

export const TERMINAL_SQL = sqlList(TERMINAL_TYPES);
export const UNFINISHED_SQL = sqlList(UNFINISHED_TYPES);
export const FAILED_SQL = sqlList(FAILED_TYPES);
export const ACTIVE_SQL = sqlList(ACTIVE_TYPES);
