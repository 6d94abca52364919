import type { BenchMesh } from './bench-mesh.js';

export interface DecisionFigures {
  /** Judging all targets of one environment again under five rules while they wait; nothing changed, nothing written. */
  rejudgeMs: number;
  /** The same when the answer changed: written and published. */
  changedMs: number;
  /** Decisions a second when one version enters many environments. */
  decisionsPerSecond: number;
}

const ENVIRONMENTS = 100;
const REPEATS = 5;

/** What deciding costs: a wide environment that waits, and one version that enters many environments. */
export async function measureDecisions(mesh: BenchMesh): Promise<DecisionFigures> {
  await mesh.apply({
    kind: 'Policy',
    name: 'five-rules',
    selector: 'environment.name == "wide" && resource.kind == "host"',
    rules: [
      { approval: { required: 2 } },
      { environmentProgression: { dependsOn: 'environment.name == "narrow"', allowEmpty: true } },
      { versionSelector: 'version.tag != "none" && resource.metadata.region != "none"' },
      { cooldown: { interval: '1s' } },
      { condition: { cel: 'running == null || running.tag != "none"', message: 'never so' } },
    ],
  });
  const waiting = await mesh.watch('slipway.evt.decision.load.wide.waiting');
  await mesh.publish('load', '9.0.0');
  await waiting.done;
  const approve = async (): Promise<number> => {
    const from = performance.now();
    await mesh.session.requests.ask('policy.approve', { deployment: 'load', environment: 'wide', version: '9.0.0' }, { timeoutMs: 60_000 });
    return performance.now() - from;
  };
  const changedMs = await approve();
  const again: number[] = [];
  for (let repeat = 0; repeat < REPEATS; repeat++) again.push(await approve());
  return { rejudgeMs: Math.min(...again), changedMs, decisionsPerSecond: await enterMany(mesh) };
}

async function enterMany(mesh: BenchMesh): Promise<number> {
  await mesh.apply(
    { kind: 'System', name: 'many' },
    { kind: 'Deployment', name: 'many', system: 'many', resources: 'resource.kind == "plot"', pool: 'nobody', executor: { type: 'noop' } },
    ...Array.from({ length: ENVIRONMENTS }, (_, index) => ({
      kind: 'Environment',
      name: `plot-${index}`,
      system: 'many',
      resources: `resource.metadata.plot == "${index}"`,
    })),
    { kind: 'Policy', name: 'many', selector: 'deployment.name == "many"', rules: [{ approval: { required: 1 } }] },
  );
  await mesh.applyResources(
    Array.from({ length: ENVIRONMENTS }, (_, index) => ({ identifier: `plot-${index}`, type: 'plot', metadata: { plot: String(index) } })),
  );
  const times: number[] = [];
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    const decided = await mesh.watch('slipway.evt.decision.many.*.waiting', ENVIRONMENTS);
    const from = performance.now();
    await mesh.publish('many', `1.0.${repeat}`);
    await decided.done;
    times.push(performance.now() - from);
  }
  return (ENVIRONMENTS / Math.min(...times)) * 1_000;
}
