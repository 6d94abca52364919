import { describe, expect, it } from '@jest/globals';
import {
  explainVariables,
  hasType,
  nameOf,
  resolveVariables,
  type DeploymentDoc,
  type EnvironmentDoc,
  type Json,
  type ResourceDoc,
  type VariableDeclaration,
  type VariableSetDoc,
  type VariableTarget,
} from '@slipway/core';

const production: EnvironmentDoc = { name: 'production', system: 'shop', resources: 'true', metadata: { tier: 'gold' } };
const resource = (identifier: string, more: Partial<ResourceDoc> = {}): ResourceDoc => ({
  ...{ identifier, name: identifier, kind: 'host', version: '1', metadata: { region: 'par' }, config: {}, variables: {} },
  ...more,
});
const database = resource('par-db-1', { kind: 'database', config: { url: 'postgres://par-db-1', port: 5432 } });

interface Given {
  declared: Record<string, VariableDeclaration>;
  own?: Record<string, Json>;
  sets?: VariableSetDoc[];
  relations?: Record<string, string>;
}

const target = ({ declared, own = {}, sets = [], relations = {} }: Given): VariableTarget => {
  const deployment: DeploymentDoc = {
    ...{ name: 'checkout', system: 'shop', resources: 'true', pool: 'eu', executor: { type: 'command' } },
    ...{ variables: declared, variableSets: sets, verification: [], metadata: { team: 'pay' } },
  };
  const lookup = (identifier: string): ResourceDoc | undefined => (identifier === database.identifier ? database : undefined);
  return { deployment, environment: production, resource: resource('par-host-1', { variables: own, relations }), lookup };
};
const set = (name: string, variables: Record<string, Json>, more: Partial<VariableSetDoc> = {}): VariableSetDoc => ({
  ...{ name, selector: 'true', priority: 0, variables },
  ...more,
});
const winners = (given: Given): Record<string, string> =>
  Object.fromEntries(Object.entries(resolveVariables(target(given)).sources).map(([name, source]) => [name, nameOf(source)]));
const problemsOf = (given: Given): string[] => resolveVariables(target(given)).problems.map(({ message }) => message);

const port: VariableDeclaration = {
  type: 'integer',
  default: 80,
  values: [
    { selector: 'resource.metadata.region == "fra"', value: 1, priority: 9 },
    { selector: 'environment.name == "production"', value: 443, priority: 0 },
    { selector: 'environment.metadata.tier == "gold"', value: 8443, priority: 0 },
  ],
};

describe('who gives a variable its value', () => {
  const tls = set('tls', { port: 444 }, { priority: 100 });
  const cases: [string, Given, Json, string][] = [
    ['the resource, before all others', { declared: { port }, own: { port: 1234 }, sets: [tls] }, 1234, 'resource par-host-1'],
    ['the deployment by selector, before any set', { declared: { port }, sets: [tls] }, 443, 'deployment checkout, value 2'],
    [
      'of the deployment’s values the higher priority',
      { declared: { port: { ...port, values: port.values!.map((value, at) => ({ ...value, priority: at })) } } },
      8443,
      'deployment checkout, value 3',
    ],
    ['a set, before the default', { declared: { port: { type: 'integer', default: 80 } }, sets: [tls] }, 444, 'variable set tls'],
    [
      'of sets the higher priority',
      { declared: { port: { type: 'integer' } }, sets: [set('a', { port: 1 }), set('b', { port: 2 }, { priority: 1 })] },
      2,
      'variable set b',
    ],
    [
      'of sets of one priority the first by name',
      { declared: { port: { type: 'integer' } }, sets: [set('b', { port: 2 }), set('a', { port: 1 })] },
      1,
      'variable set a',
    ],
    ['the default, when nobody else does', { declared: { port: { type: 'integer', default: 80 } } }, 80, 'deployment checkout, default'],
    [
      'null is no value, wherever it stands',
      { declared: { port: { type: 'integer', default: 80 } }, own: { port: null } },
      80,
      'deployment checkout, default',
    ],
  ];
  it.each(cases)('%s', (_, given, value, source) => {
    expect(resolveVariables(target(given))).toMatchObject({ values: { port: value }, problems: [] });
    expect(winners(given)).toEqual({ port: source });
  });

  it('is explained with all losers, in the order in which they would have won', () => {
    const [explained] = explainVariables(
      target({ declared: { port }, own: { port: 1 }, sets: [tls, set('none', { port: 5 }, { selector: 'false' })] }),
    );
    expect(explained?.value).toBe(1);
    expect(explained?.offers.map(({ source, written }) => [nameOf(source), written])).toEqual([
      ['resource par-host-1', 1],
      ['deployment checkout, value 2', 443],
      ['deployment checkout, value 3', 8443],
      ['variable set tls', 444],
      ['deployment checkout, default', 80],
    ]);
  });

  it('does not depend on the order of the sets', () => {
    const sets = [set('c', { port: 3 }), set('a', { port: 1 }), set('b', { port: 2 }, { priority: -1 })];
    const declared = { port: { type: 'integer' as const } };
    expect(explainVariables(target({ declared, sets: [...sets].reverse() }))).toEqual(explainVariables(target({ declared, sets })));
  });
});

