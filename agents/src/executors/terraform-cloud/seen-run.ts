import type { Waiting } from '../../vendor/vendor-client.js';
import {
  costEstimateSchema,
  dataOf,
  includedOf,
  phaseSchema,
  runSchema,
  taskStageSchema,
  workspaceSchema,
  type CostEstimate,
  type TaskStage,
  type TerraformPhase,
  type TerraformRun,
  type TerraformWorkspace,
} from './answers.js';
import { told, type TerraformCloudApi } from './api.js';

/** A run as one look showed it, with what belongs to it. */
export interface SeenRun {
  run: TerraformRun;
  plan: TerraformPhase | undefined;
  apply: TerraformPhase | undefined;
  cost: CostEstimate | undefined;
  stages: TaskStage[];
  workspace: TerraformWorkspace | undefined;
}

/** The vendor answered, and not with the run. `gone`: it says that there is none, or that we may not see it. */
export class NotSeen extends Error {
  constructor(
    message: string,
    readonly gone: boolean,
  ) {
    super(message);
  }
}

const INCLUDED = 'plan,apply,cost_estimate,task_stages,workspace';

/** One look, one request. Throws `NotSeen`. */
export async function lookAt(api: TerraformCloudApi, runId: string, wait: Waiting): Promise<SeenRun> {
  const answer = await api.get(`/runs/${runId}`, wait, { include: INCLUDED });
  const gone = answer.status === 404 || answer.status === 401 || answer.status === 403;
  if (answer.status !== 200) throw new NotSeen(`run ${runId} could not be read: ${told(answer)}`, gone);
  const run = dataOf(runSchema, answer.json);
  if (!run || run.attributes.status === '') throw new NotSeen(`what answers at ${api.server} tells nothing of run ${runId}`, false);
  const phases = (type: string): TerraformPhase | undefined => includedOf(phaseSchema, type, answer.json)[0];
  return {
    run,
    plan: phases('plans'),
    apply: phases('applies'),
    cost: includedOf(costEstimateSchema, 'cost-estimates', answer.json)[0],
    stages: includedOf(taskStageSchema, 'task-stages', answer.json),
    workspace: includedOf(workspaceSchema, 'workspaces', answer.json)[0],
  };
}
