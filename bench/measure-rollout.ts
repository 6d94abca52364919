import type { BenchMesh, ProcessorTimes } from './bench-mesh.js';

export interface RolloutFigures {
  targets: number;
  /** From the publishing of a version to the last job in its queue, acknowledged; no agent at work. */
  dispatchedSeconds: number;
  dispatchProcessorMicrosecondsPerJob: number;
  /** From the publishing of a version to the last result recorded, agents at work from the start. */
  recordedSeconds: number;
  /** Per job, by who used it. */
  processorMicrosecondsPerJob: ProcessorTimes;
  heapBytes: Record<string, number>;
}

const AGENTS = 2;
/** Rounds through agents at work; the first warms everything up, the best of the others counts. */
const ROUNDS = 3;

/** One deployment on so many targets of one environment, no gate in the way, all at once. */
export async function prepareTargets(mesh: BenchMesh, targets: number): Promise<void> {
  await mesh.apply(
    { kind: 'System', name: 'bench' },
    { kind: 'Environment', name: 'wide', system: 'bench', resources: 'resource.metadata.place == "wide"' },
    { kind: 'Deployment', name: 'load', system: 'bench', resources: 'resource.kind == "host"', pool: 'bench', executor: { type: 'noop' } },
  );
  await mesh.applyResources(
    Array.from({ length: targets }, (_, index) => ({
      identifier: `host-${String(index).padStart(6, '0')}`,
      type: 'host',
      metadata: { place: 'wide', region: `region-${index % 8}`, rack: `rack-${index % 50}` },
      config: { address: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}` },
    })),
  );
  await mesh.until('the scheduler knows all targets', async () => {
    const { cells } = await mesh.session.requests.ask('scheduler.status', { deployment: 'load' });
    return cells.some((cell) => cell.environment === 'wide' && cell.targets === targets);
  });
}

/** Version to all dispatched, and version to all recorded. */
export async function measureRollout(mesh: BenchMesh, targets: number): Promise<RolloutFigures> {
  await mesh.startAgents(AGENTS);
  const rounds: { seconds: number; processor: ProcessorTimes }[] = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push(await recordAll(mesh, targets, `1.${round}.0`));
  const best = rounds.slice(1).reduce((a, b) => (b.seconds < a.seconds ? b : a));
  const heapBytes = await mesh.heaps();
  await mesh.stopAgents();
  const dispatched = await dispatchAll(mesh, targets, '2.0.0');
  await mesh.startAgents(AGENTS);
  await mesh.until('every invitation is answered', async () => (await mesh.unanswered()) === 0);
  await mesh.stopAgents();
  return {
    targets,
    dispatchedSeconds: dispatched.seconds,
    dispatchProcessorMicrosecondsPerJob: sum(dispatched.processor) / targets,
    recordedSeconds: best.seconds,
    processorMicrosecondsPerJob: Object.fromEntries(Object.entries(best.processor).map(([who, time]) => [who, time / targets])),
    heapBytes,
  };
}

async function recordAll(mesh: BenchMesh, targets: number, tag: string): Promise<{ seconds: number; processor: ProcessorTimes }> {
  const completed = await mesh.watch('slipway.evt.rollout.load.wide.completed');
  return timed(mesh, async () => {
    await mesh.publish('load', tag);
    await completed.done;
  });
}

async function dispatchAll(mesh: BenchMesh, targets: number, tag: string): Promise<{ seconds: number; processor: ProcessorTimes }> {
  const before = await mesh.invited();
  return timed(mesh, async () => {
    await mesh.publish('load', tag);
    await mesh.until(`${targets} jobs are queued`, async () => (await mesh.invited()) >= before + targets);
  });
}

async function timed(mesh: BenchMesh, work: () => Promise<void>): Promise<{ seconds: number; processor: ProcessorTimes }> {
  const before = mesh.processorTimes();
  const from = performance.now();
  await work();
  const seconds = (performance.now() - from) / 1_000;
  const after = mesh.processorTimes();
  return { seconds, processor: Object.fromEntries(Object.entries(after).map(([who, time]) => [who, time - (before[who] ?? 0)])) };
}

export const sum = (times: ProcessorTimes): number => Object.values(times).reduce((total, time) => total + time, 0);
