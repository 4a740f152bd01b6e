/** Upstream's waits. The worker writes LAB_TIME_SCALE into the bundle: workflow code has no environment. */
const scale = Number('@LAB_TIME_SCALE@');

/** Below this an activity would be timed out by a busy machine, not by what the lab did. */
const SHORTEST_TIMEOUT = 5_000;

/** Milliseconds for `seconds` of upstream's time. */
export const scaled = (seconds) => Math.max(1, Math.round((seconds * 1000) / scale));

export const timeout = (seconds) => Math.max(SHORTEST_TIMEOUT, scaled(seconds));
