import { PolicyInProcess } from './policy/service.js';
import { CANDIDATES, MONDAY, identifierOf, running, waiting } from './policy/scene.js';

/** What judging costs in a large place: one deployment in one environment, many policies, many versions that all wait. */
export interface PolicyFigures {
  targets: number;
  /** The first judging after a start: nothing is remembered. */
  firstMs: number;
  /** All targets and all versions judged again while nothing has changed, and the decisions a second that makes. */
  againMs: number;
  decisionsPerSecond: number;
  /** Rows written then. */
  againRows: number;
  /** A person approves one of the versions: until it is answered, with what follows. */
  approvedMs: number;
  /** A fact of one target came that no answer depends on: until that is known, and rows written for it. */
  sameMs: number;
  sameRows: number;
  /** A fact of one target came that changes what the rules say there: until it is decided and written; and how long it waited for others, on the service's clock. */
  changedMs: number;
  changedWaitedMs: number;
  /** A deployment of another version fails at one target of the environment before. */
  elsewhereMs: number;
  elsewhereWaitedMs: number;
}

const REPEATS = 5;

/** The policy service's own parts in this process on the memory store: what is measured is judging, not the network or the database. */
export async function measurePolicy(targets: number): Promise<PolicyFigures> {
  const service = new PolicyInProcess();
  await service.prepare(targets);
  await service.restart();
  const firstMs = await timed(() => service.judgeAgain());
  const again: number[] = [];
  for (let repeat = 0; repeat < REPEATS; repeat++) again.push(await timed(() => service.judgeAgain()));
  const againRows = service.rowsWritten;
  const approvedMs = await timed(() => service.approve(waiting[CANDIDATES - 1]!));
  const same = await facts(service, (index) => service.fact('checkout', 'production', identifierOf(at(index, targets)), running));
  const sameRows = service.rowsWritten;
  const changed = await facts(service, (index) =>
    service.fact('checkout', 'production', identifierOf(at(index, targets)), running, { startedAt: MONDAY - 1_000 * index }),
  );
  const elsewhere = await facts(service, (index) => service.fact('checkout', 'staging', `stage-${index % 2}`, running));
  const againMs = median(again);
  return {
    targets,
    firstMs,
    againMs,
    decisionsPerSecond: (CANDIDATES / againMs) * 1_000,
    againRows,
    approvedMs,
    sameMs: same.ms,
    sameRows,
    changedMs: changed.ms,
    changedWaitedMs: changed.waitedMs,
    elsewhereMs: elsewhere.ms,
    elsewhereWaitedMs: elsewhere.waitedMs,
  };
}

const at = (index: number, targets: number): number => (index * 7_919 + 1) % targets;

async function facts(
  service: PolicyInProcess,
  fact: (index: number) => Parameters<PolicyInProcess['factArrives']>[0],
): Promise<{ ms: number; waitedMs: number }> {
  const times: number[] = [];
  let waitedMs = 0;
  for (let index = 0; index < REPEATS; index++) {
    const event = fact(index);
    times.push(await timed(async () => (waitedMs = await service.factArrives(event))));
  }
  return { ms: median(times), waitedMs };
}

/** Processor time of this process: there is nothing that it waits for, and what else runs on the machine does not count. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(from);
  return (user + system) / 1_000;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
