import { describe, expect, it } from '@jest/globals';
import { waveNamed } from '@slipway/core';

describe('a wave within a sentence', () => {
  it('is called by its name, and not twice a wave when nobody named it', () => {
    expect([waveNamed('canary'), waveNamed('wave 2'), waveNamed('waves of joy')]).toEqual(['wave canary', 'wave 2', 'wave waves of joy']);
  });
});
