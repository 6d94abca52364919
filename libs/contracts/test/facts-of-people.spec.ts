import { describe, expect, it } from '@jest/globals';
import {
  bodySchemaOf,
  consumers,
  operations,
  operationSubject,
  scopes,
  subjectMatches,
  subjects,
  type OperationName,
} from '../src/index.js';

const roleOf = (name: OperationName): string => operations[name].role;
const mayPublish = (role: keyof typeof scopes, subject: string): boolean =>
  scopes[role].publish.some((pattern) => subjectMatches(pattern, subject));

describe('who may say what beside the policies', () => {
  it('operators freeze, pin and stop versions; to skip a gate is for approvers; everybody may look', () => {
    for (const name of ['policy.freeze', 'policy.liftFreeze', 'policy.pin', 'policy.unpin', 'registry.setVersionStatus'] as const)
      expect([name, roleOf(name)]).toEqual([name, 'operator']);
    for (const name of ['policy.override', 'policy.liftOverride', 'policy.reject', 'policy.withdraw'] as const)
      expect([name, roleOf(name)]).toEqual([name, 'approver']);
    for (const name of ['policy.freezes', 'policy.pins', 'policy.overrides'] as const)
      expect([name, roleOf(name)]).toEqual([name, 'viewer']);
  });

  it('what services tell each other is kept from people by the server, and each is let say only its own', () => {
    const told: [OperationName, keyof typeof scopes][] = [
      ['scheduler.takeStanding', 'policy'],
      ['scheduler.takeChanges', 'registry'],
      ['policy.standing', 'scheduler'],
    ];
    for (const [name, by] of told) {
      expect(roleOf(name)).toBe('service');
      const askers = (Object.keys(scopes) as (keyof typeof scopes)[]).filter((role) => mayPublish(role, operationSubject(name)));
      expect([name, askers]).toEqual([name, [by]]);
    }
    const events = [subjects.freeze('f1', 'made'), subjects.pin('a', 'b', 'made'), subjects.override('a', 'b', 'lifted')];
    for (const subject of events)
      expect((Object.keys(scopes) as (keyof typeof scopes)[]).filter((role) => mayPublish(role, subject))).toEqual(['policy', 'replay']);
  });

  it('the scheduler hears of freezes and pins, in bodies that are checked', () => {
    const heard = consumers.find((c) => c.stream === 'EVT' && c.name === 'scheduler')?.filters ?? [];
    const freeze = { id: 'f1', scope: 'true', by: 'user:ann', reason: 'r', at: 1, expiresAt: 2, allowRollback: true };
    for (const subject of [subjects.freeze('f1', 'made'), subjects.pin('checkout', 'production', 'lifted')]) {
      expect(heard.some((filter) => subjectMatches(filter, subject))).toBe(true);
      const schema = bodySchemaOf(subject);
      expect(schema?.safeParse({ kind: 'freeze', verb: 'made', revision: 1, fact: freeze }).success).toBe(true);
      expect(schema?.safeParse({ kind: 'freeze', verb: 'made', revision: 1, fact: { ...freeze, expiresAt: 'never' } }).success).toBe(false);
    }
  });

  it('a reason and, but for a pin, an end are never left out', () => {
    const at = 1_800_000_000_000;
    const place = { deployment: 'checkout', environment: 'production', version: '1.0.0' };
    const whole = {
      'policy.freeze': { scope: 'true', expiresAt: at, reason: 'r' },
      'policy.override': { ...place, rule: 'window', expiresAt: at, reason: 'r' },
    };
    for (const [name, request] of Object.entries(whole)) {
      const schema = operations[name as OperationName].request;
      expect(schema.safeParse(request).success).toBe(true);
      for (const field of ['expiresAt', 'reason'])
        expect([name, field, schema.safeParse({ ...request, [field]: undefined }).success]).toEqual([name, field, false]);
    }
    expect(operations['policy.pin'].request.safeParse({ ...place, reason: 'r' }).success).toBe(true);
    expect(operations['policy.pin'].request.safeParse(place).success).toBe(false);
  });
});
