import { describe, expect, it } from '@jest/globals';
import { bodySchemaOf, ciVersionSchema, deploymentOfCiSubject, subjects } from '@slipway/contracts';

describe('messages of CI', () => {
  it('are a version, or a CloudEvent with the version as its data', () => {
    const version = { tag: '1.4.2', status: 'ready', config: {}, metadata: {}, dependsOn: [] };
    expect(ciVersionSchema.parse({ tag: '1.4.2' })).toEqual(version);
    expect(ciVersionSchema.parse({ specversion: '1.0', type: 'built', source: 'ci', id: '7', data: { tag: '1.4.2' } })).toEqual(version);
    expect(bodySchemaOf(subjects.ciVersion('checkout'))).toBe(ciVersionSchema);
    expect(deploymentOfCiSubject(subjects.ciVersion('checkout'))).toBe('checkout');
  });

  it.each([
    ['nothing', null],
    ['text', 'garbage'],
    ['no tag', { version: '1.4.2' }],
    ['a field too many', { tag: '1', colour: 'red' }],
    ['a tag that is none', { tag: '../..' }],
  ])('are refused with %s', (_what, body) => {
    expect(ciVersionSchema.safeParse(body).success).toBe(false);
  });
});
