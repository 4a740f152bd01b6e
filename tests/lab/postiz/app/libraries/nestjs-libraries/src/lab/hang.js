/**
 * The measured hang: the main thread waits on a futex for good, early, silent and small.
 * /app/.lab/hang-<app> holds how many starts are still to hang; empty means every start.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

export function hangIfAsked(app) {
  const file = `${process.env.LAB_SWITCHES || '/app/.lab'}/hang-${app}`;
  if (!existsSync(file)) return;
  const left = readFileSync(file, 'utf8').trim();
  if (left === '1') rmSync(file);
  else if (left) writeFileSync(file, String(Number(left) - 1));
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}
