import { describeExecutor } from './executor-suite.js';
import { argoCdSubject } from './subjects/argo-cd.js';

describeExecutor('argo-cd', () => argoCdSubject(), { without: ['askPerson', 'personActs', 'asksToConfirm'] });
