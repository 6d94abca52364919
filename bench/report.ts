import { cpus } from 'node:os';
import { natsVersion } from './bench-mesh.js';
import type { DecisionFigures } from './measure-decisions.js';
import type { PolicyFigures } from './measure-policy.js';
import { CANDIDATES, POLICIES } from './policy/scene.js';
import { sum, type RolloutFigures } from './measure-rollout.js';
import type { SingleFigures } from './measure-single.js';
import type { PeerResult } from './peers/peer.js';
import { growthExponent, percentile } from './statistics.js';

/** All that was measured at one size. */
export interface SizeFigures {
  targets: number;
  rollout: RolloutFigures;
  single: SingleFigures;
  decisions: DecisionFigures;
  peers: PeerResult[];
}

/** The first aims of PERFORMANCE, by size where they depend on it. */
const AIMS = { dispatchedPerSecond: 5_000, recordedPerSecond: 4_000, claimP50: 15, claimP99: 50 } as const;

/** The table for people. */
export function renderReport(sizes: readonly SizeFigures[], policy: readonly PolicyFigures[]): string {
  const lines = [
    `Slipway bench on ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.versions.node}, nats-server ${natsVersion}`,
    '',
  ];
  for (const size of sizes) lines.push(...renderSize(size), '');
  const [small] = sizes;
  const large = sizes.at(-1);
  if (small && large && small !== large) {
    const cost = (size: SizeFigures) => ({ size: size.targets, cost: sum(size.rollout.processorMicrosecondsPerJob) * size.targets });
    const time = (size: SizeFigures) => ({ size: size.targets, cost: size.rollout.recordedSeconds });
    lines.push(
      `growth from ${small.targets} to ${large.targets} targets (exponent)   processor time ${growthExponent(cost(small), cost(large)).toFixed(2)}, time to all recorded ${growthExponent(time(small), time(large)).toFixed(2)}`,
    );
  }
  for (const figures of policy) lines.push('', ...renderPolicy(figures));
  return lines.join('\n');
}

/** Re-deciding all waiting targets of one environment, and a fact that concerns one of them. */
const POLICY_AIMS = { againMs: 1_000, factMs: 10 } as const;

function renderPolicy(figures: PolicyFigures): string[] {
  const ms = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
  const waited = (value: number): string => (value === 0 ? 'at once' : `together with others, within ${ms(value)}`);
  return [
    `policy evaluation, ${figures.targets} waiting targets, ${POLICIES} policies, ${CANDIDATES} versions (processor time)`,
    row('judged first, after a restart', ms(figures.firstMs), verdict(figures.firstMs <= POLICY_AIMS.againMs)),
    row(
      'all judged again, nothing changed',
      ms(figures.againMs),
      `${figures.decisionsPerSecond.toFixed(0)} decisions/s`,
      `rows written ${figures.againRows}`,
      verdict(figures.againMs <= POLICY_AIMS.againMs),
    ),
    row('a person approves', ms(figures.approvedMs), 'answered; one decision of them all is another'),
    row(
      'one fact, no answer changed',
      ms(figures.sameMs),
      `rows written ${figures.sameRows}`,
      verdict(figures.sameMs <= POLICY_AIMS.factMs),
    ),
    row('one fact, one target moved', ms(figures.changedMs), `all decisions published, ${waited(figures.changedWaitedMs)}`),
    row('one fact elsewhere', ms(figures.elsewhereMs), waited(figures.elsewhereWaitedMs)),
  ];
}

function renderSize({ targets, rollout, single, decisions, peers }: SizeFigures): string[] {
  const processor = sum(rollout.processorMicrosecondsPerJob);
  const rate = targets / rollout.recordedSeconds;
  const dispatchRate = targets / rollout.dispatchedSeconds;
  const by = Object.entries(rollout.processorMicrosecondsPerJob).map(([who, time]) => `${who} ${time.toFixed(0)}`);
  const heap = Object.entries(rollout.heapBytes).map(([who, bytes]) => `${who} ${(bytes / 1e6).toFixed(0)} MB`);
  const p50 = percentile(single.claimMs, 0.5);
  const p99 = percentile(single.claimMs, 0.99);
  return [
    `${targets} targets`,
    row(
      'version → all dispatched',
      `${rollout.dispatchedSeconds.toFixed(2)} s`,
      `${dispatchRate.toFixed(0)}/s`,
      verdict(dispatchRate >= AIMS.dispatchedPerSecond),
    ),
    row(
      'version → all recorded',
      `${rollout.recordedSeconds.toFixed(2)} s`,
      `${rate.toFixed(0)}/s`,
      verdict(rate >= AIMS.recordedPerSecond),
    ),
    row('processor time per job', `${processor.toFixed(0)} µs`, by.join(', ')),
    row(
      'version → claimed, one target',
      `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`,
      `${single.claimMs.length} versions`,
      verdict(p50 <= AIMS.claimP50 && p99 <= AIMS.claimP99),
    ),
    row('judge all targets again', `${decisions.rejudgeMs.toFixed(0)} ms`, `changed and published: ${decisions.changedMs.toFixed(0)} ms`),
    row('decisions', `${decisions.decisionsPerSecond.toFixed(0)}/s`, 'one version into 100 environments'),
    row('heap in use', heap.join(', ')),
    '',
    `  ${'peer, no-op jobs'.padEnd(34)}${'jobs/s'.padStart(9)}${'µs/job'.padStart(9)}${'p50 ms'.padStart(9)}${'p99 ms'.padStart(9)}   slipway is`,
    peerRow('slipway, whole mesh', rate, processor, single.claimMs),
    ...peers.map((peer) => {
      const peerRate = peer.jobs / peer.seconds;
      const ratios = `${(rate / peerRate).toFixed(2)} × as fast, ${(processor / peer.processorMicrosecondsPerJob).toFixed(2)} × the processor time`;
      return `${peerRow(peer.peer, peerRate, peer.processorMicrosecondsPerJob, peer.pickupMs)}   ${ratios}`;
    }),
  ];
}

const verdict = (reached: boolean): string => (reached ? 'first aim reached' : 'first aim missed');

function row(what: string, ...cells: string[]): string {
  return `  ${what.padEnd(34)}${cells.join('   ')}`;
}

function peerRow(name: string, rate: number, processor: number, latencies: readonly number[]): string {
  const number = (value: number, digits: number): string => value.toFixed(digits).padStart(9);
  return `  ${name.padEnd(34)}${number(rate, 0)}${number(processor, 0)}${number(percentile(latencies, 0.5), 1)}${number(percentile(latencies, 0.99), 1)}`;
}
