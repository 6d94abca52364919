import { describeExecutor } from './executor-suite.js';
import { memorySubject } from './subjects/memory-system.js';

describeExecutor('of the smallest system', () => memorySubject());
