import { treeProcessorTime } from '../processor-time.js';
import { openGraphileWorker } from './graphile-worker.js';
import { openPgBoss } from './pg-boss.js';
import type { OpenPeer, PeerName, PeerResult, PeerTask } from './peer.js';

/*
 * One peer in a process of its own, so that its processor time is its own. A job counts when its handler ran; what a queue writes after its last
 * handlers is not waited for, which favours the peers.
 */

const peers: Record<PeerName, OpenPeer> = {
  'graphile-worker defaults': openGraphileWorker(false),
  'graphile-worker with result rows': openGraphileWorker(true),
  'pg-boss 20×8': openPgBoss(20, 8),
  'pg-boss 500×2': openPgBoss(500, 2),
};

/** Jobs before the measured ones, for plans and compiled code. */
const WARM_UP_JOBS = 200;

async function measure(task: PeerTask): Promise<PeerResult> {
  let count = 0;
  let wanted = Number.POSITIVE_INFINITY;
  let reached: () => void = () => undefined;
  const peer = await peers[task.peer](task.connectionString, (jobs) => {
    count += jobs;
    if (count >= wanted) reached();
  });
  const runJobs = async (jobs: number): Promise<number> => {
    const from = performance.now();
    wanted = count + jobs;
    const done = new Promise<void>((resolve) => (reached = resolve));
    await peer.enqueue(jobs);
    await done;
    return performance.now() - from;
  };
  const processorTime = (): number => treeProcessorTime(process.pid) + treeProcessorTime(task.postgresPid);

  await runJobs(WARM_UP_JOBS);
  const before = processorTime();
  const seconds = (await runJobs(task.jobs)) / 1_000;
  const processorMicrosecondsPerJob = (processorTime() - before) / task.jobs;
  const pickupMs: number[] = [];
  for (let single = 0; single < task.singles; single++) pickupMs.push(await runJobs(1));
  await peer.stop();
  return { peer: task.peer, jobs: task.jobs, seconds, processorMicrosecondsPerJob, pickupMs };
}

const result = await measure(JSON.parse(process.argv[2] ?? '{}') as PeerTask);
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);
