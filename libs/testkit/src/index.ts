export * from './eventually.js';
export * from './nats.js';
export * from './postgres.js';
export * from './proxy.js';
export * from './vendor/datadog-server.js';
export * from './vendor/test-certificate.js';
export * from './vendor/vendor-contract.js';
export * from './vendor/vendor-server.js';
