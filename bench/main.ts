import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { BenchMesh } from './bench-mesh.js';
import { measureDecisions } from './measure-decisions.js';
import { measurePolicy, type PolicyFigures } from './measure-policy.js';
import { measureRollout, prepareTargets } from './measure-rollout.js';
import { measureSingle } from './measure-single.js';
import type { PeerResult } from './peers/peer.js';
import { PEERS, runPeer } from './peers/run-peer.js';
import { renderReport, type SizeFigures } from './report.js';

/*
 * `npm run bench`: the headlines of PERFORMANCE.md on this machine, with the peers beside them in the same run on the same PostgreSQL. Absolute
 * figures differ from machine to machine; the ratios are what counts.
 */

const USAGE = `npm run bench -- [--targets 1000,10000] [--policy-targets 1000,10000,100000] [--policy-only] [--singles 100] [--no-peers] [--json FILE]`;
const TARGETS_MAX = 1_000_000;

interface Options {
  targets: number[];
  policyTargets: number[];
  singles: number;
  peers: boolean;
  json: string | undefined;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      targets: { type: 'string', default: '1000,10000' },
      'policy-targets': { type: 'string', default: '1000,10000,100000' },
      'policy-only': { type: 'boolean', default: false },
      singles: { type: 'string', default: '100' },
      'no-peers': { type: 'boolean', default: false },
      json: { type: 'string' },
    },
  });
  const whole = (text: string): number => {
    const number = Number(text);
    if (!Number.isInteger(number) || number < 1 || number > TARGETS_MAX)
      throw new Error(`${text} is not a whole number from 1 to ${TARGETS_MAX}; ${USAGE}`);
    return number;
  };
  return {
    targets: values['policy-only'] ? [] : values.targets.split(',').map(whole),
    policyTargets: values['policy-targets'].split(',').map(whole),
    singles: whole(values.singles),
    peers: !values['no-peers'],
    json: values.json,
  };
}

const note = (line: string): void => void process.stderr.write(`${line}\n`);

async function measureSize(targets: number, options: Options): Promise<SizeFigures> {
  note(`${targets} targets: starting NATS, PostgreSQL and the services`);
  const mesh = await BenchMesh.start();
  try {
    await prepareTargets(mesh, targets);
    note(`${targets} targets: rollouts`);
    const rollout = await measureRollout(mesh, targets);
    note(`${targets} targets: one target, ${options.singles} versions`);
    const single = await measureSingle(mesh, options.singles);
    note(`${targets} targets: decisions`);
    const decisions = await measureDecisions(mesh);
    const peers: PeerResult[] = [];
    for (const peer of options.peers && mesh.house.postgres ? PEERS : []) {
      note(`${targets} targets: ${peer}`);
      peers.push(await runPeer(mesh.house.postgres!, peer, targets, options.singles));
    }
    return { targets, rollout, single, decisions, peers };
  } finally {
    await mesh.stop();
  }
}

const options = readOptions();
const sizes: SizeFigures[] = [];
for (const targets of options.targets) sizes.push(await measureSize(targets, options));
const policy: PolicyFigures[] = [];
for (const targets of options.policyTargets) {
  note(`${targets} targets: policy evaluation`);
  policy.push(await measurePolicy(targets));
}
process.stdout.write(`${renderReport(sizes, policy)}\n`);
if (options.json !== undefined) {
  const machine = { processors: cpus().length, model: cpus()[0]?.model, node: process.versions.node };
  writeFileSync(options.json, `${JSON.stringify({ machine, sizes, policy }, null, 2)}\n`);
}
