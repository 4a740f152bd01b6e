import { hangIfAsked } from '../../../libraries/nestjs-libraries/src/lab/hang.js';

hangIfAsked('backend');
process.env.TZ = 'UTC';
await (await import('./bootstrap.js')).bootstrap();
