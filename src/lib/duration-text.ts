import { own, type Sentence, sentence } from "./shown-text.ts";
import { SECOND_US } from "./time.ts";

/** A duration or an age, the only way in which answers write them: `1.3 s`, `45 s`, `5 min 20 s`, `12 min`, `2 h 5 min`, `4 d`. */
export function durationText(us: number): Sentence {
  const seconds = Math.max(0, us / SECOND_US);
  if (seconds < 9.95) return sentence`${Number(seconds.toFixed(1))} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return sentence`${whole} s`;
  if (whole < 600) return parts(whole, 60, own("min"), own("s"));
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return sentence`${minutes} min`;
  return minutes < 48 * 60 ? parts(minutes, 60, own("h"), own("min")) : sentence`${Math.round(minutes / 1_440)} d`;
}

function parts(count: number, per: number, large: Sentence, small: Sentence): Sentence {
  const [first, rest] = [Math.floor(count / per), count % per];
  return rest === 0 ? sentence`${first} ${large}` : sentence`${first} ${large} ${rest} ${small}`;
}
