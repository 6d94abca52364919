import { describe, expect, it } from '@jest/globals';
import { host, memoryRegistry, refusal, SHOP, type Fixture } from './fixture.js';

const database = `kind: Resource
identifier: par-db
type: database
config: { url: "postgres://par-db", port: 5432 }
`;
const tls = (more = ''): string =>
  `kind: VariableSet\nname: tls\nselector: environment.name == "production"\nvariables: { port: 443, unheard: 1 }\n${more}`;
/** The mesh of the fixture, its deployment with these variables. */
const shop = (variables: string): string => SHOP.replace('port: { type: integer, default: 8080 }', variables);

async function applied(...texts: string[]): Promise<Fixture> {
  const registry = memoryRegistry();
  await registry.apply(texts.join('---\n'));
  return registry;
}

const message = async (work: Promise<unknown>): Promise<string[]> => (await refusal(work)).message.split('\n');
const shown = async (registry: Fixture, resource = 'par-1') =>
  (await registry.ask('registry.variables', { deployment: 'checkout', environment: 'production', resource })).variables;

describe('variables in documents', () => {
  it('are refused at their place where they are of another type, whoever gives them', async () => {
    const registry = await applied(SHOP);
    expect(await message(registry.apply(tls().replace('443', '"443"')))).toEqual([
      'mesh.yaml:4:20  VariableSet/tls  variables.port: variable port of variable set tls: "443" is not an integer, as checkout declares it',
    ]);
    expect(await message(registry.apply(host('par-1', 'production', 'checkout', 'variables: { port: high }\n')))).toEqual([
      'mesh.yaml:6:20  Resource/par-1  variables.port: variable port of resource par-1: "high" is not an integer, as checkout declares it',
    ]);
    const values = 'port: { type: integer, values: [{ selector: environment.name == "production", value: x }] }';
    expect(await message(registry.apply(shop(values)))).toEqual([
      'mesh.yaml:24:88  Deployment/checkout  variables.port.values[0].value: "x" is not an integer, which type: integer wants',
    ]);
  });

  it('are refused at the deployment when a new declaration does not fit what is there', async () => {
    const registry = await applied(SHOP, host('par-1', 'production', 'checkout', 'variables: { port: 9 }\n').replace('par-1', 'par-2'));
    expect(await message(registry.apply(shop('port: { type: string, default: "8080" }')))).toEqual([
      'mesh.yaml:24:9  Deployment/checkout  variables.port: variable port of resource par-2: 9 is not a string, as checkout declares it',
    ]);
  });

  it('are refused where a required one has no value, told once for all targets', async () => {
    const registry = await applied(SHOP);
    const required = shop('port: { type: integer, required: true }');
    expect(await message(registry.apply(required))).toEqual([
      'mesh.yaml:24:9  Deployment/checkout  variables.port: checkout requires variable port, and nothing sets it for stage-1 in staging; set it on the resource or by a variable set, or give the deployment a default; and so at 1 more target',
    ]);
    await registry.apply(`${required}---\n${tls().replace('environment.name == "production"', '1 == 1')}`);
    expect(await message(registry.apply('kind: VariableSet\nname: tls\nstate: absent\n'))).toEqual([
      expect.stringMatching(
        /^mesh\.yaml:1:1 {2}VariableSet\/tls: checkout requires variable port, and nothing sets it for stage-1 in staging/,
      ),
    ]);
  });

  it('are refused when a template asks for what does not exist, or a selector has no answer', async () => {
    const registry = await applied(SHOP);
    expect(await message(registry.apply(shop('url: { type: string, default: "{{ relation.database.config.url }}" }')))).toEqual([
      'mesh.yaml:24:33  Deployment/checkout  variables.url.default: there is no "relation" here; did you mean "relations"?',
      expect.stringMatching(/there is no variable port; declare it under variables$/),
    ]);
    const url = shop(
      '{ port: { type: integer, default: 8080 }, url: { type: string, default: "{{ relations.database.config.url }}" } }',
    ).replace('variables:\n  {', 'variables: {');
    expect(await message(registry.apply(url))).toEqual([
      'mesh.yaml:23:84  Deployment/checkout  variables.url.default: variable url of deployment checkout, default has no value for stage-1: "{{ relations.database.config.url }}" has no value: there is no "relations.database"; give stage-1 the relation: relations: { database: <identifier of a resource> }; and so at 1 more target',
    ]);
    expect((await message(registry.apply(tls().replace('environment.name == "production"', 'resource.metadata.zone == "a"'))))[0]).toMatch(
      /^mesh\.yaml:3:11 {2}VariableSet\/tls {2}selector: variable port of variable set tls: its selector cannot be decided for stage-1/,
    );
  });

  it('that the deployment does not declare are refused where its own templates name them', async () => {
    const registry = memoryRegistry();
    expect(await message(registry.apply(SHOP.replace('variables.port }}/health', 'variables.prot }}/health')))).toEqual([
      'mesh.yaml:27:34  Deployment/checkout  verification[0].provider.url: there is no variable prot; declare it under variables; did you mean port?',
    ]);
  });

  it('do not take a secret in clear, and never repeat one', async () => {
    const registry = await applied(shop('port: { type: integer, default: 1 }\n  token: { type: secret }'));
    const error = await message(registry.apply(host('par-1', 'production', 'checkout', 'variables: { token: hunter2 }\n')));
    expect(error).toEqual([
      'mesh.yaml:6:21  Resource/par-1  variables.token: variable token of resource par-1: what stands there is not a reference to a secret; write env:NAME, file:/path or command:program arguments, as checkout declares it',
    ]);
    await registry.apply(host('par-1', 'production', 'checkout', 'variables: { token: "env:SHOP_TOKEN" }\n'));
    expect((await shown(registry)).find(({ name }) => name === 'token')?.value).toBe('env:SHOP_TOKEN');
  });
});

