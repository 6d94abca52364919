import { jobTable, rolloutTable, type JobRow, type RolloutRow } from '../../services/scheduler/src/tables.js';
import { Invariants } from './invariants.js';
import { People } from './people.js';
import { contradictions, lost, unsettled } from './settled.js';
import { World } from './world.js';

/** More steps than any healthy run takes: a mesh that never rests is caught by it. */
const STEPS_MAX = 400_000;
/** How long the mesh may take to settle after the last fault, in virtual time: lost deliveries, backoffs and leases all end well within it. */
const SETTLE_MS = 1_800_000;
const LOOK_EVERY_MS = 20_000;
/** What is still on its way between services cannot be seen: only what stays at rest is. */
const QUIET_LOOKS = 2;

export interface SimulationResult {
  problems: string[];
  notes: string[];
  steps: number;
  starts: number;
}

/** One whole run from one seed; the same seed always gives the same run. */
export async function simulate(seed: number): Promise<SimulationResult> {
  const world = new World(seed);
  const people = new People(world);
  const invariants = new Invariants(world, people);
  await world.boot();
  world.driven = true;
  invariants.watch();
  people.start();
  world.trouble();
  const stop = (): boolean => invariants.violations.length > 0 || world.clockwork.steps > STEPS_MAX;
  await world.run(world.scenario.troubledMs, stop);
  world.heal();
  let problems: string[] = [];
  for (let passed = 0, quiet = 0; passed < SETTLE_MS && quiet < QUIET_LOOKS && !stop(); passed += LOOK_EVERY_MS) {
    await world.run(LOOK_EVERY_MS, stop);
    problems = people.done ? unsettled(world) : ['I13: people are still busy'];
    quiet = problems.length === 0 ? quiet + 1 : 0;
  }
  if (world.clockwork.steps > STEPS_MAX) problems.push(`I13: not at rest after ${STEPS_MAX} steps`);
  if (invariants.violations.length === 0 && problems.length === 0) {
    world.driven = false;
    invariants.atRest();
    problems = [...lost(world, people), ...people.words.problems(), ...(await contradictions(world))];
  }
  const faults = `faults: ${JSON.stringify(world.drawn)}`;
  return {
    problems: [...invariants.violations, ...problems],
    notes: [faults, world.scenario.documents, ...world.notes, ...summary(world)],
    steps: world.clockwork.steps,
    starts: world.site.log.length,
  };
}

/** What the scheduler's tables hold at the end, one line each. */
function summary(world: World): string[] {
  const tables = world.rows('scheduler');
  const rollouts = (tables[rolloutTable.name] as RolloutRow[]).map(
    (r) =>
      `rollout ${r.id} ${r.deployment} ${r.version} in ${r.environment}: ${r.state} ${r.members}${r.ending ? ` ending ${r.ending.state}` : ''} ${r.because ?? ''}`,
  );
  const jobs = (tables[jobTable.name] as JobRow[]).map(
    (j) =>
      `job ${j.id} ${j.rollback ? 'rollback ' : ''}${j.kind} ${j.deployment} ${j.version} on ${j.resource}: ${j.state} attempt ${j.attempt} epoch ${j.epoch} ${j.agent ?? ''} ${j.held ?? ''} ${j.verdict ?? ''} ${j.message ?? ''} (${j.rolloutId}#${j.ordinal})`,
  );
  return [...rollouts, ...jobs];
}
