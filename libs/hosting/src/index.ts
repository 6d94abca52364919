export * from './config.js';
export * from './deps.js';
export * from './host-service.js';
