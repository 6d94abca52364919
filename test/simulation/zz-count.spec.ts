import { expect, it } from '@jest/globals';
import { simulate } from './simulate.js';
it('counts', async () => {
  const counts: Record<string, number> = {};
  const bad: string[] = [];
  const first = Number(process.env.FIRST ?? 21);
  const n = Number(process.env.N ?? 40);
  for (let seed = first; seed < first + n; seed++) {
    const { notes, problems } = await simulate(seed);
    if (problems.length) bad.push(`seed ${seed}: ${problems.join(' | ')}`);
    for (const note of notes) {
      const m =
        /acknowledged: (freeze|pin|[a-z]+ [0-9.]+ is (?:paused|rejected))|person: (policy\.(?:liftFreeze|unpin|override|liftOverride))|(policy\.(?:pin|override|freeze)) .* refused: (\S+)/.exec(
          note,
        );
      if (m) {
        const k = m[0]
          .replace(/(checkout|catalog) [0-9.]+/, 'v')
          .replace(/\{.*refused/, 'refused')
          .slice(0, 70);
        counts[k] = (counts[k] ?? 0) + 1;
      }
      if (/job .*deploy .*frozen|pinned to/.test(note))
        counts['jobs told of freeze or pin'] = (counts['jobs told of freeze or pin'] ?? 0) + 1;
      if (/rollout .* (completed|running|cancelled|superseded|halted|paused)/.test(note) && /pin/.test(note))
        counts['rollouts with pin words'] = (counts['rollouts with pin words'] ?? 0) + 1;
    }
  }
  console.log(JSON.stringify(counts, null, 1), bad.join('\n'));
  expect(bad).toEqual([]);
}, 600_000);
