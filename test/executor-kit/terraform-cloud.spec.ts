import { expect } from '@jest/globals';
import { describeExecutor, STORIES } from './executor-suite.js';
import { terraformCloudSubject } from './subjects/terraform-cloud.js';

expect(STORIES.length).toBeGreaterThan(0);
describeExecutor('terraform-cloud', () => terraformCloudSubject());
