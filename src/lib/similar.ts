import { stringSimilarity } from "string-similarity-js";
import { largest } from "./lists.ts";

/** Of longer texts only the beginning is compared, and of a text only so many parts: a workspace has thousands of names. */
const LONGEST_COMPARED = 200;
const MOST_PARTS = 20;
/** The similarity of a text and one that contains it. */
const PART_SCORE = 0.8;
const CLOSE = 0.6;
const LEAST_SIMILAR = 0.4;

/**
 * How similar two texts are, 0..1, ignoring case: shared pairs of letters (Sørensen–Dice), which also finds words in another
 * order. A text that contains the other counts at least 0.8.
 */
export function similarity(a: string, b: string): number {
  const [one, two] = [a.toLowerCase(), b.toLowerCase()];
  if (one === two) return 1;
  const shared = stringSimilarity(one, two);
  const isPart = one.length >= 3 && two.length >= 3 && (one.includes(two) || two.includes(one));
  return isPart ? Math.max(PART_SCORE, shared) : shared;
}

/**
 * Up to `count` of the texts that are similar enough to be meant, closest first. `partsOf`: further texts by which a candidate can be
 * meant, such as the parts of its name.
 */
export function closest(
  text: string,
  candidates: Iterable<string>,
  count: number,
  partsOf: (candidate: string) => readonly string[] = () => [],
): string[] {
  const wanted = text.slice(0, LONGEST_COMPARED);
  const scored = [...new Set(candidates)]
    .map((candidate) => {
      const parts = [candidate, ...partsOf(candidate.slice(0, LONGEST_COMPARED)).slice(0, MOST_PARTS)];
      return {
        candidate,
        score: largest(parts.map((part) => similarity(wanted, part.slice(0, LONGEST_COMPARED)))),
      };
    })
    .filter(({ score }) => score >= LEAST_SIMILAR)
    .sort((a, b) => b.score - a.score || (a.candidate < b.candidate ? -1 : 1));
  // Beside one that contains the text or differs by little, those that share some letters are noise.
  const least = (scored[0]?.score ?? 0) >= PART_SCORE ? CLOSE : LEAST_SIMILAR;
  return scored
    .filter(({ score }) => score >= least)
    .slice(0, count)
    .map(({ candidate }) => candidate);
}
