/** The lab's switches, read from the container's environment. */
import { setTimeout as pause } from 'node:timers/promises';

const number = (name, fallback) => Number(process.env[name] || fallback);

/** Upstream's waits are divided by this. */
export const timeScale = number('LAB_TIME_SCALE', 1);
export const compileSeconds = number('LAB_COMPILE_SECONDS', 0);
export const bootDelaySeconds = number('LAB_BOOT_DELAY_SECONDS', 0);
export const exitWithoutTemporal = process.env.LAB_TEMPORAL_REFUSED === 'exit';
export const socialUrl = process.env.LAB_SOCIAL_URL || 'http://social:8080';
export const providerQueues = (process.env.LAB_QUEUES || 'x,mastodon,tiktok,instagram,facebook,linkedin')
  .split(',')
  .map((queue) => queue.trim())
  .filter(Boolean);

/** Wait `seconds` of upstream's time. */
export const scaledPause = (seconds) => pause((seconds * 1000) / timeScale);
