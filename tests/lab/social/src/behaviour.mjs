/** How each channel answers; what was not told otherwise publishes at once. */
import { errors } from './errors.mjs';

const MODES = ['ok', 'status', 'drop', 'slow', 'hang'];

/** Mastodon honours the Idempotency-Key; most others do not. */
const standard = (channel) => ({ mode: 'ok', honoursKey: channel === 'mastodon' });

export class Behaviours {
  #told = new Map();

  all() {
    return Object.fromEntries(this.#told);
  }

  /**
   * `told`: { mode, error?, status?, body?, delayMs?, times?, honoursKey? }. `error` is a name of errors.mjs
   * and stands for status and body; `times` is how many calls it holds for, then the channel is well again.
   */
  set(channel, told) {
    const mode = told.mode ?? (told.error ? 'status' : 'ok');
    if (!MODES.includes(mode)) throw new TypeError(`mode must be one of ${MODES.join(', ')}, not ${mode}`);
    if (told.error && !errors[told.error])
      throw new TypeError(`unknown error ${told.error}; known: ${Object.keys(errors).join(', ')}`);
    const behaviour = { ...standard(channel), ...told, ...errors[told.error], mode };
    if (mode === 'status' && !(behaviour.status >= 400 && behaviour.status <= 599))
      throw new TypeError('status must be 400 to 599');
    this.#told.set(channel, behaviour);
    return behaviour;
  }

  reset(channel) {
    if (channel) this.#told.delete(channel);
    else this.#told.clear();
  }

  /** The behaviour of the next call, which uses up one of its `times`. */
  take(channel) {
    const behaviour = this.#told.get(channel) ?? standard(channel);
    if (behaviour.times !== undefined) {
      if (behaviour.times <= 1) this.#told.delete(channel);
      else this.#told.set(channel, { ...behaviour, times: behaviour.times - 1 });
    }
    return behaviour;
  }
}