describe('values that cannot be had', () => {
  it('leaves out what has no value: never an empty string', () => {
    expect(resolveVariables(target({ declared: { note: { type: 'string' } } }))).toEqual({ values: {}, sources: {}, problems: [] });
  });

  it('names a required variable that nobody sets, and what would be right', () => {
    expect(problemsOf({ declared: { port: { type: 'integer', required: true } } })).toEqual([
      'checkout requires variable port, and nothing sets it for par-host-1 in production; set it on the resource or by a variable set, or give the deployment a default',
    ]);
  });

  it('names a value of another type, and where it stands', () => {
    expect(problemsOf({ declared: { port: { type: 'integer' } }, own: { port: '80' } })).toEqual([
      'variable port of resource par-host-1: "80" is not an integer, as checkout declares it',
    ]);
    expect(problemsOf({ declared: { port: { type: 'integer' } }, sets: [set('tls', { port: 1.5 })] })[0]).toContain(
      'variable set tls: 1.5 is not',
    );
  });

  it('says that a selector has no answer where its value could win, and passes it over where it could not', () => {
    const values = [{ selector: 'resource.metadata.zone == "a"', value: 1, priority: 0 }];
    const declared = { port: { type: 'integer' as const, default: 80, values } };
    expect(problemsOf({ declared })[0]).toMatch(
      /^variable port of deployment checkout, value 1: its selector cannot be decided for par-host-1: resource\.metadata\.zone == "a": .*; ask with has\(…\) for what may be absent$/,
    );
    expect(resolveVariables(target({ declared, own: { port: 7 } }))).toMatchObject({ values: { port: 7 }, problems: [] });
  });

  it('ignores variables of other deployments, and names that objects inherit', () => {
    const declared = Object.fromEntries([['toString', { type: 'string' as const }]]);
    expect(resolveVariables(target({ declared, own: { other: 1 } }))).toEqual({ values: {}, sources: {}, problems: [] });
  });

  it('takes a secret only as a reference, and does not repeat what stands there instead', () => {
    const declared = { token: { type: 'secret' as const } };
    expect(resolveVariables(target({ declared, own: { token: 'env:SHOP_TOKEN' } })).values).toEqual({ token: 'env:SHOP_TOKEN' });
    const [problem] = problemsOf({ declared, own: { token: 'hunter2' } });
    expect(problem).toBe(
      'variable token of resource par-host-1: what stands there is not a reference to a secret; write env:NAME, file:/path or command:program arguments, as checkout declares it',
    );
  });
});

describe('templates in values', () => {
  it('see what the resource relates to, with its type', () => {
    const declared: Record<string, VariableDeclaration> = {
      url: { type: 'string', default: '{{ relations.database.config.url }}/{{ environment.name }}' },
      port: { type: 'integer', default: '{{ relations.database.config.port }}' },
      who: { type: 'object', default: { team: '{{ deployment.metadata.team }}', at: ['{{ resource.identifier }}'] } },
    };
    expect(resolveVariables(target({ declared, relations: { database: 'par-db-1' } }))).toMatchObject({
      values: { url: 'postgres://par-db-1/production', port: 5432, who: { team: 'pay', at: ['par-host-1'] } },
      problems: [],
    });
  });

  it('have no value, and so refuse the release, where the relation or what it asks for is missing', () => {
    const declared = { url: { type: 'string' as const, default: '{{ relations.database.config.dsn }}' } };
    expect(problemsOf({ declared })).toEqual([
      'variable url of deployment checkout, default has no value for par-host-1: "{{ relations.database.config.dsn }}" has no value: there is no "relations.database"; give par-host-1 the relation: relations: { database: <identifier of a resource> }',
    ]);
    expect(problemsOf({ declared, relations: { database: 'gone' } })[0]).toMatch(/there is no "relations.database"$/);
    expect(problemsOf({ declared, relations: { database: 'par-db-1' } })[0]).toMatch(/there is no "relations.database.config.dsn"$/);
  });

  it('are rendered only for the winner', () => {
    const declared = { url: { type: 'string' as const, default: '{{ relations.database.config.url }}' } };
    expect(resolveVariables(target({ declared, own: { url: 'here' } }))).toMatchObject({ values: { url: 'here' }, problems: [] });
  });
});

describe('types', () => {
  const kinds: [VariableDeclaration['type'], Json[], Json[]][] = [
    ['string', ['', 'a'], [1, null]],
    ['integer', [0, -3], [1.5, '1', 2 ** 60]],
    ['number', [0, 1.5], ['1', NaN]],
    ['boolean', [true, false], ['true', 0]],
    ['object', [{}, { a: 1 }], [[], null]],
    ['list', [[], [1]], [{}, 'a']],
    ['secret', ['env:TOKEN', 'file:/run/token', 'command:vault read x'], ['hunter2', 'env:', 'env:a-b', '', 1]],
  ];
  it.each(kinds)('knows a %s', (type, right, wrong) => {
    expect([right.every((v) => hasType(v, type)), wrong.some((v) => hasType(v, type))]).toEqual([true, false]);
  });
});
