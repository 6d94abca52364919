import { describeExecutor } from './executor-suite.js';
import { githubActionsSubject } from './subjects/github-actions.js';

describeExecutor('github-actions', () => githubActionsSubject());
