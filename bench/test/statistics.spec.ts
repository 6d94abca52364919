import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { eventually } from '@slipway/testkit';
import { treeProcessorTime } from '../processor-time.js';
import { growthExponent, percentile } from '../statistics.js';

describe('the figures of the bench', () => {
  it('takes percentiles by nearest rank', () => {
    const values = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect([percentile(values, 0.5), percentile(values, 0.99), percentile([7], 0.99)]).toEqual([50, 99, 7]);
    expect(percentile([], 0.5)).toBeNaN();
  });

  it('knows proportional growth by the exponent 1', () => {
    expect(growthExponent({ size: 1_000, cost: 3 }, { size: 10_000, cost: 30 })).toBeCloseTo(1);
    expect(growthExponent({ size: 1_000, cost: 3 }, { size: 10_000, cost: 300 })).toBeCloseTo(2);
  });

  it('counts the processor time of a process with that of its children', async () => {
    const script = "require('node:child_process').spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'inherit' });";
    const parent = spawn(process.execPath, ['-e', script], { stdio: 'ignore', detached: true });
    const exited = once(parent, 'exit');
    await eventually('its child has used some time', () => treeProcessorTime(parent.pid!) > 200_000, 20_000);
    process.kill(-parent.pid!, 'SIGKILL');
    await exited;
    expect(treeProcessorTime(parent.pid!)).toBe(0);
  });
});
