import { waveNamed } from '@slipway/core';
import type { StatusCell } from '@slipway/contracts';
import { columns, type Paint } from '../terminal.js';
import { moment } from './when.js';

/** What runs where: deployments down, environments across (FEEL.md). */
export function renderStatus(cells: readonly StatusCell[], now: number, paint: Paint): string {
  if (cells.length === 0) return 'Nothing is applied yet: slipway apply -f FILE';
  const blocks: string[] = [];
  for (const system of distinct(cells.map((cell) => cell.system))) {
    const mine = cells.filter((cell) => cell.system === system);
    const environments = distinct(mine.map((cell) => cell.environment));
    const head = [
      paint.bold(system),
      ...environments.map((environment) => {
        const sizes = mine.filter((cell) => cell.environment === environment).map((cell) => cell.targets);
        return paint.bold(`${environment} (${Math.max(...sizes)})`);
      }),
    ];
    const rows = distinct(mine.map((cell) => cell.deployment)).map((deployment) => [
      deployment,
      ...environments.map((environment) => {
        const cell = mine.find((c) => c.deployment === deployment && c.environment === environment);
        return cell ? renderCell(cell, now, paint) : paint.dim('–');
      }),
    ]);
    blocks.push(columns([head, ...rows]));
    const attention = mine.flatMap((cell) =>
      cell.attention.map((line) => `  ${paint.yellow('!')} ${cell.deployment} ${cell.environment}: ${line}`),
    );
    if (attention.length > 0) blocks.push(attention.join('\n'));
  }
  return blocks.join('\n\n');
}

function renderCell(cell: StatusCell, now: number, paint: Paint): string {
  const parts = cell.running.map((running) => {
    const sign = running.verified === running.count ? paint.green('✓') : paint.cyan('●');
    const slots = Object.entries(running.slots ?? {});
    const where = slots.length === 0 ? '' : ` ${slots.map(([slot, count]) => (slots.length === 1 ? slot : `${slot} ${count}`)).join(', ')}`;
    return `${running.version} ${sign} ${running.count}/${cell.targets}${where}`;
  });
  if (parts.length === 0) parts.push(paint.dim('nothing yet'));
  const { rollout } = cell;
  if (rollout && !['completed', 'superseded', 'cancelled'].includes(rollout.state)) {
    const wave = rollout.waves[rollout.wave];
    parts.push(
      `${rollout.version} ${rollout.state}${wave && rollout.waves.length > 1 ? `, ${waveNamed(wave.name)}` : ''}${rollout.because ? `: ${rollout.because}` : ''}`,
    );
  }
  for (const half of cell.halfWay ?? []) {
    const where = half.count === 1 ? half.resource : `${half.count} targets`;
    const until = half.until === undefined ? '' : ` until ${moment(half.until, now)}`;
    parts.push(paint.cyan(`${half.version} ● ${half.doing}${until} on ${where}`));
  }
  for (const waiting of cell.waiting.slice(0, 2)) {
    const until = waiting.reevaluateAt === undefined ? '' : `, next look ${moment(waiting.reevaluateAt, now)}`;
    parts.push(
      paint.yellow(
        `${waiting.version} ${waiting.verdict === 'waiting' ? 'waits' : waiting.verdict}: ${waiting.because.join('; ')}${until}`,
      ),
    );
  }
  for (const version of distinct(cell.quarantined.map((q) => q.version))) {
    const places = cell.quarantined.filter((q) => q.version === version).map((q) => q.resource);
    parts.push(paint.red(`${version} quarantined on ${places.length > 3 ? `${places.length} targets` : places.join(', ')}`));
  }
  return parts.join('   ');
}

function distinct(values: readonly string[]): string[] {
  return [...new Set(values)];
}
