import { setTimeout as pause } from 'node:timers/promises';

import { hangIfAsked } from '../../../libraries/nestjs-libraries/src/lab/hang.js';

// Upstream's start takes 7 to 10 s. PM2 gives up on what dies within one, and upstream's never does.
const START = 3000;

hangIfAsked('orchestrator');
process.env.TZ = 'UTC';
await pause(START);
const { startWorkers } = await import('./workers.js');
const { listen } = await import('./health.controller.js');

// Polling comes before the port: a second orchestrator polls for a moment, then dies of EADDRINUSE.
await startWorkers();
await listen(Number(process.env.ORCHESTRATOR_PORT || 3002));