describe('variable sets', () => {
  it('change the deployments that declare one of their variables, and no others', async () => {
    const catalog = 'kind: Deployment\nname: catalog\nsystem: shop\nresources: "false"\npool: par\nexecutor: { type: noop }\n';
    const registry = await applied(SHOP, catalog);
    const reply = await registry.apply(tls());
    expect(reply.changes.map(({ kind, name, verb, differences }) => [kind, name, verb, differences])).toEqual([
      ['variableSet', 'tls', 'create', []],
      ['deployment', 'checkout', 'update', [expect.stringMatching(/^variableSets: nothing → \[\{"name":"tls"/)]],
    ]);
    expect((await registry.apply(tls().replace('unheard: 1', 'unheard: 2'))).changes.map(({ name }) => name)).toEqual(['tls']);
    expect((await registry.apply(tls('priority: 5\n'))).changes).toContainEqual({
      kind: 'deployment',
      name: 'checkout',
      verb: 'update',
      differences: ['variableSets[0].priority: 0 → 5'],
    });
    const removed = await registry.apply('kind: VariableSet\nname: tls\nstate: absent\n');
    expect(removed.changes.map(({ name, verb }) => `${verb} ${name}`)).toEqual(['delete tls', 'update checkout']);
    const { doc } = await registry.ask('registry.get', { kind: 'deployment', name: 'checkout' });
    expect(doc).not.toHaveProperty('variableSets');
  });

  it('warn where two of one priority say different things at a target, and only there', async () => {
    const registry = await applied(SHOP, tls());
    const other = (selector: string, more = ''): string =>
      `kind: VariableSet\nname: legacy\nselector: ${selector}\nvariables: { port: 80 }\n${more}`;
    expect((await registry.apply(other('environment.name == "staging"'))).warnings).toEqual([]);
    expect((await registry.apply(other('resource.kind == "host"'))).warnings).toEqual([
      'variable sets legacy and tls both set port for checkout at par-1 at priority 0; legacy counts: give one a higher priority',
    ]);
    expect((await registry.apply(other('resource.kind == "host"', 'priority: -1\n'))).warnings).toEqual([]);
  });
});

describe('relations', () => {
  const related = host('par-1', 'production', 'checkout', 'relations: { database: par-db }\n');
  const declared = shop(
    'port: { type: integer, default: 8080, values: [{ selector: has(resource.relations.database), value: "{{ relations.database.config.port }}" }] }',
  );

  it('must name a resource that is there, and keep it there', async () => {
    const registry = await applied(SHOP);
    expect(await message(registry.apply(`${database}---\n${related.replace('par-db', 'par-dv')}`))).toEqual([
      'mesh.yaml:11:24  Resource/par-1  relations.database: there is no resource par-dv; did you mean par-db?',
    ]);
    await registry.apply(`${database}---\n${related}`);
    const gone = 'kind: Resource\nidentifier: par-db\nstate: absent\n';
    expect(await message(registry.apply(gone))).toEqual([
      'mesh.yaml:3:8  Resource/par-db  state: cannot be absent while par-1 uses it; remove them too or first',
    ]);
    expect((await registry.apply(`${gone}---\n${host('par-1', 'production')}`)).changes.map(({ verb }) => verb)).toEqual([
      'delete',
      'update',
    ]);
  });

  it('give values to variables, checked again when the other resource changes', async () => {
    const registry = await applied(declared, database, related.replaceAll('par-1', 'par-2'));
    expect((await shown(registry, 'par-2')).find(({ name }) => name === 'port')?.value).toBe(5432);
    expect((await shown(registry, 'par-1')).find(({ name }) => name === 'port')?.value).toBe(8080);
    expect(await message(registry.apply(database.replace(', port: 5432', '')))).toEqual([
      'mesh.yaml:1:1  Resource/par-db: variable port of deployment checkout, value 1 has no value for par-2: "{{ relations.database.config.port }}" has no value: there is no "relations.database.config.port"',
    ]);
  });
});

describe('registry.variables', () => {
  it('shows who gives each variable its value, and who would have', async () => {
    const registry = await applied(SHOP, tls(), tls('priority: -1\n').replace('name: tls', 'name: other'));
    await registry.apply(host('par-1', 'production', 'checkout', 'variables: { port: 9443 }\n'));
    expect(await registry.ask('registry.variables', { deployment: 'checkout', environment: 'production', resource: 'par-1' })).toEqual({
      deployment: 'checkout',
      environment: 'production',
      resource: 'par-1',
      variables: [
        {
          name: 'port',
          type: 'integer',
          required: false,
          value: 9443,
          winner: { from: 'resource', name: 'par-1', called: 'resource par-1', written: 9443 },
          losers: [
            expect.objectContaining({
              called: 'variable set tls',
              written: 443,
              priority: 0,
              because: 'the resource goes before a variable set',
            }),
            expect.objectContaining({ called: 'variable set other', written: 443, priority: -1 }),
            expect.objectContaining({
              called: 'deployment checkout, default',
              written: 8080,
              because: 'the resource goes before the default',
            }),
          ],
        },
      ],
    });
  });

  it('says what it was asked wrongly', async () => {
    const registry = await applied(SHOP, host('par-2', 'production'));
    const asked = async (request: { deployment?: string; environment?: string; resource?: string }): Promise<string> =>
      (await refusal(registry.ask('registry.variables', { deployment: 'checkout', environment: 'production', ...request }))).message;
    expect(await asked({})).toBe('checkout has 2 targets in production; name one with --resource: par-1, par-2');
    expect(await asked({ resource: 'par-3' })).toBe('par-3 is no target of checkout in production; did you mean par-1?');
    expect(await asked({ deployment: 'chekout' })).toBe('there is no deployment chekout; did you mean checkout?');
    expect(await asked({ environment: 'prod' })).toMatch(/^there is no environment prod/);
  });
});
