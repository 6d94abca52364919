import { describeExecutor } from './executor-suite.js';
import { githubActionsSubject } from './subjects/github-actions.js';

// Reviews are given in GitHub.
const without = ['asksToConfirm'] as const;

describeExecutor('github-actions', () => githubActionsSubject(), { without });
