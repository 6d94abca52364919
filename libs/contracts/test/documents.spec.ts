import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { formatProblem, readDocuments } from '@slipway/contracts';

const read = (text: string, file = 'mesh.yaml') => readDocuments([{ file, text }]);
const problems = (text: string) => read(text).problems.map(formatProblem);

describe('x', () => {
  it('y', () => {
    const t = (x: string) => console.log(JSON.stringify(problems(x), null, 1));
    t('kind: Polcy\nname: x\n---\nname: x\n---\n- a\n---\nkind: System\nname: Shop\n---\nkind: System\nnam: shop\n');
    t(`kind: Policy
name: production
selector: environment.name == "production"
rules:
  - environmentProgression: { dependsOn: environment.name == "staging", soak: 10 minutes }
  - aproval: { required: 1 }
  - approval: { required: 0, from: [releasers] }
  - gradualRollout:
      waves:
        - { name: a, targets: 0 }
        - { targets: 150% }
      linear: { evry: 3 }
    retry: {}
  - {}
  - window: { rrule: X, duration: 5, mode: alow }
  - verification:
      - metric: health
        provider: { type: http }
      - interval: 3s
  - concurrency: {max: 2, per: envrionment}
`);
    t('kind: System\nname: a\nname: b\n---\nkind: [\n');
    t('kind: Resource\nidentifier: a\ntype: host\nversion: 1\nmetadata: {a: 1}\n---\nkind: Resources\nitems: [{identifier: b}, {identifier: c, type: host, knd: 1}]');
  });
});
