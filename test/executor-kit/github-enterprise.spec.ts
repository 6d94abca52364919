import { describeExecutor } from './executor-suite.js';
import { githubActionsSubject } from './subjects/github-actions.js';

// The first dispatch is refused there for its field: a lost answer to that one leaves nothing to find. Reviews are given in GitHub.
const without = ['loseStartAnswer', 'startAnswers502AfterDoing', 'asksToConfirm'] as const;

describeExecutor('github-actions at an Enterprise Server', () => githubActionsSubject({ enterprise: true }), { without });
