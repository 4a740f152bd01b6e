/** Address, namespace and the lazy client: creating it proves nothing about the server. */
import { Client, Connection } from '@temporalio/client';

import * as logger from '../lab/logger.js';

export const address = process.env.TEMPORAL_ADDRESS || 'localhost:7233';
export const namespace = process.env.TEMPORAL_NAMESPACE || 'default';

let client;

export function temporalClient() {
  if (!client) {
    client = new Client({ connection: Connection.lazy({ address }), namespace });
    logger.log('TemporalConnectionFactory', `Successfully connected to ${address}`);
  }
  return client;
}
