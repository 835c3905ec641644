/**
 * Every pass over texts and values that others have written, with inputs that are made to be slow: deep, wide, long, almost matching.
 * Fails when the work of a pass grows faster than its input, when it costs far more for one character than for ordinary text, when a pass
 * throws, and when its result is wrong. No time is compared with a fixed one.
 *
 *     bun scripts/fuzz-text.ts --seed=1 --random=200 --size=32768 --pass=redact
 */
import { growthOf, MOST_TIMES } from "../test/source/hostile/measure.ts";
import { EVENT_PASSES, type Pass, TEXT_PASSES, VALUE_PASSES } from "../test/source/hostile/passes.ts";
import { ORDINARY, type Random, randomPump, type Shape, TEXT_SHAPES } from "../test/source/hostile/texts.ts";
import { EVENT_SHAPES, VALUE_SHAPES } from "../test/source/hostile/values.ts";
import { seededRandom } from "../test/support/random.ts";

const option = (name: string): string | undefined =>
  process.argv.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3);
const seed = Number(option("seed") ?? 1);
const randomShapes = Number(option("random") ?? 100);
const size = Number(option("size") ?? 32_768);
const only = option("pass") ?? "";

/** Microseconds that a pass may take for each character, whatever the text: 2 s for the longest text of a caller's Prefect. */
const MOST_US_PER_CHAR = 1;

interface Failure {
  readonly pass: string;
  readonly shape: string;
  readonly problem: string;
}

async function problemOf<Input>(
  pass: Pass<Input>,
  shape: Shape<Input>,
): Promise<{ problem: string | null; usPerChar: number }> {
  const make = (chars: number) => shape.make(chars, seededRandom(seed));
  try {
    const growth = await growthOf(make, pass.run, size);
    const { times } = growth;
    const usPerChar = growth.usPerChar / (pass.copies ?? 1);
    if (times > MOST_TIMES) return { problem: `4 times the size takes ${times.toFixed(1)} times as long`, usPerChar };
    if (usPerChar > MOST_US_PER_CHAR) return { problem: `${usPerChar.toFixed(2)} µs for each character`, usPerChar };
    const input = make(size);
    return { problem: pass.problem?.(input, await pass.run(input)) ?? null, usPerChar };
  } catch (error) {
    return { problem: `throws ${String(error).slice(0, 300)}`, usPerChar: 0 };
  }
}

async function runPasses<Input>(passes: readonly Pass<Input>[], shapes: readonly Shape<Input>[]): Promise<Failure[]> {
  const failures: Failure[] = [];
  for (const pass of passes) {
    if (!pass.name.includes(only)) continue;
    let worst = { usPerChar: 0, shape: "" };
    for (const shape of shapes) {
      const { problem, usPerChar } = await problemOf(pass, shape);
      if (usPerChar > worst.usPerChar) worst = { usPerChar, shape: shape.name };
      if (problem === null) continue;
      failures.push({ pass: pass.name, shape: shape.name, problem });
      console.log(`FAILED ${pass.name} with ${shape.name}: ${problem}`);
    }
    console.log(
      `${pass.name}: ${shapes.length} shapes, at most ${worst.usPerChar.toFixed(3)} µs/character (${worst.shape})`,
    );
  }
  return failures;
}

const random: Random = seededRandom(seed);
const pumps = Array.from({ length: randomShapes }, () => randomPump(random));
console.log(`seed ${seed}, ${size} and ${size * 4} characters`);
for (const pass of TEXT_PASSES) await pass.run(ORDINARY.make(size, random));
const failures = [
  ...(await runPasses(TEXT_PASSES, [...TEXT_SHAPES, ...pumps])),
  ...(await runPasses(VALUE_PASSES, VALUE_SHAPES)),
  ...(await runPasses(EVENT_PASSES, EVENT_SHAPES)),
];
console.log(failures.length === 0 ? "no failure" : `${failures.length} failures, seed ${seed}`);
process.exitCode = failures.length === 0 ? 0 : 1;
