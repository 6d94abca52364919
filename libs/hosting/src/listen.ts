import 'reflect-metadata';
import type { LoggerService } from '@nestjs/common';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import type { NatsConnection } from '@nats-io/transport-node';
import { JetStreamStrategy, readAnchors, type ServiceParts } from '@slipway/messaging';
import type { Log } from '@slipway/runtime';

/** The Nest module of a service: its parts are made already, and the strategy calls them. */
@Module({})
class ServiceModule {}

export interface ListenOptions {
  service: string;
  parts: ServiceParts;
  nats: NatsConnection;
  /** Folder with `anchors.json`. */
  trust: string;
  log: Log;
}

/** Shown by `nats micro ls`. */
const VERSION = '0.1.0';

/** Serve the parts as a Nest microservice over JetStream. Gives what stops it: nothing new is taken, what is under way is finished. */
export async function listen({ service, parts, nats, trust, log }: ListenOptions): Promise<() => Promise<void>> {
  const strategy = new JetStreamStrategy({
    connection: nats,
    service,
    version: VERSION,
    anchors: () => readAnchors(trust),
    log,
    now: () => Date.now(),
  }).register(parts);
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(ServiceModule, { strategy, logger: nestLog(log) });
  await app.listen();
  return () => app.close();
}

/** Nest's own words, at debug unless something is wrong. */
function nestLog(log: Log): LoggerService {
  return {
    log: (message: unknown) => log.debug(`nest: ${String(message)}`),
    warn: (message: unknown) => log.warn(`nest: ${String(message)}`),
    error: (message: unknown, ...more: unknown[]) => log.error(`nest: ${String(message)}`, { more }),
  };
}
