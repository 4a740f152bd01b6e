import { hangIfAsked } from '../../../libraries/nestjs-libraries/src/lab/hang.js';

hangIfAsked('orchestrator');
process.env.TZ = 'UTC';
const { startWorkers } = await import('./workers.js');
const { listen } = await import('./health.controller.js');

// Polling comes before the port: a second orchestrator polls for a moment, then dies of EADDRINUSE.
await startWorkers();
await listen(Number(process.env.ORCHESTRATOR_PORT || 3002));
