/** The backend waits for this before it listens, and nothing catches its failure. */
import { address, namespace, temporalClient } from './temporal.module.js';

const WANTED = ['organizationId', 'postId'];
const TEXT = 1;

export async function registerSearchAttributes() {
  if (process.env.TEMPORAL_TLS === 'true') return;
  const { operatorService } = temporalClient().connection;
  const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
  const missing = WANTED.filter((name) => !customAttributes[name]);
  if (!missing.length) return;
  await operatorService.addSearchAttributes({
    namespace,
    searchAttributes: Object.fromEntries(missing.map((name) => [name, TEXT])),
  });
  console.log(`Registered search attributes ${missing.join(', ')} at ${address}`);
}
