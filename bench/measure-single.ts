import type { BenchMesh } from './bench-mesh.js';

export interface SingleFigures {
  /** From before the publishing of a version, as CI does, to the grant of the claim to the agent, in milliseconds; one target, one at a time, when what came before has settled. */
  claimMs: number[];
}

const WARM_UP = 20;

/** One target, one version after the other. */
export async function measureSingle(mesh: BenchMesh, versions: number): Promise<SingleFigures> {
  await mesh.apply(
    { kind: 'Environment', name: 'narrow', system: 'bench', resources: 'resource.metadata.place == "narrow"' },
    {
      kind: 'Deployment',
      name: 'single',
      system: 'bench',
      resources: 'resource.kind == "spot"',
      pool: 'bench',
      executor: { type: 'noop' },
    },
    { kind: 'Resource', identifier: 'spot', type: 'spot', metadata: { place: 'narrow' } },
  );
  await mesh.until('the scheduler knows the target', async () => {
    const { cells } = await mesh.session.requests.ask('scheduler.status', { deployment: 'single' });
    return cells.some((cell) => cell.targets === 1);
  });
  await mesh.startAgents(1);
  const publishedAt = new Map<string, number>();
  for (let index = 0; index < WARM_UP + versions; index++) {
    const tag = `1.0.${index}`;
    await mesh.settled();
    const completed = await mesh.watch('slipway.evt.rollout.single.narrow.completed');
    publishedAt.set(tag, Date.now());
    await mesh.publish('single', tag);
    await completed.done;
  }
  const { jobs } = await mesh.session.requests.ask('scheduler.jobs', { deployment: 'single', limit: WARM_UP + versions });
  await mesh.stopAgents();
  const claimMs = jobs
    .filter((job) => Number(job.version.split('.')[2]) >= WARM_UP)
    .map((job) => Number(job['claimedAt']) - (publishedAt.get(job.version) ?? Number.NaN));
  return { claimMs };
}
