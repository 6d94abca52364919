import { createHmac, randomBytes } from 'node:crypto';
import type { TerraformCloudConfig } from '@slipway/contracts';
import type { Json, JsonObject } from '@slipway/core';
import { Refused } from '../executor.js';
import { dataOf, listOf, variableSchema, type WorkspaceVariable } from './answers.js';
import { refuseUnless } from './api.js';
import type { Beginning } from './beginning.js';

type Wanted = NonNullable<TerraformCloudConfig['variables']>[number];

/** Variables whose sensitive value this process remembers to have sent; more are sent anew. */
const REMEMBERED_MAX = 10_000;

/** The key is unique within a category, not beyond. */
const nameOf = ({ category, key }: { category: string; key: string }): string => `${category} ${key}`;
export const secretNameOf = (variable: { category: string; key: string }): string => `variable ${nameOf(variable)}`;

/**
 * Brings the variables that the config names to a workspace, and touches no other. A sensitive value can't be read back, so it is sent in every
 * job, but for one that this process has sent itself and whose version there is still the one that came of it.
 */
export class VariableSync {
  /** Values are kept as a keyed hash, under a key that lives as long as this process. */
  private readonly key = randomBytes(32);
  private readonly sent = new Map<string, { value: string; version: string }>();

  async bring(beginning: Beginning, workspaceId: string): Promise<void> {
    const wanted = beginning.config.variables ?? [];
    if (wanted.length === 0) return;
    let there = await this.list(beginning, workspaceId);
    for (const variable of wanted) {
      const known = there.get(nameOf(variable));
      if (known) await this.update(beginning, workspaceId, variable, known);
      else if (!(await this.create(beginning, workspaceId, variable))) {
        // It is there after all: an answer was lost, or somebody else made it meanwhile.
        there = await this.list(beginning, workspaceId);
        const made = there.get(nameOf(variable));
        if (made) await this.update(beginning, workspaceId, variable, made);
        else
          throw new Refused(
            `variable ${variable.key} (${variable.category}) could not be created: the workspace says it is there, and does not show it`,
          );
      }
    }
  }

  private async list({ api, wait }: Beginning, workspaceId: string): Promise<Map<string, WorkspaceVariable>> {
    const answer = await api.get(`/workspaces/${workspaceId}/vars`, wait);
    refuseUnless(200, answer, api, "reading the workspace's variables", 'the token needs the right to read and write variables');
    return new Map((listOf(variableSchema, answer.json) ?? []).map((variable) => [nameOf(variable.attributes), variable]));
  }

  /** False when the workspace has it already. */
  private async create(beginning: Beginning, workspaceId: string, variable: Wanted): Promise<boolean> {
    const { api, wait, run } = beginning;
    const { key, category } = variable;
    run.progress({ step: 'variables', message: `creates variable ${key} (${category})` });
    const attributes = { key, category, ...this.told(beginning, variable) };
    const answer = await api.send('POST', `/workspaces/${workspaceId}/vars`, document(attributes), wait);
    if (answer.status === 422 && (await this.list(beginning, workspaceId)).has(nameOf(variable))) return false;
    this.settle(beginning, workspaceId, variable, 201, answer);
    return true;
  }

  private async update(beginning: Beginning, workspaceId: string, variable: Wanted, known: WorkspaceVariable): Promise<void> {
    const { api, wait, run } = beginning;
    const told = this.told(beginning, variable);
    const has = known.attributes as Readonly<Record<string, unknown>>;
    const changed: JsonObject = Object.fromEntries(Object.entries(told).filter(([name, value]) => has[name] !== value));
    if (known.attributes.sensitive) {
      if (this.isSent(workspaceId, variable, String(told['value']), known.attributes['version-id'])) delete changed['value'];
      else changed['value'] = told['value'];
    }
    if (Object.keys(changed).length === 0) return;
    run.progress({ step: 'variables', message: `sets variable ${variable.key} (${variable.category})` });
    const answer = await api.send('PATCH', `/workspaces/${workspaceId}/vars/${known.id}`, document(changed, known.id), wait);
    this.settle(beginning, workspaceId, variable, 200, answer);
  }

  /** The fields that the config tells; the others are left as they are there. */
  private told({ run }: Beginning, variable: Wanted): JsonObject {
    const { secret, hcl, description } = variable;
    return {
      ...(secret === undefined ? { value: variable.value ?? '' } : { value: run.secrets[secretNameOf(variable)] ?? '', sensitive: true }),
      ...(hcl === undefined ? {} : { hcl }),
      ...(description === undefined ? {} : { description }),
    };
  }

  private settle(
    beginning: Beginning,
    workspaceId: string,
    variable: Wanted,
    ok: number,
    answer: Parameters<typeof refuseUnless>[1],
  ): void {
    const what = `setting variable ${variable.key} (${variable.category})`;
    refuseUnless(ok, answer, beginning.api, what, 'the token needs the right to read and write variables');
    const made = dataOf(variableSchema, answer.json);
    if (!made?.attributes.sensitive) return;
    const value = String(this.told(beginning, variable)['value']);
    if (this.sent.size >= REMEMBERED_MAX) this.sent.clear();
    this.sent.set(`${workspaceId} ${nameOf(variable)}`, { value: this.hash(value), version: made.attributes['version-id'] });
  }

  private isSent(workspaceId: string, variable: Wanted, value: string, version: string): boolean {
    const sent = this.sent.get(`${workspaceId} ${nameOf(variable)}`);
    return sent !== undefined && version !== '' && sent.version === version && sent.value === this.hash(value);
  }

  private hash(value: string): string {
    return createHmac('sha256', this.key).update(value).digest('base64');
  }
}

const document = (attributes: JsonObject, id?: string): Json => ({
  data: { ...(id === undefined ? {} : { id }), type: 'vars', attributes },
});
